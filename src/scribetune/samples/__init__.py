"""The sample corpus that stands in while there are no PDFs, and the retention pages that nobody trains on.

blocks           what pages are composed of: headings, paragraphs, lists, tables and formulas
compositions     composes the sample documents' pages from a language's phrases
corpus           the sample corpus
expressions      mathematical expressions that are written three ways from one source
lab_values       tables of measurements for lab sheets
phrases          the sample corpus's vocabulary: templates/phrases.<language>.yaml, and how texts are filled from it
retention        the retention set
sample_formulas  formulas of the sample corpus
typesetting      pages of blocks → Typst source → tagged PDF; and an estimate of how much fits on a page
"""
