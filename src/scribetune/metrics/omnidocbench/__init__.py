"""OmniDocBench v1.5, end to end: text, formula, table and reading order of whole pages.

Defined by OmniDocBench at commit 7bd6c2e (`quick_match`), whose elements and values these modules give: `elements`
(a prediction's blocks), `normalisation` (what is compared), `ground_truth` (a page's annotations), `matching` (which
block answers which annotation) and `page_scores` (one page's elements and scores). Where it raises or runs out of
time, the modules say what they do instead. CDM, which needs TeX, is not computed: an overall
value without it is "overall (no CDM)".
"""
