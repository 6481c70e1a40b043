"""Formulas: where they are said in a PDF, and as LaTeX.

sources              what a tagged PDF carries of a formula besides its glyphs, and how it becomes LaTeX
placing              where on the page the formulas stand whose LaTeX `sources` found
presentation_mathml  presentation MathML as LaTeX
latex_rows           a row of a formula: its pieces, fences, environments, and the blanks between them
latex_characters     the LaTeX of single characters
"""
