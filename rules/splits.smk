"""
Splits.

REQUIRED INPUTS: data/manifests/selection/all.csv, data/manifests/documents/<shard>.csv; where answers have boxes,
         data/manifests/blocks/<shard>.jsonl; people's answers to the prompts of task.mix
OUTPUTS: data/splits/{train,validation,test}.jsonl (ShareGPT), data/manifests/splits/all.csv, reports/leakage.json
"""


rule split_documents:
    """Assign documents by the hash of their content, near-duplicates together; a pin in the sheet comes first."""
    input:
        selection=plan.splittable("data/manifests/selection/all.csv"),
        documents=expand("data/manifests/documents/{shard}.csv", shard=plan.shards),
        blocks=plan.blocks(),
        answers=plan.documents.answers(),
    output:
        train="data/splits/train.jsonl",
        validation="data/splits/validation.jsonl",
        test="data/splits/test.jsonl",
        assignments="data/manifests/splits/all.csv",
    log:
        "logs/split_documents.log",
    benchmark:
        "benchmarks/jobs/split_documents.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(1000),
    params:
        **plan.reuse("split_documents", folder="data/splits/parts"),
        settings=plan.settings("splits", *plan.of_questions("task")),
        prompts=plan.model.prompts,
        pins=plan.documents.sheet_cells("split"),
    script:
        "../scripts/split_documents.py"


rule measure_leakage:
    """Find for every test page the training page nearest to it; fail where one is too near.

    Before the training, whose hours would be spent on a test that proves nothing.
    """
    input:
        train="data/splits/train.jsonl",
        test="data/splits/test.jsonl",
    output:
        leakage="reports/leakage.json",
    log:
        "logs/measure_leakage.log",
    benchmark:
        "benchmarks/jobs/measure_leakage.tsv"
    priority: 50
    conda:
        "../envs/cpu.yaml"
    threads: 64
    resources:
        mem_mb=plan.memory_mb(2000),
    params:
        **plan.reuse("measure_leakage"),
        settings=plan.settings(
            "report.max_text_similarity", "report.max_image_similarity"
        ),
    script:
        "../scripts/measure_leakage.py"


rule splits:
    """Target: the three splits."""
    input:
        expand("data/splits/{split}.jsonl", split=["train", "validation", "test"]),
    localrule: True
