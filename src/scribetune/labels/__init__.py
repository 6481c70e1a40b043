"""A page's Markdown: what its PDF says and draws, as blocks, tables and formulas.

shard            the way in: a shard's documents, labelled in workers, people's corrections put in place
reader           one page: by its tags (`structure`), as running text (`plain_pages`) or by `layout_analysis`
retention_pages  pages of the user's own PDFs that nobody trains on, with what their text layers say
rows             the rows of data/manifests/labels, whoever or whatever labelled the page
corrections      labels that people, or another model, wrote: they take the place of the machine's
coverage         what a label has of its text layer, word by word and by place: recall and precision
placed_words     a label's words, each put where the page has it, without knowing how the label was made
block_boxes      where the blocks of a label stand on its page
block_shard      that of a shard's pages, in workers
mended_fonts     pages whose fonts of symbols and ligatures say what they show
cuts             where a long page can be cut across: between which blocks of its label there is a gap
doubts           places that speak against a label: their kinds, and how the manifest tells of them
witnesses        what a page says against its label: places where it cannot be what is read there
order_witness    the same of the order of paragraphs: sentences cut, small print within text
drawing_order    the same of the order in which the page draws its words: a second reader of running text
blocks_witness   the same of texts side by side, read row by row as if they were names and values
table_witness    the same of tables: cells in another row or column, headings among them
figure_witness   the same of pictures: each has one mark, where it stands among the text around it
drawing_witness  the same of drawings: no form's names and no sentences are left out as their words
edge_bands       bands at the edges of a page, a gap over the whole width from all other text
agreement        who reads page images to see whether labels are right, and how far Tesseract agrees
image_witness    what the page image says against the text layer: fonts that lie, lines that it lacks
image_reading    text read off an image: where its lines stand, and what each says
scanned_tables   tables of scans: where two readers' words stand in the same cells
scanned_words    words of a scan where their ink is: by the first reader, and by Tesseract on the whole page
retyped_pages    a reader's words of a scan set again as a PDF's page, on which tables are found as on any
two_readings     scans read by two readers: lines that both read alike
agreed_lines     what speaks against these: points and colons that neither reader saw
image_models     the networks that do so: from the installed wheel of rapidocr, by hash

structure        Markdown from the tags of a tagged (accessible) PDF
tag_tree         its structure tree, as far as a page's text does not tell it: formulas, cells, kinds of elements
tagged_order     elements of a tagged page where they belong: pieces of a paragraph, text without a tag
tagged_text      running text of a tagged page under way: pieces joined by where they stand
tagged_tables    the grid of a tagged table on a page
plain_pages      pages of running text: told from others by cheap tests, and cut into blocks without a layout model
layout_analysis  pages with tables or drawings: blocks by a layout model, tables repaired, no word lost
drawings         words that belong to a drawing, which its mark stands for
pictures         the pictures that a page shows, and their marks put in place
layout_model     PyMuPDF's layout model and table finder, called for what labels need of them and nothing else
list_items       which of them are items of lists: marks that stand alone, items without a mark
page_blocks      the blocks of a page, and the Markdown that each becomes
tables/          tables of born-digital pages, found by the library and repaired
formulas/        LaTeX that a PDF carries of its formulas, and where on the page they stand
continued_tables tables that go on over a page: known as such, and written once where pages are joined
nested_tables    a table in a cell of another, made one grid

text_layer       the text layer of a page: lines of spans with their fonts, in logical order
characters       the characters of a page: which words are turned, and where a word can be cut
line_ends        what stands between two lines of a text: a blank, nothing, or a hyphen that goes
equal_widths     equally wide characters: code, or a font that is so by nature
code_rows        rows of code whose pieces stand apart: remarks beside it, rules of a grammar, blanks to fill
font_widths      fonts whose characters are equally wide although nothing says so, by measure
text_pages       MuPDF's text pages, read without decoding the images on them, text drawn several times once
accents          accents drawn as characters of their own, put on their letters
underscores      underscores drawn as rules, made characters of the words that they join
outlined_text    letters drawn as outlines: whether a page has rows of them, where it has no words
page_drawings    what a page draws besides text and images, asked for once
covered_text     words under dark bars, which nobody sees
form_fields      values of form fields, put beside their labels
ruling_lines     the straight lines drawn on a page: what frames and divides its tables
sampled_pages    a few pages of a document, which say what is usual in it
heading_levels   levels of headings in the whole document
reading_order    columns one after another, what runs across them between
column_notes     notes at the foot of a column: behind the text of all columns
running_heads    running heads, feet and page numbers: what repeats over the pages of a document
names_and_values names beside their values, read row by row
line_room        how far a line could have gone: which ones end on purpose
line_numbers     numbers that count the lines beside them
paragraphs       which lines of a column belong together, told by what is measured on the page
dropped_capitals large letters at the head of a text, put to its first line
line_glyphs      glyphs by their places: letters with their marks, ligatures with their letters
right_to_left    right-to-left text in logical order, from the places of its glyphs
"""
