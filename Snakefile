"""A folder of PDFs and page images → a document-OCR model fine-tuned for it, with evidence and lineage.
data/raw/**/*.{pdf,png,jpg,tif,webp,bmp}     input (while it is empty, a sample corpus stands in)
data/{pages,labels}/<doc>/p<NNNN>.{png,md}   page images, Markdown labels
data/manifests/<stage>/<shard>.csv           one row per page (document): the edges between rules
data/splits/{train,validation,test}.jsonl    ShareGPT records
models/{adapter,merged}/, reports/           LoRA adapter, merged model; predictions, metrics, index.html, lineage
"""

import gc
import sys
from pathlib import Path
from snakemake.utils import min_version

min_version("9.0")
# Snakemake is about to make many objects, and to keep them: looking for garbage among them over and over takes a sixth
# of a start with 50,000 documents. A build that starts looks for it again.
gc.disable()
sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from scribetune.build import config_files, consent, start, terminal
from scribetune.build.plan import make_plan
from scribetune.core.package import export_path
from scribetune.record import remembered, running

if workflow.is_main_process:
    terminal.shorten(workflow)
    config_files.require_readable(
        Path(workflow.basedir) / "config" / "config.yaml",
        *map(Path, workflow.config_settings.configfiles),
    )


configfile: Path(workflow.basedir) / "config" / "config.yaml"


export_path()
if workflow.is_main_process:
    remembered.note_caller(workflow.overwrite_workdir)
plan = make_plan(config, in_job=not workflow.is_main_process)
if workflow.is_main_process:
    call = consent.of_call(
        workflow.config_settings.config,
        workflow.config_settings.configfiles,
        plan.documents,
        plan.config.base_model,
    )
    plan.prepare(call, dry_run=workflow.output_settings.dryrun)
    start.read_workflow()
else:
    running.hold_job()


wildcard_constraints:
    shard="|".join(plan.shards),


include: "rules/documents.smk"
include: "rules/pages.smk"
include: "rules/labels.smk"
include: "rules/splits.smk"
include: "rules/dataset.smk"
include: "rules/training.smk"
include: "rules/merging.smk"
include: "rules/evaluation.smk"
include: "rules/benchmarks.smk"
include: "rules/serving.smk"
include: "rules/suspects.smk"
include: "rules/learning_curve.smk"
include: "rules/report.smk"
include: "rules/audit.smk"


onstart:
    gc.enable()
    start.start(plan, workflow, call)


onsuccess:
    start.finish(plan)


rule all:
    default_target: True
    input:
        "reports/index.html",
        "reports/metrics.json",
        "reports/lineage.json",
        "reports/model_card.md",
        "models/adapter/README.md",
        "models/merged/README.md",
        "ro-crate-metadata.json",
    localrule: True
