"""From labelled pages to records: which are good enough, and which split they go to.

selection   which pages pass the gates, with a reason for every one that does not, and near-duplicate clusters
trust       the probability that a label is right, from all that was checked, and the reasons
unlabelled  pages that were refused although they can be read: what a folder of scans is told
page_kinds  what kind of page a label is of: the script it is written in, and what is laid out on it
splits      each document, with its near-duplicates, to train, validation or test: by a hash, never by chance
"""
