"""Formulas: where they are said in a PDF, and as LaTeX.

latex_characters     the LaTeX of characters of formulas
latex_rows           a row of a formula
placing              LaTeX that a tagged PDF carries (`formula_sources`), and where on the page its formulas stand
presentation_mathml  presentation MathML as LaTeX
sources              what a tagged PDF carries of a formula besides its glyphs, and how it becomes LaTeX
"""
