"""What people read of a build: the HTML report and the model cards.

page               the report: one HTML file that opens from disk and needs no network
data               what it is made of: the build's result files, read and joined into frozen records
label_trust        how far labels can be trusted, and where page and label read otherwise
learning_curve     what more pages would buy: a page of its own, and a section of the report
nearest_pages      test pages beside the training pages nearest to them
tables             its tables; the names of metrics are in templates/measures.json
plots              its plots as Plotly figures in JSON, drawn in the reader's colour scheme
index              its index of test pages, which filters and orders them
outcome            the headline, what the verdict means in plain words, and what to do next
page_boxes         boxes of blocks, drawn over a page image
images             its page images: embedded while they are few, else links
public_benchmarks  how a benchmark's scores are shown: in report, model card and on the terminal
resources          the page of what a build's jobs took: reports/resources.html
comparison         two adapters side by side, as one HTML file
environment        what the pages of this room share: templates in English or Chinese, every value in them as text
tracking           what experiment trackers are told of a finished build
model_card         Hugging Face model cards of the adapter and of the merged model
dataset_card       the card of a dataset that a build exports
variant_card       what a smaller variant of the merged model says of itself
reading_code       Python in them, from a page image to its Markdown
"""
