"""A folder of PDFs → a document-OCR model fine-tuned for it, with evidence and lineage.

data/raw/**/*.pdf                            input (while it is empty, a sample corpus stands in)
data/pages/<doc>/p<NNNN>.png                 page images
data/labels/<doc>/p<NNNN>.md                 Markdown labels
data/manifests/<stage>/<shard>.csv           one row per page (document): the edges between rules
data/splits/{train,validation,test}.jsonl    ShareGPT records
models/{adapter,merged}/                     LoRA adapter, merged model
reports/                                     documents, predictions, samples, metrics, index.html, lineage
"""

import sys
from pathlib import Path
from snakemake.utils import min_version

min_version("9.0")
sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from scribetune.plan import make_plan


# Absolute, so that `--directory elsewhere` finds it; --configfile and --config override single keys.
configfile: Path(workflow.basedir) / "config" / "config.yaml"


plan = make_plan(config)


wildcard_constraints:
    shard="|".join(plan.shards),


include: "rules/documents.smk"
include: "rules/pages.smk"
include: "rules/labels.smk"
include: "rules/splits.smk"
include: "rules/training.smk"
include: "rules/merging.smk"
include: "rules/evaluation.smk"
include: "rules/report.smk"
include: "rules/audit.smk"
include: "rules/pretraining.smk"


onsuccess:
    from scribetune import summary

    if Path("reports/documents.csv").exists():
        sys.stderr.write(summary.text(Path()))


# Target: everything.
rule all:
    default_target: True
    input:
        "reports/index.html",
        "reports/metrics.json",
        "reports/lineage.json",
        "reports/model_card.md",
        "models/adapter/README.md",
        "ro-crate-metadata.json",
    localrule: True
