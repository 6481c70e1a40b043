"""A page in the browser to try a model: a PDF or an image is dropped, and its pages stand beside their Markdown.

desk     the documents of a visit: they wait, are read one after another as `conversion` reads, and go away
scratch  the folder that they lie in, gone with the server, also one that was killed
server   the web server: a Starlette application, guarded and run by `web`
"""
