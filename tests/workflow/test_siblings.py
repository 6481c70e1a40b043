"""A model of another family in the place of the embedded one: the rest of the build, for each of them."""

import json
import shutil
from pathlib import Path

import pytest

from scribetune.audit import verify
from support import small_models
from support.build import planned_jobs, snakemake

pytestmark = pytest.mark.slow

# What the small build says of its documents stays, so that none is made, rendered or labelled again; pages for
# retention are, since they say the model's prompt.
SIBLING = """\
samples: {{count: 8}}
base_model: {{name: {base}, mode: {mode}}}
train: {{epochs: 1, effective_batch: 4, max_tokens: 4096, tensorboard: false, checkpoints: {{steps: 2}},
  validation: {{pages: 1, tokens: 4}}}}
generate: {{max_new_tokens: 4}}
retention: {{count: 1}}
merge: {{layout: {layout}, precision: float32}}
results: {{replace: [models/tiny]}}
"""
OF_DOCUMENTS = {"make_samples", "render_pages", "label_pages"}


@pytest.mark.parametrize(
    ("kind", "mode", "form"),
    [
        ("deepseek_ocr", "tiny", "deepseek_vl_v2"),
        ("deepseek_vl2", "auto", "deepseek_vl_v2"),
        ("glm_ocr", "auto", "glm_ocr"),
        ("paddleocr_vl", "auto", "paddleocr_vl"),
        ("qwen3_vl", "auto", "qwen3_vl"),
    ],
)
def test_a_folder_of_another_family_is_built_up_to_the_report_and_the_audit(
    kind: str, mode: str, form: str, small_build: Path, tmp_path: Path
) -> None:
    build = tmp_path / "build"
    shutil.copytree(small_build, build, symlinks=True)
    before = (build / "models" / "adapter" / "adapter_model.safetensors").read_bytes()

    def choose(layout: str) -> None:
        text = SIBLING.format(base=small_models.FOLDERS[kind](), mode=mode, layout=layout)
        (build / "mine.yaml").write_text(text, encoding="utf-8")

    def merged_form() -> str:
        settings = json.loads((build / "models" / "merged" / "config.json").read_text(encoding="utf-8"))
        return str(settings["model_type"])

    def of_documents() -> dict[Path, int]:
        """When the jobs of documents wrote their logs."""
        logs = build / "logs"
        found = {path.relative_to(logs): path.stat().st_mtime_ns for path in logs.rglob("*.log")}
        return {path: time for path, time in found.items() if path.parts[0].removesuffix(".log") in OF_DOCUMENTS}

    made = of_documents()
    assert {path.parts[0].removesuffix(".log") for path in made} == OF_DOCUMENTS
    choose("original")
    snakemake(build)
    assert of_documents() == made
    assert merged_form() == form
    assert (build / "models" / "adapter" / "adapter_model.safetensors").read_bytes() != before
    lineage = json.loads((build / "reports" / "lineage.json").read_text(encoding="utf-8"))
    assert lineage["configuration"]["base_model"]["mode"] == mode
    assert lineage["base_model"]["files"]["model.safetensors"]
    assert {page["split"] for page in lineage["pages"]} == {"train", "validation", "test"}
    metrics = json.loads((build / "reports" / "metrics.json").read_text(encoding="utf-8"))
    assert {"base", "tuned"} <= set(metrics)
    assert (build / "reports" / "index.html").stat().st_size > 10_000
    assert verify.verify(build).holds
    card = (build / "models" / "merged" / "README.md").read_text(encoding="utf-8")
    assert ("alone has no class" in card) == (form == "deepseek_vl_v2")

    if kind == "deepseek_vl2":  # that the layout concerns merging alone is the same for all
        choose("transformers")
        assert planned_jobs(snakemake(build, "merged", "--dry-run")) == {"merge_adapter", "write_merged_card"}
        snakemake(build, "merged")
        assert merged_form() == "deepseek_vl2"
