"""
Markdown labels and the choice of pages.

REQUIRED INPUTS: data/manifests/{documents,pages}/<shard>.csv, data/corrections/<doc>/p<NNNN>.md; pages that people
         rejected (data/corrections/reviews.csv) are a parameter, since other decisions change nothing. The documents are read too;
         the edge is the documents' manifest, which has the hash of each: 10,000 more edges make every start slower
OUTPUTS: data/manifests/labels/<shard>.csv (labels lie in data/labels), data/manifests/selection/all.csv,
         reports/documents.csv; data/manifests/blocks/<shard>.jsonl where answers have boxes
"""


rule label_pages:
    """Write Markdown from text layer, tags and layout analysis (OCR off), LaTeX from /Alt; people's labels override."""
    input:
        documents="data/manifests/documents/{shard}.csv",
        pages="data/manifests/pages/{shard}.csv",
        corrections=lambda wildcards: plan.documents.corrections(wildcards.shard),
    output:
        labels="data/manifests/labels/{shard}.csv",
    log:
        "logs/label_pages/{shard}.log",
    benchmark:
        "benchmarks/jobs/label_pages/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: plan.threads_of_shard(workflow.resource_settings.cores)
    resources:
        mem_mb=plan.memory_mb(4000),
    params:
        **plan.reuse("label_pages", folder="data/labels", column="label"),
        settings=plan.settings(
            "labels",
            "documents.timeout_s_per_page",
            # Where a page can be cut, its words say.
            *plan.of_long_pages("selection.long_pages", "selection.max_characters"),
        ),
        documents=lambda wildcards: plan.documents.identities(wildcards.shard),
        raw=plan.documents.raw_folder,
    script:
        "../scripts/label_pages.py"


rule place_blocks:
    """Say where the blocks of each label stand on its page; only where answers have boxes, or for the target `blocks`."""
    input:
        documents="data/manifests/documents/{shard}.csv",
        labels="data/manifests/labels/{shard}.csv",
    output:
        blocks="data/manifests/blocks/{shard}.jsonl",
    log:
        "logs/place_blocks/{shard}.log",
    benchmark:
        "benchmarks/jobs/place_blocks/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: plan.threads_of_shard(workflow.resource_settings.cores)
    resources:
        mem_mb=plan.memory_mb(2000),
    params:
        **plan.reuse("place_blocks"),
        settings=plan.settings("documents.timeout_s_per_page"),
        documents=lambda wildcards: plan.documents.identities(wildcards.shard),
        raw=plan.documents.raw_folder,
    script:
        "../scripts/place_blocks.py"


rule select_pages:
    """Accept or refuse each page, with a reason; find near-duplicates; say what became of every document."""
    input:
        documents=expand("data/manifests/documents/{shard}.csv", shard=plan.shards),
        pages=expand("data/manifests/pages/{shard}.csv", shard=plan.shards),
        labels=expand("data/manifests/labels/{shard}.csv", shard=plan.shards),
        unread=plan.documents.unread,
    output:
        selection="data/manifests/selection/all.csv",
        report=report(
            "reports/documents.csv",
            category="Input",
            subcategory="Documents",
            labels={"shown": "what became of each document, and why"},
            caption="../docs/report/documents.rst",
        ),
    log:
        "logs/select_pages.log",
    benchmark:
        "benchmarks/jobs/select_pages.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=plan.memory_mb(2000),
    params:
        **plan.reuse("select_pages"),
        settings=plan.settings("selection"),
        sheet=plan.documents.sheet_cells("category", "language", "licence"),
        withdrawn=plan.documents.refused,
        rejected=dict(plan.documents.rejected),
    script:
        "../scripts/select_pages.py"


rule blocks:
    """Target: where the blocks of every label stand on its page."""
    input:
        expand("data/manifests/blocks/{shard}.jsonl", shard=plan.shards),
    localrule: True


rule labels:
    """Target: labels of every document, and what became of it."""
    input:
        "data/manifests/selection/all.csv",
        "reports/documents.csv",
    localrule: True
