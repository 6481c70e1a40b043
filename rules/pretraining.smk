"""
Pre-training of the embedded base model. No part of `all`: `snakemake pretrained --cores 16 --resources gpu=1`.

REQUIRED INPUTS: the Debian font packages and pyftsubset named in scripts/scribetune/pretraining/fonts.py
OUTPUTS: work/pretraining/{fonts,pack}/ (what pages are drawn from), work/pretraining/tiny/ (a model folder, to be
         looked at and then copied to models/tiny)
"""


rule make_pretraining_pages:
    """Collect fonts, cut down to the vocabulary, and typeset documents like the sample corpus's."""
    output:
        fonts="work/pretraining/fonts/fonts.json",
        pages="work/pretraining/pack/train-000.pdf",
        domain="work/pretraining/pack/domain-000.pdf",
        other="work/pretraining/pack/other-000.pdf",
    log:
        "logs/make_pretraining_pages.log",
    benchmark:
        "benchmarks/jobs/make_pretraining_pages.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=4000,
    params:
        **plan.reuse("make_pretraining_pages"),
        settings=plan.settings("pretraining.documents", "pretraining.seed"),
    script:
        "../scripts/make_pretraining_pages.py"


rule pretrain_base:
    """Train one sitting from random weights, or go on where the last one stopped; score; write the model folder."""
    input:
        fonts="work/pretraining/fonts/fonts.json",
        pages="work/pretraining/pack/train-000.pdf",
        domain="work/pretraining/pack/domain-000.pdf",
        other="work/pretraining/pack/other-000.pdf",
    output:
        weights="work/pretraining/tiny/model.safetensors",
    log:
        "logs/pretrain_base.log",
    benchmark:
        "benchmarks/jobs/pretrain_base.tsv"
    conda:
        f"../envs/{plan.kind}.yaml"
    threads: 64
    resources:
        gpu=1,
        mem_mb=64000,
    params:
        **plan.reuse("pretrain_base"),
        settings=plan.settings("pretraining"),
        run="work/pretraining/run",
    script:
        "../scripts/pretrain_base.py"


rule pretrained:
    """Target: a newly trained embedded base model."""
    input:
        "work/pretraining/tiny/model.safetensors",
    localrule: True
