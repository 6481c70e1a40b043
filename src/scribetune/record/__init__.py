"""What a job was, as hashes: the code that it ran, what it read, what it was told and what it made.

jobs         what every rule's script does around its `main`: a log file, errors in words, a receipt
receipts     what each job read, was given, ran with and made, in .snakemake/receipts
code         which code a rule executes, as a digest
definitions  a module's definitions, each as a digest of what it says, whatever file it stands in
provenance   which environment this project runs in, as a digest that ignores what does not change a result
running      who is at work in a working directory, as locks that end with their process
replaced     results that a build replaces on purpose, kept by hash in work/replaced
reuse        documents that are taken as they are: what an earlier job made of one, where nothing about it changed
listings     input documents of a shard as one small file, {path: sha256}, in the place of thousands of edges
steps        the steps of a build, read off the loaded workflow
remembered   what a folder was last built with: corpus, base model, flags; the command that builds it again
trackers     experiment trackers: what is installed, where it writes, which run is meant
resources    what a build's jobs took: time, memory, pages per second
"""
