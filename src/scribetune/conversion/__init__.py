"""The tuned model in use: documents in, Markdown out.

converting  the way in: `convert` reads documents into a folder, and goes on where an earlier call was stopped
given       what a call was given: files, folders and the standard input as documents, each named once; page ranges
pages       pages of documents as images, some ahead of the reader, in worker processes
readers     who reads pages: a model folder in this process
endpoint    or a server with OpenAI's interface
manifest    a row for each page, on the disk before the next page is waited for
joining     a document's pages as one text: tables that go on over pages are written once
written     what people get: a file for each document as Markdown, HTML or JSON, and tables as CSV
"""
