"""
Predictions and scores.

REQUIRED INPUTS: data/splits/test.jsonl, the base model, models/merged/
                 the PDFs of retention.folder, where one is named
OUTPUTS: data/retention/ (pages.jsonl and images), reports/predictions/{base,tuned}.jsonl (test pages),
         reports/predictions/{base,tuned}_retention.jsonl, reports/samples.csv, reports/metrics.json
TARGET:  gate (fails where the tuned model is not promoted)
"""


rule make_retention:
    """Set plain-text pages that nobody trains on, so that forgetting shows."""
    output:
        records="data/retention/pages.jsonl",
    log:
        "logs/make_retention.log",
    benchmark:
        "benchmarks/jobs/make_retention.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(1000),
    params:
        **plan.reuse("make_retention", folder="data/retention"),
        settings=plan.settings("retention", "pages.long_side_px"),
        prompt=plan.model.prompt,
    script:
        "../scripts/make_retention.py"


rule read_retention:
    """Take pages of the user's own PDFs that nobody trains on, so that forgetting shows."""
    input:
        pdfs=plan.retention_pdfs,
    output:
        records="data/retention/own/pages.jsonl",
    log:
        "logs/read_retention.log",
    benchmark:
        "benchmarks/jobs/read_retention.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 64
    resources:
        mem_mb=plan.memory_mb(2000),
    params:
        **plan.reuse("read_retention", folder="data/retention/own"),
        settings=plan.settings(
            "retention.folder",
            "retention.count",
            "pages.long_side_px",
            "labels.tables",
            "labels.formulas",
            "labels.tags",
            "documents.timeout_s_per_page",
        ),
        prompt=plan.model.prompt,
    script:
        "../scripts/read_retention.py"


rule predict_base:
    """Read the test pages with the base model."""
    input:
        records=["data/splits/test.jsonl", plan.retention],
        base=plan.model.files,
    output:
        # update: answers that took hours stay until the new ones are whole.
        predictions=[
            update("reports/predictions/base.jsonl"),
            update("reports/predictions/base_retention.jsonl"),
        ],
    log:
        "logs/predict_base.log",
    benchmark:
        "benchmarks/jobs/predict_base.tsv"
    conda:
        f"../envs/{plan.kind}.yaml"
    threads: plan.config.train.machine.cpu_threads
    resources:
        gpu=1,
        mem_mb=plan.memory_mb(plan.model.memory_mb(1500)),  # measured: 1,205 MB
    params:
        **plan.reuse("predict_base", script="predict"),
        settings=plan.settings(
            "generate",
            "base_model",
            "task",
            "train.machine.cpu_threads",
            "train.machine.precision",
        ),
        model=plan.model.path,
        journals="work/predictions",
    script:
        "../scripts/predict.py"


use rule predict_base as predict_tuned with:
    """Read the test pages with the merged model, in the same way."""
    input:
        records=["data/splits/test.jsonl", plan.retention],
        proof="models/merged/merge_proof.json",
    output:
        predictions=[
            update("reports/predictions/tuned.jsonl"),
            update("reports/predictions/tuned_retention.jsonl"),
        ],
    log:
        "logs/predict_tuned.log",
    benchmark:
        "benchmarks/jobs/predict_tuned.tsv"
    params:
        **plan.reuse("predict_tuned", script="predict"),
        model=lambda wildcards, input: str(Path(input.proof).parent),


rule score_predictions:
    """Score base and tuned against the labels, per page and in aggregate, and decide whether tuned is promoted."""
    input:
        test="data/splits/test.jsonl",
        base="reports/predictions/base.jsonl",
        tuned="reports/predictions/tuned.jsonl",
        retention=plan.retention,
        base_retention="reports/predictions/base_retention.jsonl",
        tuned_retention="reports/predictions/tuned_retention.jsonl",
    output:
        samples=report(
            "reports/samples.csv",
            category="Base and tuned model",
            subcategory="Scores",
            labels={"shown": "scores of each test page"},
            caption="../docs/report/samples.rst",
        ),
        metrics=report(
            "reports/metrics.json",
            category="Base and tuned model",
            subcategory="Scores",
            labels={"shown": "scores in aggregate, and the verdict"},
            caption="../docs/report/metrics.rst",
        ),
    log:
        "logs/score_predictions.log",
    benchmark:
        "benchmarks/jobs/score_predictions.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(1000),
    params:
        **plan.reuse("score_predictions"),
        settings=plan.settings("gate"),
    script:
        "../scripts/score_predictions.py"


rule gate:
    """Fail where the tuned model is not promoted (`gate` in the configuration): for CI, and no part of `all`."""
    input:
        metrics="reports/metrics.json",
    log:
        "logs/gate.log",
    benchmark:
        "benchmarks/jobs/gate.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(500),
    params:
        **plan.reuse("gate"),
    script:
        "../scripts/gate.py"
