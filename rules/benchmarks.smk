"""
Public benchmarks (evaluation.benchmarks): without any, none of these rules has a job.

REQUIRED INPUTS: truth and page images on disk, data/splits/{train,validation}.jsonl, the base model, models/merged/
OUTPUTS: data/benchmarks/ (manifests, records, images), reports/benchmarks/<name>/{base,tuned}.jsonl, samples.csv and
         scores.json
TARGET:  benchmarks
"""


wildcard_constraints:
    benchmark=plan.benchmarks.pattern,


rule prepare_benchmark:
    """Render the benchmark's PDF pages, take its images as they are; a page that cannot be read has a row that says so."""
    input:
        pages=lambda wildcards: plan.benchmarks.pages(wildcards.benchmark),
    output:
        manifest="data/benchmarks/manifests/{benchmark}.csv",
        records="data/benchmarks/records/{benchmark}.jsonl",
    log:
        "logs/prepare_benchmark/{benchmark}.log",
    benchmark:
        "benchmarks/jobs/prepare_benchmark/{benchmark}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 64
    resources:
        mem_mb=plan.memory_mb(2000),
    params:
        **plan.reuse(
            "prepare_benchmark",
            folder="data/benchmarks/images/{benchmark}",
            column="image",
        ),
        settings=plan.settings(
            "pages",
            "documents.timeout_s_per_page",
            "documents.memory_mb",
            "documents.max_megapixels",
        ),
        images=lambda wildcards: plan.benchmarks.images(wildcards.benchmark),
        prompt=plan.model.prompt,
    script:
        "../scripts/prepare_benchmark.py"


use rule predict_base as predict_benchmark_base with:
    """Read the benchmark's pages with the base model, as test pages are read."""
    input:
        records=["data/benchmarks/records/{benchmark}.jsonl"],
        base=plan.model.files,
    output:
        predictions=[update("reports/benchmarks/{benchmark}/base.jsonl")],
    log:
        "logs/predict_benchmark_base/{benchmark}.log",
    benchmark:
        "benchmarks/jobs/predict_benchmark_base/{benchmark}.tsv"
    params:
        **plan.reuse("predict_benchmark_base", script="predict"),
        journals="work/predictions/benchmarks/{benchmark}",


use rule predict_tuned as predict_benchmark_tuned with:
    """Read the benchmark's pages with the merged model, in the same way."""
    input:
        records=["data/benchmarks/records/{benchmark}.jsonl"],
        proof="models/merged/merge_proof.json",
    output:
        predictions=[update("reports/benchmarks/{benchmark}/tuned.jsonl")],
    log:
        "logs/predict_benchmark_tuned/{benchmark}.log",
    benchmark:
        "benchmarks/jobs/predict_benchmark_tuned/{benchmark}.tsv"
    params:
        **plan.reuse("predict_benchmark_tuned", script="predict"),
        journals="work/predictions/benchmarks/{benchmark}",


rule score_benchmark:
    """Score both models as the benchmark does, and say which of its pages the adapter may have learned from."""
    input:
        truth=lambda wildcards: plan.benchmarks.truth(wildcards.benchmark),
        manifest="data/benchmarks/manifests/{benchmark}.csv",
        records="data/benchmarks/records/{benchmark}.jsonl",
        base="reports/benchmarks/{benchmark}/base.jsonl",
        tuned="reports/benchmarks/{benchmark}/tuned.jsonl",
        learned=["data/splits/train.jsonl", "data/splits/validation.jsonl"],
    output:
        samples="reports/benchmarks/{benchmark}/samples.csv",
        scores="reports/benchmarks/{benchmark}/scores.json",
    log:
        "logs/score_benchmark/{benchmark}.log",
    benchmark:
        "benchmarks/jobs/score_benchmark/{benchmark}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(2000),
    params:
        **plan.reuse("score_benchmark"),
        settings=plan.settings("selection.duplicate_similarity"),
        benchmark=lambda wildcards: plan.benchmarks.truth_settings(wildcards.benchmark),
    script:
        "../scripts/score_benchmark.py"


rule benchmarks:
    """Target: base and tuned model on the public benchmarks that evaluation.benchmarks names."""
    input:
        plan.benchmarks.wanted,
    localrule: True
