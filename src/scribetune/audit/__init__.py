"""The audit: what made a model, over all of history, read back from the lineages that the build wrote.

answers           answers as plain values (for --json) and the names of metrics, shared by every query
build_folder      a build's working directory, as the commands that act on what was recorded look into it
crate             the build as a Provenance Run Crate (RO-Crate 1.1, Workflow Run RO-Crate 0.5)
differences       what changed between two lineages, in words and as plain values
dvc               what DVC records of a build
expected_hashes   what a build recorded of its files, gathered from all its records before anything is hashed
file_differences  where and how much two files differ, in a sentence: weights, records, tables, JSON
git               what git says of the repository that a build lies in; the git on PATH is the user's
history           lineages over all of git history
lineage           lineage
lineage_reader    a lineage (models/adapter/lineage.json or reports/lineage.json) as typed, frozen rows
purge             what is kept of a withdrawn document on this machine, and what no command here can take back
reproduce         reproducing a revision
signature         signature of a lineage
timeline          adapters over time
touches           which adapters, merged models and reports a document or a page went into, over all of history
verify            verification: every hash that a build recorded is computed again, and what does not hold is named
whence            what made an adapter, a merged model, a report or a prediction
withdraw          withdrawing a document: keep it out from now on, and say what it touched
"""
