"""
The audit.

REQUIRED INPUTS: models/adapter/lineage.json, models/merged/merge_proof.json, manifests, splits, predictions and scores
OUTPUTS: reports/lineage.json, reports/model_card.md, ro-crate-metadata.json (reports/workflow/ with it, where the build's
         working directory is not the repository)
"""

from scribetune import crate

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
            "data/retention/pages.jsonl",
            *expand(
                "reports/predictions/{model}{pages}.jsonl",
                model=["base", "tuned"],
                pages=["", "_retention"],
            ),
            "reports/documents.csv",
            "reports/samples.csv",
            *plan.benchmark_results,
        ],
        benchmarks=plan.benchmark_scores,
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
        repairs=plan.repairs("write_lineage"),
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
        repairs=plan.repairs("write_model_card"),
    script:
        "../scripts/write_model_card.py"


rule write_crate:
    """Write the build as a Provenance Run Crate (RO-Crate): every step with what it read, was told and made."""
    input:
        lineage="reports/lineage.json",
        documents="reports/documents.csv",
        shards=expand("data/manifests/documents/{shard}.csv", shard=plan.shards),
        made=crate.input_files(plan.shards, plan.benchmarks),
        base=plan.base_model,
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
        mem_mb=1000,
    params:
        settings=plan.settings(*crate.all_settings(plan.benchmarks)),
        codes=plan.codes(*[step.rule for step in crate.steps(plan.benchmarks)]),
        raw=plan.raw_folder,
        has_samples=bool(plan.sample_specs),
        code=plan.code("write_crate"),
        environment=plan.environment,
        repairs=plan.repairs("write_crate"),
    script:
        "../scripts/write_crate.py"


rule audit:
    """Target: the audit, machine-readable."""
    input:
        "reports/lineage.json",
        "reports/model_card.md",
        crate.METADATA,
    localrule: True
