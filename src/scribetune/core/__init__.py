"""The ground: errors, files, processes, the configuration. It imports no other room.

config       the configuration
errors       the one exception that a user's mistake raises: shown as a message, never as a traceback
file_hashes  SHA-256 of files, remembered from one command to the next, as git's index remembers them
files        files on disk: content hashes, and writes that are either whole or absent
isolation    work on untrusted documents in worker processes with limits of time and memory
layout       where things lie
manifests    manifests: the CSV tables that are the edges between rules, one row per document or page
old_names    old names of configuration keys, which are accepted for one release
package      where this project lies, and the files of its package that are no modules
progress     progress bars: a live line on a terminal, nothing anywhere else (logs stay readable)
"""
