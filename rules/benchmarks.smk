"""
Public benchmarks (evaluation.benchmarks): without any, none of these rules has a job.

REQUIRED INPUTS: truth and page images on disk, data/splits/{train,validation}.jsonl, the base model, models/merged/
OUTPUTS: data/benchmarks/ (manifests, records, images), reports/benchmarks/<name>/{base,tuned}.jsonl, samples.csv and
         scores.json
TARGET:  benchmarks
"""


wildcard_constraints:
    benchmark=plan.benchmark_pattern,


rule prepare_benchmark:
    """Render the benchmark's PDF pages, take its images as they are; a page that cannot be read has a row that says so."""
    input:
        pages=lambda wildcards: plan.benchmark_pages(wildcards.benchmark),
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
        mem_mb=2000,
    params:
        settings=plan.settings(
            "pages",
            "documents.timeout_s_per_page",
            "documents.memory_mb",
            "documents.max_megapixels",
        ),
        images=lambda wildcards: plan.benchmark_images(wildcards.benchmark),
        prompt=plan.prompt,
        code=plan.code("prepare_benchmark"),
        environment=plan.environment,
        repairs=plan.repairs("prepare_benchmark"),
    script:
        "../scripts/prepare_benchmark.py"


rule predict_benchmark_base:
    """Read the benchmark's pages with the base model, as test pages are read."""
    input:
        records="data/benchmarks/records/{benchmark}.jsonl",
        base=plan.base_model,
    output:
        predictions="reports/benchmarks/{benchmark}/base.jsonl",
    log:
        "logs/predict_benchmark_base/{benchmark}.log",
    benchmark:
        "benchmarks/jobs/predict_benchmark_base/{benchmark}.tsv"
    conda:
        f"../envs/{plan.kind}.yaml"
    threads: plan.config.train.machine.cpu_threads
    resources:
        gpu=1,
        mem_mb=plan.memory_mb(1500),  # as test pages are read
    params:
        settings=plan.settings(
            "generate",
            "base_model",
            "task",
            "train.machine.cpu_threads",
            "train.machine.precision",
        ),
        base_path=plan.base_path,
        code=plan.code("predict_benchmark_base"),
        environment=plan.environment,
        repairs=plan.repairs("predict_benchmark_base"),
    script:
        "../scripts/predict_benchmark_base.py"


rule predict_benchmark_tuned:
    """Read the benchmark's pages with the merged model, in the same way."""
    input:
        records="data/benchmarks/records/{benchmark}.jsonl",
        proof="models/merged/merge_proof.json",
    output:
        predictions="reports/benchmarks/{benchmark}/tuned.jsonl",
    log:
        "logs/predict_benchmark_tuned/{benchmark}.log",
    benchmark:
        "benchmarks/jobs/predict_benchmark_tuned/{benchmark}.tsv"
    conda:
        f"../envs/{plan.kind}.yaml"
    threads: plan.config.train.machine.cpu_threads
    resources:
        gpu=1,
        mem_mb=plan.memory_mb(1500),  # as test pages are read
    params:
        settings=plan.settings(
            "generate",
            "base_model",
            "task",
            "train.machine.cpu_threads",
            "train.machine.precision",
        ),
        code=plan.code("predict_benchmark_tuned"),
        environment=plan.environment,
        repairs=plan.repairs("predict_benchmark_tuned"),
    script:
        "../scripts/predict_benchmark_tuned.py"


rule score_benchmark:
    """Score both models as the benchmark does, and say which of its pages the adapter may have learned from."""
    input:
        truth=lambda wildcards: plan.benchmark_truth(wildcards.benchmark),
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
        mem_mb=2000,
    params:
        settings=plan.settings("selection.duplicate_similarity"),
        benchmark=lambda wildcards: plan.benchmark_truth_settings(wildcards.benchmark),
        code=plan.code("score_benchmark"),
        environment=plan.environment,
        repairs=plan.repairs("score_benchmark"),
    script:
        "../scripts/score_benchmark.py"


rule benchmarks:
    """Target: base and tuned model on the public benchmarks that evaluation.benchmarks names."""
    input:
        plan.wanted_benchmarks,
    localrule: True
