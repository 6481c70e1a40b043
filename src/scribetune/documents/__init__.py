"""PDFs and image files in, page images out.

inputs             which documents there are, what they are called, their shards, what the optional sheet says
object_storage     documents in S3: copies of them, brought up to date when a build is planned
rendering          a shard's documents, page by page in workers: an image, what the text layer is worth, what went wrong
page_trees         page trees that lie or run in circles, put right in memory
page_images        one page as a lossless PNG of a fixed long side, the same bytes every time
image_files        PNG, JPEG, TIFF, WebP and BMP as documents
text_layer_checks  whether a text layer can be trusted: unmapped glyphs, text that nobody sees
drawn_page         what a page draws: glyphs with the characters they are said to be, places of images
glyph_shapes       whether a font draws the letters that its text layer names
symbol_fonts       fonts of symbols: what their glyphs mean, and which are pictures
ligatures          ligatures that a font says are signs, told by their shapes
unread_text        rows of text on a page of images that its text layer lacks
withdrawals        config/withdrawn.csv: the documents that must never be learned from again
"""
