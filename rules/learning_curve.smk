"""
The learning curve: trainings on parts of the training documents, no part of `all`. A point that is there is not trained
again.

REQUIRED INPUTS: data/splits/{train,validation,test}.jsonl, the base model
OUTPUTS: reports/learning_curve/<percent>-<seed>.json, reports/learning_curve.json, reports/learning_curve.html
TARGET:  learning_curve
"""


wildcard_constraints:
    point=r"\d+-\d+",


rule measure_point:
    """Train on a part of the training documents, read the test pages with it, and score them."""
    input:
        train=plan.trainable("data/splits/train.jsonl"),
        validation="data/splits/validation.jsonl",
        test="data/splits/test.jsonl",
        base=plan.model.files,
    output:
        point="reports/learning_curve/{point}.json",
    log:
        "logs/measure_point/{point}.log",
    benchmark:
        "benchmarks/jobs/measure_point/{point}.tsv"
    conda:
        f"../envs/{plan.kind}.yaml"
    threads: plan.config.train.machine.cpu_threads
    resources:
        gpu=plan.gpus(workflow.global_resources),
        mem_mb=plan.memory_mb(
            plan.model.memory_mb(
                2000 * plan.gpus(workflow.global_resources), features=True
            )
        ),
    params:
        **plan.reuse("measure_point"),
        settings=plan.settings("train", "task", "base_model", "generate"),
        base_path=plan.model.path,
    script:
        "../scripts/measure_point.py"


rule write_learning_curve:
    """Fit a power law to the points, and say what more pages would buy."""
    input:
        points=expand(
            "reports/learning_curve/{percent}-{seed}.json",
            percent=plan.config.learning_curve.percents,
            seed=plan.config.learning_curve.seeds,
        ),
        train="data/splits/train.jsonl",
        test="data/splits/test.jsonl",
    output:
        curve="reports/learning_curve.json",
        html="reports/learning_curve.html",
    log:
        "logs/write_learning_curve.log",
    benchmark:
        "benchmarks/jobs/write_learning_curve.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(1000),
    params:
        **plan.reuse("write_learning_curve"),
        settings=plan.settings("learning_curve.more_pages", "report.language"),
    script:
        "../scripts/write_learning_curve.py"


rule learning_curve:
    """Target: what more pages would buy, from trainings on parts of the pages there are."""
    input:
        "reports/learning_curve.json",
        "reports/learning_curve.html",
    localrule: True
