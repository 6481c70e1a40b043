"""What a folder was last built with, where the rooms that plan builds look for it; see `record.remembered`."""

from scribetune.record.remembered import COMMAND, RECORD, Remembered, command, last, note_caller, read, values, write

__all__ = ["COMMAND", "RECORD", "Remembered", "command", "last", "note_caller", "read", "values", "write"]
