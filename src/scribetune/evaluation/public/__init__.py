"""Public benchmarks as evaluation sets of a build: their pages, their scores, and how these are shown.

images   page images of a benchmark: pages of PDFs are rendered as training pages are, images are taken as they are
listing  what pages a benchmark has, as one small file: {"pages": [{id, source, page, sha256}]} in the set's order
scores   scores of base and tuned model on a benchmark, as its published tables have them: reports/benchmarks/<name>
sources  where pages and truth of an evaluation set lie
"""
