"""Pre-training of the embedded base model (`models/tiny`): pages, training in sittings, scores, export.

Needed only to make that model anew; no rule of the usual build imports it.
"""
