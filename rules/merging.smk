"""
Merging.

REQUIRED INPUTS: the base model, models/adapter/, data/splits/{validation,test}.jsonl
OUTPUTS: models/merged/ (weights, configuration, processor), models/merged/merge_proof.json, models/merged/README.md with
         the adapter's lineage beside it: the folder is ready for an upload
"""


rule merge_adapter:
    """Add the adapter to the base weights, tensor by tensor, and prove it: names, shapes, deltas, logits on pages."""
    input:
        weights="models/adapter/adapter_model.safetensors",
        config="models/adapter/adapter_config.json",
        base=plan.model.files,
        validation="data/splits/validation.jsonl",
        test="data/splits/test.jsonl",
    output:
        # update: the merged model there is stays until a new one takes its place.
        proof=update("models/merged/merge_proof.json"),
    log:
        "logs/merge_adapter.log",
    benchmark:
        "benchmarks/jobs/merge_adapter.tsv"
    conda:
        f"../envs/{plan.kind}.yaml"
    resources:
        gpu=1,
        mem_mb=plan.memory_mb(plan.model.memory_mb(1000)),  # measured: 655 MB
    params:
        **plan.reuse("merge_adapter", folder="models/merged"),
        settings=plan.settings(
            "merge", "base_model", "task", "train.machine.cpu_threads"
        ),
        base_path=plan.model.path,
    script:
        "../scripts/merge_adapter.py"


use rule write_adapter_card as write_merged_card with:
    """Write the merged model's Hugging Face model card, with code that reads a page."""
    input:
        lineage="models/adapter/lineage.json",
        documents="reports/documents.csv",
        train="data/splits/train.jsonl",
        validation="data/splits/validation.jsonl",
        test="data/splits/test.jsonl",
        proof="models/merged/merge_proof.json",
    output:
        card="models/merged/README.md",
        lineage="models/merged/lineage.json",
    log:
        "logs/write_merged_card.log",
    benchmark:
        "benchmarks/jobs/write_merged_card.tsv"
    params:
        **plan.reuse("write_merged_card", script="write_card"),
        base_path=plan.model.path,


rule merged:
    """Target: the merged model and the adapter in it, with their cards."""
    input:
        "models/merged/merge_proof.json",
        "models/merged/README.md",
        "models/adapter/README.md",
    localrule: True
