"""The sample corpus that stands in while there are no PDFs, and the retention pages that nobody trains on.

corpus           the sample corpus: seeded documents as PDFs, with the Markdown they were made from
retention        the retention set: plain pages outside the user's domain, so that forgetting shows
compositions     pages composed from phrases: financial summaries, invoices, lab sheets, memos
phrases          the vocabulary (templates/phrases.<language>.yaml), and how texts are filled from it
lab_values       tables of measurements for lab sheets
sample_formulas  formulas, composed from templates/sample_formulas.yaml
expressions      mathematical expressions written three ways from one source: LaTeX, Typst, plain
blocks           what pages are composed of: headings, paragraphs, lists, tables and formulas
typesetting      pages of blocks → Typst source → tagged PDF
"""
