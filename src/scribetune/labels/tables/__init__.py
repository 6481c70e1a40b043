"""Tables of born-digital pages: what the library finds, repaired by what the page draws.

body       the body of a table under repair: which lines are one row, and which columns their words are in
cells      tables of a page as grids of cells, and how they are written
columns    the columns of a table under repair
direction  tables that are read from right to left: mirrored, so that all that is known of tables holds for them too
grid       a table under repair as a grid: where its columns are, where their words reach, and the rules across it
header     the header of a table under repair: which lines are one heading, and which columns and rows it spans
lines      the lines of words in a table's box, cut where its columns may be, and what a figure is
repair     tables of layout analysis, repaired by what stands on the page
"""
