"""
LoRA training.

REQUIRED INPUTS: data/splits/{train,validation}.jsonl, the base model
OUTPUTS: data/replay/ where train.replay asks for it (pages.jsonl and images)
         models/adapter/ (PEFT adapter, training_log.csv, lineage.json, README.md)
"""


rule make_replay:
    """Set plain-text pages that are learned along, so that less is forgotten; none of them is in the retention set."""
    input:
        train="data/splits/train.jsonl",
    output:
        records="data/replay/pages.jsonl",
    log:
        "logs/make_replay.log",
    benchmark:
        "benchmarks/jobs/make_replay.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(1000),
    params:
        **plan.reuse("make_replay", folder="data/replay"),
        settings=plan.settings(
            "train.replay",
            "retention.seed",
            "retention.languages",
            "pages.long_side_px",
        ),
        prompt=plan.model.prompt,
    script:
        "../scripts/make_replay.py"


rule train_adapter:
    """Train a LoRA adapter with TRL's SFTTrainer and PEFT; goes on from its last checkpoint after an interruption.

    On as many GPUs as `--resources gpu=N` allows: their number changes nothing beyond rounding, and so re-runs nothing.
    """
    input:
        train=plan.trainable("data/splits/train.jsonl"),
        validation="data/splits/validation.jsonl",
        test="data/splits/test.jsonl",
        assignments="data/manifests/splits/all.csv",
        selection="data/manifests/selection/all.csv",
        documents=expand("data/manifests/documents/{shard}.csv", shard=plan.shards),
        base=plan.model.files,
        replay=plan.replay,
    output:
        # update: Snakemake leaves the adapter there is until a new one takes its place, whole (core.files.in_place_of).
        weights=update("models/adapter/adapter_model.safetensors"),
        config=update("models/adapter/adapter_config.json"),
        log=update("models/adapter/training_log.csv"),
        lineage=update("models/adapter/lineage.json"),
    log:
        "logs/train_adapter.log",
    benchmark:
        "benchmarks/jobs/train_adapter.tsv"
    conda:
        f"../envs/{plan.kind}.yaml"
    threads: plan.config.train.machine.cpu_threads
    resources:
        gpu=plan.gpus(workflow.global_resources),
        # Measured: 821 to 1,780 MB; several GPUs have a process each.
        mem_mb=plan.memory_mb(
            plan.model.memory_mb(
                2000 * plan.gpus(workflow.global_resources), features=True
            )
        ),
    params:
        **plan.reuse("train_adapter"),
        settings=plan.settings("train", "task", "base_model"),
        configuration=plan.settings(
            "pages", "labels", "selection", "splits", "documents.timeout_s_per_page"
        ),
        base_path=plan.model.path,
        codes=plan.codes(
            "render_pages",
            "label_pages",
            *plan.of_boxes("place_blocks"),
            "select_pages",
            "split_documents",
        ),
    script:
        "../scripts/train_adapter.py"


rule write_adapter_card:
    """Write the adapter's Hugging Face model card; a rule of its own, so that its wording never trains anew."""
    input:
        lineage="models/adapter/lineage.json",
        documents="reports/documents.csv",
        train="data/splits/train.jsonl",
        validation="data/splits/validation.jsonl",
        test="data/splits/test.jsonl",
    output:
        card="models/adapter/README.md",
    log:
        "logs/write_adapter_card.log",
    benchmark:
        "benchmarks/jobs/write_adapter_card.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(1000),
    params:
        **plan.reuse("write_adapter_card", script="write_card"),
        base_path=plan.model.path,
    script:
        "../scripts/write_card.py"


rule adapter:
    """Target: the adapter with its card."""
    input:
        "models/adapter/adapter_model.safetensors",
        "models/adapter/README.md",
    localrule: True
