"""What people read of a build: the HTML report and the model cards.

data               what the report is made of: the build's result files, read and joined into frozen records
images             page images for the report
index              the index of the test pages in the report
model_card         the adapter's Hugging Face model card
page               the report that people read: one HTML file that opens from disk and needs no network
plots              the report's plots as Plotly figures in JSON; the page draws them in the reader's colour scheme
public_benchmarks  how a benchmark's scores are shown
resources          the page of what a build's jobs took: reports/resources.html
tables             the report's tables: metrics, groups, documents and lineage arranged as rows of text and numbers
"""
