"""The dataset for others, read by its readers' own code, each in an environment of its own.

    SCRIBETUNE_DATASET_READERS=/tmp pytest tests/conformance/test_dataset_readers.py

reads with /tmp/croissant, /tmp/llamafactory and /tmp/swift, as docs/dataset.md makes them; what is not there is
skipped.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scribetune.core import files
from scribetune.core.config import Dataset
from scribetune.dataset import export
from support import split_records

READERS = os.environ.get("SCRIBETUNE_DATASET_READERS", "")
ODD = "A page with <image> and <video> as text,\u2028and 季度."

CROISSANT = """
import json, sys
import mlcroissant
dataset = mlcroissant.Dataset(sys.argv[1] + "/croissant.json")
found = {}
for records in dataset.metadata.record_sets:
    for record in dataset.records(records.uuid):
        values = {name.split("/")[-1]: value for name, value in record.items()}
        found[values["id"].decode()] = [values["text"].decode(), [list(each.size) for each in values["images"]]]
print(json.dumps({"errors": sorted(dataset.metadata.issues.errors), "pages": found}))
"""

# Its library for audio, which no record has, is of CUDA's torch: on a CPU it cannot be loaded.
LLAMAFACTORY = """
import importlib.machinery, json, sys, types
try:
    import torchaudio
except (ImportError, OSError):
    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        del sys.modules[name]
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")
    sys.modules["torchaudio"].__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
from llamafactory.data.loader import _load_single_dataset
from llamafactory.data.parser import get_dataset_list
from llamafactory.data.mm_plugin import get_mm_plugin
from llamafactory.hparams import DataArguments, ModelArguments
from transformers import Seq2SeqTrainingArguments
data = DataArguments(dataset_dir=sys.argv[1], media_dir=sys.argv[1])
training = Seq2SeqTrainingArguments(output_dir=sys.argv[2], report_to="none", use_cpu=True)
plugin = get_mm_plugin("base")
found = {}
for split in ("train", "validation", "test"):
    (attributes,) = get_dataset_list([f"pages_{split}"], sys.argv[1])
    for row in _load_single_dataset(attributes, ModelArguments(model_name_or_path="none"), data, training):
        messages = row["_prompt"] + row["_response"]
        asked = sum(message["content"].count("<image>") for message in messages)
        assert asked == len(row["_images"]) == 1, row
        images = plugin._regularize_images(row["_images"], image_max_pixels=10**9, image_min_pixels=1)["images"]
        page = "/".join(row["_images"][0].split("/")[-2:]).removesuffix(".png")
        found[page] = [row["_response"][0]["content"], [list(each.size) for each in images]]
print(json.dumps({"pages": found}))
"""

SWIFT = """
import json, os, sys
os.environ["ROOT_IMAGE_DIR"] = sys.argv[1]
from swift.dataset import load_dataset
from swift.template.template_inputs import StdTemplateInputs
from swift.template.vision_utils import load_image
found = {}
for split in ("train", "validation", "test"):
    rows, _ = load_dataset([f"{sys.argv[1]}/swift/{split}.jsonl"], split_dataset_ratio=0.0, num_proc=1)
    for row in rows:
        inputs = StdTemplateInputs.from_dict({"messages": row["messages"], "images": row["images"]})
        asked = sum(message["content"].count("<image>") for message in inputs.messages)
        assert asked == len(inputs.images) == 1, row
        paths = [each["path"] if isinstance(each, dict) else each for each in inputs.images]
        page = "/".join(paths[0].split("/")[-2:]).removesuffix(".png")
        sizes = [list(load_image(path).size) for path in paths]
        found[page] = [inputs.messages[-1]["content"], sizes]
print(json.dumps({"pages": found}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("readers")
    splits = split_records.write(root)
    splits["test"].append(split_records.record(root, "odd", 1, ODD))
    files.write_jsonl(root / "data/splits/test.jsonl", splits["test"])
    out = root / "out"
    out.mkdir()
    exported = export.write(split_records.paths(root), out, Dataset(), root)
    export.write_croissant(out, Dataset(), exported, "Pages.", "not said")
    return out


def read_by(name: str, code: str, folder: Path, scratch: Path) -> dict[str, Any]:
    """Run code in a reader's environment, offline, and return what it prints as JSON."""
    python = Path(READERS or "none") / name / "bin/python"
    if not READERS or not python.is_file():
        pytest.skip(f"SCRIBETUNE_DATASET_READERS names no folder with {name}/bin/python")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(scratch), "MODELSCOPE_CACHE": str(scratch)}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [python, "-c", code, str(folder), str(scratch)],
        capture_output=True, text=True, env=environment, cwd=scratch, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def expected(folder: Path, *, escaped: bool) -> dict[str, Any]:
    found = {}
    for split in ("train", "validation", "test"):
        for row in files.read_jsonl(folder / f"sharegpt/{split}.jsonl"):
            text = row["conversations"][1]["value"]
            found[row["id"]] = [text if escaped or row["document"] != "odd" else ODD, [[240, 320]]]
    return found


def test_mlcroissant_validates_it_and_reads_every_record(folder: Path, tmp_path: Path) -> None:
    found = read_by("croissant", CROISSANT, folder, tmp_path)
    assert found == {"errors": [], "pages": expected(folder, escaped=False)}


def test_llamafactory_reads_every_record_with_its_image(folder: Path, tmp_path: Path) -> None:
    assert read_by("llamafactory", LLAMAFACTORY, folder, tmp_path) == {"pages": expected(folder, escaped=True)}


def test_swift_reads_every_record_with_its_image(folder: Path, tmp_path: Path) -> None:
    assert read_by("swift", SWIFT, folder, tmp_path) == {"pages": expected(folder, escaped=True)}
