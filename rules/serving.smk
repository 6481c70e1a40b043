"""
The test pages through vLLM, beside what the build's reader made of them: no part of `all`.

REQUIRED INPUTS: models/merged/, data/splits/test.jsonl with its page images, reports/predictions/tuned.jsonl, the
                 environment of `make serving-env`
OUTPUTS: reports/parity.json
TARGET:  parity
"""


rule read_by_vllm:
    """Serve the merged model as `scribetune serve` does, read the test pages there, and compare the texts."""
    input:
        records="data/splits/test.jsonl",
        predictions="reports/predictions/tuned.jsonl",
        proof="models/merged/merge_proof.json",
    output:
        parity="reports/parity.json",
    log:
        "logs/read_by_vllm.log",
    benchmark:
        "benchmarks/jobs/read_by_vllm.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=plan.memory_mb(plan.model.memory_mb(4000)),
    params:
        **plan.reuse("read_by_vllm"),
        settings=plan.settings(
            "generate",
            "task",
            "parity.at_once",
            "train.machine.precision",
        ),
        model=lambda wildcards, input: str(Path(input.proof).parent),
        server=plan.server,
    script:
        "../scripts/read_by_vllm.py"


rule parity:
    """Fail where vLLM reads the test pages differently from the build (`parity` in the configuration)."""
    input:
        parity="reports/parity.json",
    log:
        "logs/parity.log",
    benchmark:
        "benchmarks/jobs/parity.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(500),
    params:
        **plan.reuse("parity"),
        settings=plan.settings("parity.max_difference"),
    script:
        "../scripts/parity.py"
