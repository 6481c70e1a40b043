"""
The audit.

REQUIRED INPUTS: models/adapter/lineage.json, models/merged/merge_proof.json, manifests, splits, predictions and scores
OUTPUTS: reports/lineage.json
"""


rule write_lineage:
    """Join what the adapter learned from with what it was merged into and how it scored."""
    input:
        adapter="models/adapter/lineage.json",
        proof="models/merged/merge_proof.json",
        metrics="reports/metrics.json",
        recorded=[
            *expand(
                "data/splits/{split}.jsonl", split=["train", "validation", "test"]
            ),
            *expand(
                "data/manifests/{stage}/{shard}.csv",
                stage=["documents", "pages", "labels"],
                shard=plan.shards,
            ),
            "data/manifests/selection/all.csv",
            "data/manifests/splits/all.csv",
            "data/retention/pages.jsonl",
            *expand(
                "reports/predictions/{model}{pages}.jsonl",
                model=["base", "tuned"],
                pages=["", "_retention"],
            ),
            "reports/documents.csv",
            "reports/samples.csv",
        ],
    output:
        lineage="reports/lineage.json",
    log:
        "logs/write_lineage.log",
    benchmark:
        "benchmarks/jobs/write_lineage.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
    params:
        settings=plan.settings("generate"),
        code=plan.code("write_lineage"),
        environment=plan.environment,
    script:
        "../scripts/write_lineage.py"


rule audit:
    """Target: the audit, machine-readable."""
    input:
        "reports/lineage.json",
    localrule: True
