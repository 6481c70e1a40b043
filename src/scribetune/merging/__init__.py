"""Merging: base + adapter as one model that loads like any other; `merged_model.merge` is the way in.

merged_model  the whole merge, in order
deltas        what an adapter adds to which tensors, and the sum
layouts       the two sets of names of a model's tensors, and the way between them
streaming     the merged checkpoint, written while the base's is read
served_adapter an adapter under the names that vLLM applies beside the base
checkpoint    safetensors files read and written one tensor at a time
quantized_model smaller variants of the merged model, in 8 or 4 bits
companions    the files beside the weights: configuration, generation settings, processor and tokenizer
proof         every tensor on disk against the base's, and logits on pages
"""
