"""People's part: a page in the browser where labels are accepted, corrected and rejected, and what becomes of that.

`decisions` is the table of decisions, which the build reads too; `page_views` is what a build has made of each page;
`queues` puts pages in an order; `spot_check` draws a random sample and counts its errors; `drafts` keeps unfinished
texts; `session` joins these under one lock; `guard` and `server` are the web server.
"""
