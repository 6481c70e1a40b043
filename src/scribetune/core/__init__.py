"""The ground: errors, files, processes, the configuration. It imports no other room.

config       the configuration: one model with types, defaults and descriptions
config_documents what the section `documents` says, and where they lie: in a folder, or in object storage
config_section   what its sections are: immutable, closed, with keys that decide or do not
config_task      what a model is asked, as the configuration says it
config_studies   its sections about forgetting and the learning curve
config_messages  what a key accepts, and what is wrong with a configuration, in words
yaml_files   configuration files as they are on disk, and where in one a slip is
old_names    old names of configuration keys, accepted for one release
errors       the exceptions that a user can do something about: a message, never a traceback
layout       where things lie: the path grammar of the build
manifests    the CSV tables that are the edges between rules, one row per document or page
user_text    texts that people write: one reader for encodings, byte-order marks and line ends
csv_files    CSV files that people open in spreadsheets, which obey no cell of them
files        content hashes, and writes that are either whole or absent
line_journal lines that one process at a time adds to: what is left of its work after a kill
disk_space   how a full disk is told from other errors, and what is said of it
file_hashes  SHA-256 of files, remembered from one command to the next, as git's index remembers them
isolation    work on untrusted documents in worker processes with limits of time and memory
package      where this project lies, and the files of its package that are no modules
progress     progress of long work: a live bar on a terminal, a line a minute anywhere else
"""
