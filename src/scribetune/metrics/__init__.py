"""What is measured: text, tables, loops and paired statistics, each exact against its reference implementation.

`text_scores` (CER, WER, NED, BLEU, ROUGE), `markdown` (tables and formulas in a text),
`grits`, `adjacency` and `teds` (two tables), `tables` (all tables of a page), `omnidocbench` (whole pages: text,
formulas, tables, reading order), `olmocr` (facts about a page), `loops` (repetition), `paired` (base against tuned);
`kernels` holds the compiled inner loops. Nothing here imports torch. Definitions are fixed by golden cases in
tests/conformance/golden.
"""
