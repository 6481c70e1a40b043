"""
The audit.

REQUIRED INPUTS: models/adapter/lineage.json, models/merged/merge_proof.json, predictions and scores
OUTPUTS: reports/lineage.json, reports/model_card.md
"""


rule write_lineage:
    """Join what the adapter learned from with what it was merged into and how it scored."""
    input:
        adapter="models/adapter/lineage.json",
        proof="models/merged/merge_proof.json",
        test="data/splits/test.jsonl",
        base="reports/predictions/base.jsonl",
        tuned="reports/predictions/tuned.jsonl",
        metrics="reports/metrics.json",
        documents="reports/documents.csv",
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


rule write_model_card:
    """Write the adapter's Hugging Face model card with the scores of base and tuned model."""
    input:
        lineage="reports/lineage.json",
        documents="reports/documents.csv",
        train="data/splits/train.jsonl",
        validation="data/splits/validation.jsonl",
        test="data/splits/test.jsonl",
    output:
        card="reports/model_card.md",
    log:
        "logs/write_model_card.log",
    benchmark:
        "benchmarks/jobs/write_model_card.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
    params:
        code=plan.code("write_model_card"),
        environment=plan.environment,
    script:
        "../scripts/write_model_card.py"


rule audit:
    """Target: the audit, machine-readable."""
    input:
        "reports/lineage.json",
        "reports/model_card.md",
    localrule: True
