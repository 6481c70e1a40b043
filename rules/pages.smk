"""
Page images.

REQUIRED INPUTS: the PDFs and images of a shard: the sample corpus, or work/inputs/<shard>.json, which has the hash of each of the user's
OUTPUTS: data/manifests/documents/<shard>.csv, data/manifests/pages/<shard>.csv; the images they name lie in data/pages
"""


rule render_pages:
    """Render every page at pages.long_side_px; a document that cannot be read gets a row that says why."""
    input:
        pdfs=lambda wildcards: plan.documents.pdfs(wildcards.shard),
    output:
        documents="data/manifests/documents/{shard}.csv",
        pages="data/manifests/pages/{shard}.csv",
    log:
        "logs/render_pages/{shard}.log",
    benchmark:
        "benchmarks/jobs/render_pages/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: plan.threads_of_shard(workflow.resource_settings.cores)
    resources:
        mem_mb=plan.memory_mb(2000),
    params:
        **plan.reuse("render_pages", folder="data/pages", column="image"),
        settings=plan.settings(
            "pages",
            "documents.timeout_s_per_page",
            "documents.memory_mb",
            "documents.max_megapixels",
            "documents.max_pages",
            "selection.max_unmapped_share",
            "selection.max_invisible_share",
            "selection.max_hidden_share",
        ),
        documents=lambda wildcards: plan.documents.identities(wildcards.shard),
        raw=plan.documents.raw_folder,
        withdrawn=lambda wildcards: plan.documents.withdrawn_in(wildcards.shard),
    script:
        "../scripts/render_pages.py"


rule pages:
    """Target: page images of every document."""
    input:
        expand("data/manifests/pages/{shard}.csv", shard=plan.shards),
    localrule: True
