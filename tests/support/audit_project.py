"""A hand-made project for the audit's tests: git, dvc.lock and DVC's cache, without DVC and without a build."""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

METRICS = {"cer_mean": 0.21, "cer_median": 0.2, "table_f1": 0.5, "wer_mean": 0.4, "bleu": 30.0, "loop_rate": 0.0}


def digest(text: str) -> str:
    """Return the SHA-256 of a text, as the content of whatever it names."""
    return hashlib.sha256(text.encode()).hexdigest()


def page(document: str, number: int, split: str, **changes: Any) -> dict[str, Any]:
    """Return a page's row; its label is named by `label`."""
    label = changes.pop("label", "first")
    return {
        "id": f"{document}/p{number:04d}", "document": document, "page": number, "split": split,
        "image_sha256": digest(f"image {document} {number}"), "label_sha256": digest(f"{label} {document} {number}"),
        "label_source": "machine", "reviewer": "", **changes,
    }  # fmt: skip


def lineage(documents: Mapping[str, tuple[str, int]], weights: str = "weights", **changes: Any) -> dict[str, Any]:
    """Return reports/lineage.json as the build writes it.

    Args:
        documents: Id → (split, pages); the content is named by the id, unless `contents` says otherwise.
        weights: Content of the adapter's weights.
        changes: Keys to replace; `contents` (id → content), `paths` (id → path) and `cer_mean` of the tuned model.
    """
    contents, paths = changes.pop("contents", {}), changes.pop("paths", {})
    tuned = METRICS | {"cer_mean": changes.pop("cer_mean", 0.03)}
    record = {
        "schema": "scribetune-lineage/1",
        "scribetune": "0.1.0",
        "adapter": {"adapter_config.json": digest("{}"), "adapter_model.safetensors": digest(weights)},
        "base_model": {"name": "models/tiny", "revision": "", "files": {"model.safetensors": digest("base")}},
        "documents": [
            {
                "document": name,
                "path": paths.get(name, f"{name}.pdf"),
                "sha256": digest(contents.get(name, name)),
                "split": split,
            }
            for name, (split, _) in sorted(documents.items())
        ],
        "pages": [page(name, n + 1, split) for name, (split, count) in sorted(documents.items()) for n in range(count)],
        "configuration": {"train": {"learning_rate": 0.001, "rank": 16}},
        "code": {"train_adapter": "c0de"},
        "environment": {"lock": "cpu.txt", "digest": "e", "libraries": {"torch": "2.13.0"}},
        "training": {"backend": "peft", "steps": 3, "skipped": []},
        "hardware": {"processor": "any", "gpus": []},
        "merged": {"merged": {"sha256": {"model.safetensors": digest(f"merged {weights}")}}},
        "generation": {"max_new_tokens": 24},
        "metrics": {"base": dict(METRICS), "tuned": tuned, "change": {}},
        "outputs": {"reports/predictions/tuned.jsonl": digest("predictions")},
    }  # fmt: skip
    return record | changes


class Project:
    """A build's folder in a git repository. Commits are an hour apart, so that their order is plain."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / ".dvc" / "cache"
        self._commits = 0
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".dvc").mkdir(exist_ok=True)
        self.git("init", "-q", "-b", "main")
        (folder / ".gitignore").write_text("/.dvc/cache\n/reports\n/models\n/data\n", encoding="utf-8")

    def git(self, *arguments: str) -> str:
        """Run git, on nobody's own settings, and return what it printed; fails loudly."""
        when = f"2026-01-01T{self._commits:02d}:00:00+00:00"
        environment = os.environ | {
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_AUTHOR_DATE": when,
            "GIT_COMMITTER_DATE": when, "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "a@a.invalid",
            "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "a@a.invalid",
        }  # fmt: skip
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, message: str, tag: str = "") -> str:
        """Commit everything; returns the hash."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self._commits += 1
        if tag:
            self.git("tag", tag)
        return self.git("rev-parse", "HEAD")

    def put(self, content: bytes) -> str:
        """Put a file into DVC's cache; returns its MD5."""
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        self._cache(md5, content)
        return md5

    def put_folder(self, listed: Mapping[str, str]) -> str:
        """Put the list of a folder's files (path → MD5) into DVC's cache; returns its name."""
        content = json.dumps([{"md5": md5, "relpath": path} for path, md5 in sorted(listed.items())]).encode()
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() + ".dir"
        self._cache(md5, content)
        return md5

    def _cache(self, md5: str, content: bytes) -> None:
        path = self.cached(md5)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def cached(self, md5: str) -> Path:
        """Return where DVC's cache has a file."""
        return self.cache / "files" / "md5" / md5[:2] / md5[2:]

    def lock(self, outs: Mapping[str, str], deps: Mapping[str, str] | None = None) -> None:
        """Write dvc.lock with one stage."""
        stage: dict[str, Sequence[Mapping[str, str]] | str] = {
            "cmd": "snakemake",
            "deps": [{"path": path, "hash": "md5", "md5": md5} for path, md5 in (deps or {}).items()],
            "outs": [{"path": path, "hash": "md5", "md5": md5} for path, md5 in outs.items()],
        }
        content = yaml.safe_dump({"schema": "2.0", "stages": {"report": stage}})
        (self.folder / "dvc.lock").write_text(content, encoding="utf-8")

    def lay_out(self, record: Mapping[str, Any], weights: str = "weights") -> None:
        """Write a build's files into the working tree: both lineages, adapter, merged model, predictions."""
        adapter = {key: value for key, value in record.items()
                   if key not in ("merged", "generation", "metrics", "outputs")}  # fmt: skip
        for path, content in {
            "reports/lineage.json": json.dumps(record),
            "reports/predictions/tuned.jsonl": "predictions",
            "reports/index.html": "<html>",
            "models/adapter/lineage.json": json.dumps(adapter),
            "models/adapter/adapter_config.json": "{}",
            "models/adapter/adapter_model.safetensors": weights,
            "models/merged/model.safetensors": f"merged {weights}",
        }.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(content, encoding="utf-8")

    def record(self, record: Mapping[str, Any], message: str, tag: str = "", weights: str = "weights") -> str:
        """Do what a build, `scribetune commit` and `git commit` do; returns the MD5 of reports/lineage.json."""
        self.lay_out(record, weights)
        md5 = self.put(json.dumps(record).encode())
        self.lock({"reports/lineage.json": md5})
        self.commit(message, tag)
        return md5
