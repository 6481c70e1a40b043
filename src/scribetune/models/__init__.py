"""Loading a model, adapters and batches: what training, generation and merging share.

adapters      LoRA adapters
augmentation  pages as if printed and scanned
backends      where and how a model is trained
collation     training batches
examples      records of a split as examples
families/     model families: the registry, and where a base model lies. Nothing here imports torch or transformers
lora_layers   LoRA layers of PEFT, computed with fewer operations and less memory
processes     one job in several processes of one machine, a GPU for each: started, watched, and ended together
vision_cache  vision features computed once per page and reused
"""
