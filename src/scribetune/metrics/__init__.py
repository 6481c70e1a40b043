"""What is measured: text, tables, loops and paired statistics, each exact against its reference implementation.

Nothing here imports torch. Definitions are fixed by golden cases in tests/conformance/golden.

text_scores    CER, WER, NED, BLEU, ROUGE
markdown       tables and formulas in a page's text
tables         all tables of a page, in reference and prediction
grits          two tables as grids: GriTS
teds           two tables as trees: TEDS
adjacency      two tables as neighbouring cells: ICDAR 2013
omnidocbench/  whole pages: text, formulas, tables, reading order
olmocr         olmOCR-bench: facts about a page
boxes          boxes of blocks: intersection over union, F1
loops          repetition, blank and truncated answers
paired         base against tuned on the same pages
kernels        inner loops that are compiled by numba once there is enough to do
"""
