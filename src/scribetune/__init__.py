"""scribetune: from a folder of PDFs to a fine-tuned document-OCR model, with evidence and lineage."""

__version__ = "0.2.0"
