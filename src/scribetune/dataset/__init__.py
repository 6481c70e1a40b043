"""From labelled pages to records: which are good enough, and which split they go to.

page_kinds  what kind of page a label is of: the script it is written in, and what is laid out on it
selection   page selection
splits      splits
"""
