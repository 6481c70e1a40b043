"""Loading a model, adapters and batches: what training, generation and merging share.

families/     model families: the registry, and where a base model lies
backends      where and how a model is trained: device, number format, backend, each with its reason
adapters      LoRA adapters: put around a model, counted, saved, and loaded with proof that all arrived
packed_weights  matrices in 8 or 4 bits, as compressed-tensors has them
quick_layers  layers of a training on a GPU, in fewer operations over less memory than the native classes'
grouped_products  rows sorted by group, times a matrix for each group
lora_layers   PEFT's LoRA layers, computed with fewer operations and less memory
examples      records of a split as examples: page image, prompt and answer in tokens
collation     training batches: records become prompts, answers and labels; nothing is ever cut
augmentation  pages as if printed and scanned
vision_cache  vision features computed once per page and reused
processes     one job in several processes of one machine, a GPU for each
"""
