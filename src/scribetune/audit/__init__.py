"""The audit: what made a model, over all of history, read back from the lineages that the build wrote.

What a build writes down of itself:
lineage           which documents, pages, configuration, code and environment made an adapter, as plain JSON
crate             the build as a Provenance Run Crate (RO-Crate 1.1, Workflow Run RO-Crate 0.5)

What is asked of it later (each a command of `cli`):
whence            what made an adapter, a merged model, a report or a prediction
touches           which adapters, merged models and reports a document or a page went into
timeline          the adapters that were trained, newest first
differences       what changed between two lineages, in words and as plain values
recorded          result files of a build wherever it is kept: its folder, a copy of its reports, or a revision
verify            every hash that a build recorded, computed again
withdraw          withdrawing a document: keep it out from now on, and say what it touched
purge             what is kept of a withdrawn document on this machine, and what no command here can take back
reproduce         a revision, built again by its own code in a scratch folder and compared file by file
signature         a lineage signed with SSH, and the signature checked

What these share:
history           lineages over all of git history
lineage_reader    a lineage as typed, frozen rows
answers           answers as plain values (for --json), and the names of metrics
build_folder      a build's working directory, as the commands that act on what was recorded look into it
expected_hashes   what a build recorded of its files, gathered from all its records before anything is hashed
file_differences  where and how much two files differ, in a sentence: weights, records, tables, JSON
dvc               what DVC records of a build: dvc.lock, the .dvc files, the objects in its cache
git               what git says of the repository that a build lies in
"""
