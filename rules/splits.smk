"""
Splits.

REQUIRED INPUTS: data/manifests/selection/all.csv, data/manifests/documents/<shard>.csv
OUTPUTS: data/splits/{train,validation,test}.jsonl (ShareGPT), data/manifests/splits/all.csv
"""


rule split_documents:
    """Assign documents by the hash of their content, near-duplicates together; a pin in the sheet comes first."""
    input:
        selection=plan.splittable("data/manifests/selection/all.csv"),
        documents=expand("data/manifests/documents/{shard}.csv", shard=plan.shards),
    output:
        train="data/splits/train.jsonl",
        validation="data/splits/validation.jsonl",
        test="data/splits/test.jsonl",
        assignments="data/manifests/splits/all.csv",
    log:
        "logs/split_documents.log",
    benchmark:
        "benchmarks/jobs/split_documents.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
    params:
        **plan.reuse("split_documents"),
        settings=plan.settings("splits"),
        prompt=plan.model.prompt,
        pins=plan.documents.sheet_cells("split"),
    script:
        "../scripts/split_documents.py"


rule splits:
    """Target: the three splits."""
    input:
        expand("data/splits/{split}.jsonl", split=["train", "validation", "test"]),
    localrule: True
