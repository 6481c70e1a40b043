"""
The dataset for others: no part of `all`, since it holds every page image once or twice more.

REQUIRED INPUTS: data/splits/{train,validation,test}.jsonl with their page images, manifests, reports/{documents.csv,leakage.json}
OUTPUTS: reports/dataset/ (dataset.folder): README.md, croissant.json, and the forms that dataset.formats names
TARGET:  dataset
"""


rule write_dataset:
    """Write the three splits in the forms that other trainers read, with a card and Croissant metadata."""
    input:
        train="data/splits/train.jsonl",
        validation="data/splits/validation.jsonl",
        test="data/splits/test.jsonl",
        pages=expand("data/manifests/pages/{shard}.csv", shard=plan.shards),
        labels=expand("data/manifests/labels/{shard}.csv", shard=plan.shards),
        selection="data/manifests/selection/all.csv",
        assignments="data/manifests/splits/all.csv",
        documents="reports/documents.csv",
        leakage="reports/leakage.json",
    output:
        # update: the dataset there is stays until a new one takes its place, whole.
        card=update(f"{plan.config.dataset.folder}/README.md"),
        croissant=update(f"{plan.config.dataset.folder}/croissant.json"),
    log:
        "logs/write_dataset.log",
    benchmark:
        "benchmarks/jobs/write_dataset.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(2000),
    params:
        **plan.reuse("write_dataset", folder=plan.config.dataset.folder),
        settings=plan.settings("dataset", "selection.duplicate_similarity"),
        corpus=plan.documents.name,
    script:
        "../scripts/write_dataset.py"


rule dataset:
    """Target: the dataset for others."""
    input:
        f"{plan.config.dataset.folder}/README.md",
    localrule: True
