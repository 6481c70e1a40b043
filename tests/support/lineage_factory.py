"""A small lineage, made by hand: what reports/lineage.json of a build looks like."""

from typing import Any


def lineage(**changes: Any) -> dict[str, Any]:
    """Return a small lineage of a build."""
    pages = [
        {"id": f"{name}/p0001", "document": name, "page": 1, "split": split, "image_sha256": "i", "label_sha256": "l",
         "label_source": source, "reviewer": reviewer}
        for name, split, source, reviewer in (
            ("a", "train", "machine", ""), ("b", "validation", "correction", "Ada"), ("c", "test", "machine", "")
        )
    ]  # fmt: skip
    scores = {"pages": 1, "cer_mean": 0.5, "cer_corpus": 0.5, "wer_mean": 0.6, "bleu": 10.0, "rougeL": 0.4}
    tuned = {"cer_mean": 0.25, "truncated_rate": 0.5, "table_f1": 0.875}
    change = {"cer_gain": 0.25, "cer_gain_low": 0.1, "cer_gain_high": 0.4, "cer_p": 0.03, "cer_wins": 3}
    values: dict[str, Any] = {
        "schema": "scribetune-lineage/1",
        "scribetune": "0.1.0",
        "adapter": {"adapter_model.safetensors": "f" * 64},
        "base_model": {"name": "models/tiny", "revision": "", "files": {"config.json": "e" * 64}},
        "documents": [{"document": p["document"], "path": "p.pdf", "sha256": "s", "split": p["split"]} for p in pages],
        "pages": pages,
        "configuration": {"train": {"rank": 16, "learning_rate": 0.001}},
        "code": {"train_adapter": "c0de"},
        "environment": {"lock": "cpu.txt", "digest": "d1ge", "libraries": {"peft": "0.18.1", "transformers": "5.17.0"}},
        "training": {
            "backend": "peft", "backend_reason": "no GPU", "steps": 3, "trainable": {"mlp": 1000}, "skipped": [],
        },
        "hardware": {"processor": "P", "cores": 2, "machine": "m", "gpus": []},
        "metrics": {
            "base": scores | {"table_f1": 0.125},
            "tuned": scores | tuned,
            "change": change,
            "retention": {"base": {"cer_mean": 0.1, "pages": 2}, "tuned": {"cer_mean": 0.2, "pages": 2}},
        },
    }  # fmt: skip
    return values | changes
