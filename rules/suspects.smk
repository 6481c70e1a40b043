"""
Labels that the tuned model and an independent reader of the page images agree against: no part of `all`, since every
training page is read.

REQUIRED INPUTS: data/splits/{train,validation,test}.jsonl with their page images, models/merged/, rapidocr
OUTPUTS: reports/predictions/tuned_{train,validation}.jsonl, reports/suspects.csv
TARGET:  suspects
"""


use rule predict_tuned as predict_labelled with:
    """Read the pages that were learned from with the merged model."""
    input:
        records=["data/splits/train.jsonl", "data/splits/validation.jsonl"],
        proof="models/merged/merge_proof.json",
    output:
        predictions=[
            update("reports/predictions/tuned_train.jsonl"),
            update("reports/predictions/tuned_validation.jsonl"),
        ],
    log:
        "logs/predict_labelled.log",
    benchmark:
        "benchmarks/jobs/predict_labelled.tsv"
    params:
        **plan.reuse("predict_labelled", script="predict"),


rule find_suspects:
    """List the places where model and page image agree against the label."""
    input:
        records=expand(
            "data/splits/{split}.jsonl", split=["train", "validation", "test"]
        ),
        predictions=[
            "reports/predictions/tuned_train.jsonl",
            "reports/predictions/tuned_validation.jsonl",
            "reports/predictions/tuned.jsonl",
        ],
    output:
        suspects="reports/suspects.csv",
    log:
        "logs/find_suspects.log",
    benchmark:
        "benchmarks/jobs/find_suspects.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(2000),
    params:
        **plan.reuse("find_suspects"),
    script:
        "../scripts/find_suspects.py"


rule suspects:
    """Target: labels that may be wrong, as the tuned model and another reader see it."""
    input:
        "reports/suspects.csv",
    localrule: True
