"""From labelled pages to records: which are good enough, and which split they go to.

selection   which pages pass the gates, with a reason for every one that does not, and near-duplicate clusters
near_duplicates  clusters of texts that share most of their character 8-grams
trust       the probability that a label is right, from all that was checked, and the reasons
unlabelled  pages that were refused although they can be read: what a folder of scans is told
page_kinds  what kind of page a label is of: the script it is written in, and what is laid out on it
leakage     proof that the test repeats nothing of the training: the nearest training page of every test page
splits      each document, with its near-duplicates, to train, validation or test: by a hash, never by chance
questions   what a page is asked, and what it answers: its label, with the boxes of its blocks, or a part of it
subsets     parts of the training documents, each holding the smaller ones
replay      pages outside the domain mixed into a training, and how many
long_pages  pages that are too long, cut into parts: image and label at once, where the image is white
export      the splits as one folder for others, which can be copied or uploaded as it is
formats     the records in the forms that other trainers read
parquet     tables with the page images in them
croissant   the dataset's metadata for search engines and loaders
"""
