"""Public benchmarks as evaluation sets of a build: their pages and their scores.

How these are shown is `report.public_benchmarks`.

sources  where pages and truth of an evaluation set lie; light, since every plan of a build looks here
listing  what pages a benchmark has, as one small file: {"pages": [{id, source, page, sha256}]} in the set's order
images   page images of a benchmark: pages of PDFs are rendered as training pages are, images are taken as they are
scores   scores of base and tuned model on a benchmark, as its published tables have them: reports/benchmarks/<name>
"""
