"""A hand-made folder that looks like a finished build: two documents, a page each, every record with its hash."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

TEXTS = {"a": "# A\n", "b": "# B\n"}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def write(path: Path, data: bytes | str) -> str:
    """Write a file and return its SHA-256."""
    content = data.encode() if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return sha256(content)


def write_json(path: Path, value: object) -> str:
    return write(path, json.dumps(value))


def write_csv(path: Path, rows: list[dict[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return write(path, stream.getvalue())


def make(folder: Path) -> Path:
    """Write the folder; `a` is for training, `b` for the test."""
    split_of = {"a": "train", "b": "test"}
    documents, pages, labels, outputs = [], [], [], {}
    page_rows: list[dict[str, Any]] = []
    records: dict[str, list[dict[str, Any]]] = {"train": [], "validation": [], "test": []}
    for name, text in TEXTS.items():
        image, label = f"data/pages/{name}/p0001.png", f"data/labels/{name}/p0001.md"
        pdf_hash = write(folder / "data" / "raw" / f"{name}.pdf", f"%PDF-1.7 {name}")
        image_hash, label_hash = write(folder / image, f"image {name}"), write(folder / label, text)
        write_json(folder / "data" / "pages" / name / "document.json", {"document": {"sha256": pdf_hash}})
        write_json(folder / "data" / "labels" / name / "document.json", {"pages": [{"label_sha256": label_hash}]})
        documents.append({"document": name, "path": f"{name}.pdf", "sha256": pdf_hash, "status": "ok"})
        pages.append({"document": name, "page": 1, "image": image, "image_sha256": image_hash})
        labels.append({"document": name, "page": 1, "label": label, "label_sha256": label_hash})
        row = {
            "id": f"{name}/p0001", "document": name, "page": 1, "image_sha256": image_hash, "label_sha256": label_hash,
            "label_source": "machine",
        }  # fmt: skip
        page_rows.append({**row, "split": split_of[name], "reviewer": ""})
        answer = [{"from": "human", "value": "?"}, {"from": "gpt", "value": text.rstrip("\n")}]
        records[split_of[name]].append({**row, "conversations": answer, "images": [image]})
    for stage, rows in (("documents", documents), ("pages", pages), ("labels", labels)):
        path = f"data/manifests/{stage}/000-of-001.csv"
        outputs[path] = write_csv(folder / path, rows)
    for split, found in records.items():
        path = f"data/splits/{split}.jsonl"
        outputs[path] = write(folder / path, "".join(json.dumps(row) + "\n" for row in found))
    for path in ("reports/predictions/base.jsonl", "reports/predictions/tuned.jsonl", "reports/metrics.json"):
        outputs[path] = write(folder / path, "{}\n")
    base = {name: write(folder / "models" / "base" / name, name) for name in ("config.json", "model.safetensors")}
    adapter = {
        name: write(folder / "models" / "adapter" / name, name)
        for name in ("adapter_config.json", "adapter_model.safetensors")
    }
    merged = {name: write(folder / "models" / "merged" / name, name) for name in ("config.json", "tokenizer.json")}
    proof = {"merged": {"sha256": merged}}
    outputs["models/merged/merge_proof.json"] = write_json(folder / "models/merged/merge_proof.json", proof)
    lineage = {
        "schema": "scribetune-lineage/1",
        "scribetune": "0",
        "adapter": adapter,
        "base_model": {"name": "models/base", "revision": "", "files": base},
        "documents": [{k: row[k] for k in ("document", "path", "sha256")} | {"split": split_of[row["document"]]}
                      for row in documents],
        "pages": page_rows,
        "configuration": {},
        "code": {},
        "environment": {"lock": "cpu.txt", "digest": "e", "libraries": {}},
        "training": {},
        "hardware": {},
    }  # fmt: skip
    outputs["models/adapter/lineage.json"] = write_json(folder / "models/adapter/lineage.json", lineage)
    write(folder / "models" / "adapter" / "README.md", "card")
    write_json(folder / "reports/lineage.json", {**lineage, "merged": proof, "metrics": {}, "outputs": outputs})
    return folder


RECORDED = ("data/pages", "data/labels", "models/adapter", "reports/lineage.json", "reports/metrics.json")


def record_in_dvc(folder: Path, paths: Sequence[str] = RECORDED) -> None:
    """Write .dvc/cache and dvc.lock, as `scribetune commit` does."""
    outs = []
    for path in paths:
        place = folder / path
        if place.is_file():
            outs.append({"path": path, "md5": _store(folder, place.read_bytes())})
            continue
        listed = sorted(
            ({"md5": _store(folder, file.read_bytes()), "relpath": file.relative_to(place).as_posix()}
             for file in place.rglob("*") if file.is_file()),
            key=lambda row: row["relpath"],
        )  # fmt: skip
        outs.append({"path": path, "md5": _store(folder, json.dumps(listed).encode(), ".dir")})
    raw = sorted((file for file in (folder / "data" / "raw").rglob("*") if file.is_file()), key=str)
    listed = [
        {"md5": md5(file.read_bytes()), "relpath": file.relative_to(folder / "data" / "raw").as_posix()} for file in raw
    ]
    deps = [{"path": "data/raw", "md5": f"{md5(json.dumps(listed).encode())}.dir"}]
    write(folder / "dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": {"all": {"deps": deps, "outs": outs}}}))
    stages = {"all": {"metrics": [{"reports/metrics.json": {"cache": False}}]}}
    write(folder / "dvc.yaml", yaml.safe_dump({"stages": stages}))


def cached(folder: Path, digest: str) -> Path:
    return folder / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]


def _store(folder: Path, data: bytes, suffix: str = "") -> str:
    digest = md5(data) + suffix
    write(cached(folder, digest), data)
    return digest
