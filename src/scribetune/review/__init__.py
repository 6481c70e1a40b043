"""People's part: a page in the browser where labels are accepted, corrected and rejected, and what becomes of that.

`decisions` is the table of decisions, which the build reads too; `page_views` is what a build has made of each page;
`queues` puts pages in an order; `spot_check` draws a random sample and counts its errors; `drafts` keeps unfinished
texts; `session` joins these under one lock; `guard` and `server` are the web server.

decisions   data/corrections/reviews.csv
drafts      unfinished texts: one file per page and reviewer in work/review/drafts, written while the reviewer types
guard       who may talk to the review server: this machine's browser, from the page itself, with the token
page_views  what a build has made of each page, as a reviewer needs it: image, label, trust, why it was refused
queues      the order in which pages are shown to a person
server      the review server: a Starlette application on 127.0.0.1, run by uvicorn
session     a review session
spot_check  spot check
teacher     labels by a teacher model for pages that have none: scans, and pages whose text layer was refused
"""
