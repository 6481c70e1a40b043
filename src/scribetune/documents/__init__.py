"""PDFs in, page images out.

inputs             input documents
page_images        page images
rendering          pages of PDFs
text_layer_checks  whether a page's text layer can be trusted
withdrawals        withdrawn documents: config/withdrawn.csv, the list of what must never be learned from again
"""
