"""Merging: base + adapter as one model that loads like any other; `merged_model.merge` is the way in.

merged_model  the whole merge, in order
deltas        what an adapter adds to which tensors, and the sum
layouts       the two sets of names of a model's tensors, and the way between them
streaming     the merged checkpoint, written while the base's is read
checkpoint    safetensors files read and written one tensor at a time
proof         every tensor on disk against the base's, and logits on pages
"""
