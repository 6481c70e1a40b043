"""A page's Markdown: what its PDF says and draws, as blocks, tables and formulas.

agreement        how far an independent reading of the page image agrees with its label
corrections      labels that people, or another model, wrote: they take the place of the machine's
formulas/        labels.formulas
layout_analysis  pages with tables or drawings
layout_model     PyMuPDF's layout model and table finder, called for what labels need of them and nothing else
nested_tables    a table in a cell of another, made one grid
page_blocks      the blocks of a page, and the Markdown that each becomes
plain_pages      pages of running text: told from others by cheap tests, and cut into blocks without a layout model
reader           labels by the machine
reading_order    the order in which the blocks of a page are read: columns one after another (recursive XY cut)
right_to_left    text in right-to-left scripts
rows             the rows of data/manifests/labels
ruling_lines     the straight lines drawn on a page: what frames and divides its tables
shard            the labels of a shard
structure        Markdown from the tags of a tagged (accessible) PDF
tables/          labels.tables
tag_tree         the structure tree of a tagged PDF, as far as a page's text does not tell it
text_layer       the text layer of a page, read for its content
text_pages       MuPDF's text pages, read without decoding the images on them
"""
