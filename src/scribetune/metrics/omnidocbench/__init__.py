"""OmniDocBench v1.5, end to end: text, formula, table and reading order of whole pages.

Defined by OmniDocBench at commit 7bd6c2e (`quick_match`), whose elements and values these modules give. Where it
raises or runs out of time, they say what they do instead. CDM, which needs TeX, is not computed: an overall value
without it is "overall (no CDM)".

page_scores    the way in: one page's elements with their distances, and its scores
elements       a prediction's blocks: tables, formulas, code, paragraphs
ground_truth   a page's annotations: OmniDocBench's, or those of a label in Markdown
matching       which block answers which annotation
normalisation  the strings that are compared
"""
