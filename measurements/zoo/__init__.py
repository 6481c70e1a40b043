"""The zoo: PDFs made from a seed, whose truth is known exactly, for measuring labels on what no rule was tuned to.

styles         the styles of tables and of texts, each in one of two halves: to develop on, or to report
words          what stands in cells and paragraphs: names, figures, units, sentences in three languages
grids          a style's tables as grids of cells with spans: the truth, and what is needed to set it
typst_tables   tables set by Typst
drawn_tables   tables drawn line by line and text by text, as many programs write them
fonts          the fonts of what is drawn
typst_texts    paragraphs and lists set by Typst
drawn_texts    paragraphs and lists drawn line by line
documents      the way in: a style and a number become a PDF with its truth
over_pages     tables that go on over a page, and pairs of tables that do not
labels         the readers that are measured: ours, and pymupdf4llm alone
scores         tables against tables, blocks against blocks
repairs        what labels do to the tables that the library finds, each to be left out
"""
