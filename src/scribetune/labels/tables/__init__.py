"""Tables of born-digital pages: what the library finds, repaired by what the page draws.

ruled      tables whose cells are framed by lines: a way in
lattice    the lines of a page, snapped and joined; their faces are cells
ruled_checks  whether a lattice is a table, and not a frame, a chart or bands of rows
ruled_edges   headings above the lines, totals below and beside them
ruled_rows    rows that white space makes of one between lines: two levels of headings, two names with their values
broken_words  words and numbers that narrow cells break without a hyphen
cell_text  the text of a cell, words that run up or down the page among them
sections   headings in the box of a table end it
repair     all others: the way in: columns, headers over several columns and wrapped rows, by what stands on the page
grid       a table under repair: where its columns are, where their words reach, and the rules across it
lines      the lines of words in its box, cut where its columns may be, and what a figure is
columns    its columns: those found, split and merged by white space
header     its header: which lines are one heading, and which columns and rows it spans
rows       the rows of its body: the division of its lines that explains most of what stands on the page
body       the cells of its body: which columns the words of a row are in
between_rules  tables that the layout model took for text, between three rules of one length
direction  tables that are read from right to left: mirrored, so that all of this holds for them too
cells      the outcome: grids of cells, written as Markdown where they fit, as HTML where cells span
second_reading  a second reading of a table, from its words alone
witness    what the page says about a table: both readings compared, and how words stand in their cells
agreement  how far tables are to be trusted: what their witnesses say, as one number
cell_words which words of the page each cell took: by what it says, and where it must stand
"""
