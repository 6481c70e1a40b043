"""What a text or a table is, whoever wrote it: Markdown, MathML, tables as grids, differences.

markdown       the project's Markdown conventions: what a label looks like, whatever made it
grids          a table as a grid: the one form in which Markdown and HTML tables are compared
html_spaces    white space in HTML as a browser shows it
markdown_view  Markdown from labels and models as HTML that can be trusted: no markup of theirs survives
mathml         LaTeX formulas as MathML; nothing but MathML comes out
grounding      blocks of a page with their boxes, as DeepSeek-OCR writes them: written, and read back
placed_blocks  blocks of a label with their places on the page: what data/manifests/blocks has of each page
sharegpt       records of a question with an image and an answer, as trainers read them
bidirectional  the Unicode bidirectional algorithm turned around: the text of a line from what it shows
characters     the characters of a text as they are compared: of one form each, and without blanks
text_diff      character-level differences between a reference and a reading of it, as safe HTML
grid_diff      where two readings of one table differ, cell by cell
language       the language that pages for people are written in, and its texts
visible_text   characters that could deceive a reader, shown by their code point
"""
