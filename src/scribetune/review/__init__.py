"""People's part: a page in the browser where labels are accepted, corrected and rejected, and what becomes of that.

decisions      data/corrections/reviews.csv: what people decided, which the build reads too
page_views     what a build has made of each page, as a reviewer needs it
queues         the order in which pages are shown to a person
readings       what the tuned model reads on the pages of a build
gain           which page to correct next: expected wrong words, and how new they are
suspects        labels that the tuned model and a reader of page images agree against
spot_check     a random sample of the labels that a build uses, and the error rate it speaks for
drafts         unfinished texts, written while the reviewer types
reviewers      their names: which can be used, the one to propose, who has not said it yet
refusals       what a reviewer is told when something cannot be done
both_readings  what two readers read otherwise on a page: both, who doubts, and where
session        these joined under one lock: opens pages, takes decisions, tells the second of two people on one page
server         the web server: a Starlette application, guarded and run by `web`
teacher        labels by a teacher model, or two readers of lines, for pages that have none: scans, refused text layers
"""
