"""What a job was, as hashes: the code that it ran, what it read, what it was told and what it made.

code         which code a rule executes
definitions  a module's definitions, each as a digest of what it says, whatever file it stands in
jobs         what every rule's script does around its `main`
listings     listings of input PDFs: one small file per shard, {path: sha256}, in the place of thousands of edges
provenance   which environment this project runs in, as a digest that ignores what does not change a result
receipts     receipts
resources    what a build's jobs took
reuse        documents that are taken as they are
steps        the steps of a build, read off the loaded workflow
"""
