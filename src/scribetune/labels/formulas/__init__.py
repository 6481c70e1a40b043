"""Formulas: where they are said in a PDF, or drawn, and as LaTeX.

sources              what a tagged PDF carries of a formula besides its glyphs, and how it becomes LaTeX
placing              where on the page the formulas stand whose LaTeX `sources` found
presentation_mathml  presentation MathML as LaTeX
drawn                formulas that no tag describes: where they are on the page, from the glyphs that it draws
text_rows            lines of running text, told from formulas
inline               formulas within a line of running text
drawn_glyphs         glyphs with their meaning, their baseline and the box of their ink
glyph_names          what the glyphs of mathematical fonts are, by font and name
layout               LaTeX of a drawn formula from the places of its symbols: limits, scripts, rows between brackets
symbols              symbols of a drawn formula: roots, fractions, accents and words of several become one
unread               what of formulas no text layer says: glyphs without meaning, pictures in a line
on_layer             words that stand for drawn formulas while a page is cut into blocks
latex_rows           a row of a formula: its pieces, fences, environments, and the blanks between them
latex_characters     the LaTeX of single characters
"""
