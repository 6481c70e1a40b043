"""
The report.

REQUIRED INPUTS: predictions, scores, splits, documents, the adapter's log and lineage, the merge proof;
         data/corrections/spot_check-*.json where people have judged a sample of labels;
         reports/leakage.json; reports/benchmarks/<name>/scores.json of the public benchmarks that are configured;
         reports/parity.json where the target parity was asked for, reports/learning_curve.json likewise;
         models/quantized/<name>/scores.json where `scribetune quantize` made smaller variants
OUTPUTS: reports/index.html
"""


report: "../docs/report/workflow.rst"


rule write_report:
    """Put base and tuned side by side on the page image, with metrics, plots, data and lineage."""
    input:
        samples="reports/samples.csv",
        metrics="reports/metrics.json",
        train="data/splits/train.jsonl",
        validation="data/splits/validation.jsonl",
        test="data/splits/test.jsonl",
        base="reports/predictions/base.jsonl",
        tuned="reports/predictions/tuned.jsonl",
        documents="reports/documents.csv",
        selection="data/manifests/selection/all.csv",
        labels=expand("data/manifests/labels/{shard}.csv", shard=plan.shards),
        training_log="models/adapter/training_log.csv",
        lineage="models/adapter/lineage.json",
        proof="models/merged/merge_proof.json",
        spot_checks=plan.documents.spot_checks,
        benchmarks=plan.benchmarks.scores,
        leakage="reports/leakage.json",
        retention=[
            plan.retention,
            "reports/predictions/base_retention.jsonl",
            "reports/predictions/tuned_retention.jsonl",
        ],
    output:
        html=report(
            "reports/index.html",
            category="Base and tuned model",
            subcategory="Report",
            labels={"shown": "the report: verdict, scores, every test page"},
            caption="../docs/report/report.rst",
        ),
    log:
        "logs/write_report.log",
    benchmark:
        "benchmarks/jobs/write_report.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(1000),
    params:
        **plan.reuse("write_report"),
        settings=plan.settings("report"),
        corpus=plan.documents.name,
        # No input: the report of a new build must not start vLLM.
        parity=plan.parity,
        learning_curve=plan.learning_curve,
        # No input either: they are made from the finished build, by hand.
        variants=plan.variants,
    script:
        "../scripts/write_report.py"


rule report:
    """Target: the report people read."""
    input:
        "reports/index.html",
    localrule: True
