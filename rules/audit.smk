"""
The audit.

REQUIRED INPUTS: models/adapter/lineage.json, models/merged/merge_proof.json, manifests, splits, predictions and scores
OUTPUTS: reports/lineage.json, reports/model_card.md, ro-crate-metadata.json (reports/workflow/ with it, where the build's
         working directory is not the repository)
"""

from scribetune.audit import crate
from scribetune.record.steps import Steps

build_steps = Steps(workflow, target="all", without="write_crate")
snakefile = Path(workflow.basedir) / "Snakefile"
rule_files = sorted((snakefile.parent / "rules").glob("*.smk"))


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
            plan.retention,
            *expand(
                "reports/predictions/{model}{pages}.jsonl",
                model=["base", "tuned"],
                pages=["", "_retention"],
            ),
            "reports/documents.csv",
            "reports/samples.csv",
            *plan.benchmarks.results,
        ],
        benchmarks=plan.benchmarks.scores,
    output:
        lineage="reports/lineage.json",
    log:
        "logs/write_lineage.log",
    benchmark:
        "benchmarks/jobs/write_lineage.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(1000),
    params:
        **plan.reuse("write_lineage"),
        settings=plan.settings("generate"),
    script:
        "../scripts/write_lineage.py"


use rule write_adapter_card as write_model_card with:
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
    params:
        **plan.reuse("write_model_card", script="write_card"),
        base_path=plan.model.path,


rule write_crate:
    """Write the build as a Provenance Run Crate (RO-Crate): every step with what it read, was told and made."""
    input:
        lineage="reports/lineage.json",
        documents="reports/documents.csv",
        # Everything that the build makes: a receipt is written before its job ends, so that all are there.
        made=build_steps.files,
        base=plan.model.files,
        workflow=plan.as_given([snakefile, *rule_files]),
    output:
        crate=crate.METADATA,
        workflow=crate.workflow_copies(snakefile, rule_files),
    log:
        "logs/write_crate.log",
    benchmark:
        "benchmarks/jobs/write_crate.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(1000),
    params:
        **plan.reuse("write_crate"),
        descriptions=build_steps.descriptions,
        # Receipts have these two; here they are, so that another of either writes the crate again.
        settings=build_steps.settings,
        codes=build_steps.codes,
        raw=plan.documents.raw_folder,
    script:
        "../scripts/write_crate.py"


rule audit:
    """Target: the audit, machine-readable."""
    input:
        "reports/lineage.json",
        "reports/model_card.md",
        crate.METADATA,
    localrule: True
