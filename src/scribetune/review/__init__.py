"""People's part: a page in the browser where labels are accepted, corrected and rejected, and what becomes of that.

decisions   data/corrections/reviews.csv: what people decided, which the build reads too
page_views  what a build has made of each page, as a reviewer needs it
queues      the order in which pages are shown to a person
spot_check  a random sample of the labels that a build uses, and the error rate it speaks for
drafts      unfinished texts, written while the reviewer types
reviewers   their names: which can be used, the one to propose, who has not said it yet
refusals    what a reviewer is told when something cannot be done
session     these joined under one lock: opens pages, takes decisions, tells the second of two people on one page
server      the web server: a Starlette application on 127.0.0.1, run by uvicorn
guard       who may talk to it: this machine's browser, from the page itself, with the token
teacher     labels by a teacher model, or two readers of lines, for pages that have none: scans, refused text layers
"""
