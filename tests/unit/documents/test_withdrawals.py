"""Promises about withdrawn documents: the build keeps them out under any name, and re-runs only what that concerns."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pymupdf
import pytest

import label_pages
import render_pages
import select_pages
from scribetune.build import plan
from scribetune.core import files, layout
from scribetune.core.config import Selection
from scribetune.core.errors import UserError
from scribetune.documents import inputs, rendering, withdrawals
from scribetune.documents.inputs import Document
from scribetune.documents.withdrawals import Withdrawal, Withdrawn
from scribetune.labels import reader
from support import pdf_factory

LIST = Path(layout.WITHDRAWN)
RENDERING = rendering.RenderSettings(320, "auto", 30.0, "code")
LABELLING = reader.LabelSettings("keep", "markdown", "alt", "use", 30.0, "code")


def withdraw(pdf: Path, *label_hashes: str) -> Withdrawal:
    row = Withdrawal(
        files.sha256_file(pdf), pdf.name, inputs.document_id(pdf.name), "2026-01-02", "asked; \"now\"",
        tuple(sorted(label_hashes)), pdf.stat().st_size,
    )  # fmt: skip
    withdrawals.write(LIST, [*withdrawals.read(LIST), row])
    return row


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """data/raw with three PDFs, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    for seed in range(3):
        pdf_factory.healthy(Path(layout.RAW) / f"d{seed}.pdf", seed)
    return Path(layout.RAW)


def build(raw: Path) -> dict[str, dict[str, str]]:
    """Render, label and select as the rules do; returns reports/documents.csv by document."""
    made = plan.make_plan({}).documents
    for shard in made.shards:
        identities: Mapping[str, Sequence[str]] = made.identities(shard)
        manifests = {stage: Path(layout.MANIFESTS, stage, f"{shard}.csv") for stage in ("documents", "pages", "labels")}
        withdrawn = made.withdrawn_in(shard)
        render_pages.main(layout.RAW, identities, RENDERING, 1, withdrawn, manifests["documents"], manifests["pages"])
        label_pages.main(
            layout.RAW, identities, manifests["documents"], manifests["pages"], [], LABELLING, 1, manifests["labels"]
        )
    documents_of, pages_of, labels_of = (
        [str(path) for path in sorted(Path(layout.MANIFESTS, stage).glob("*.csv"))]
        for stage in ("documents", "pages", "labels")
    )
    refused = Withdrawn(frozenset(made.refused["documents"]), frozenset(made.refused["labels"]))
    select_pages.main(
        documents_of,
        pages_of,
        labels_of,
        {},
        Selection(),
        refused,
        {},
        {},
        Path("selection.csv"),
        Path("documents.csv"),
    )
    with Path("documents.csv").open(encoding="utf-8") as stream:
        return {row["document"]: row for row in csv.DictReader(stream)}


@pytest.mark.slow
def test_a_withdrawn_document_stays_out_under_any_name_and_saved_anew(raw: Path) -> None:
    before = build(raw)
    assert {row["status"] for row in before.values()} == {"ok"}
    label = Path(layout.LABELS) / "d1" / "p0001.md"
    withdraw(raw / "d1.pdf", files.sha256_file(label))
    (raw / "deep er").mkdir()
    (raw / "deep er" / "copy.pdf").write_bytes((raw / "d1.pdf").read_bytes())
    anew = pymupdf.open(raw / "d1.pdf")
    anew.set_metadata({"title": "another"})
    anew.save(raw / "anew.pdf")
    made = {path.name for path in Path(layout.PAGES).iterdir()}

    rows = build(raw)
    copy = inputs.document_id("deep er/copy.pdf")
    assert {name: row["status"] for name, row in rows.items()} == {
        "d0": "ok", "d2": "ok", "d1": "withdrawn", copy: "withdrawn", "anew": "withdrawn",
    }  # fmt: skip
    assert rows["anew"]["reasons"] == "withdrawn 1"
    assert {path.name for path in Path(layout.PAGES).iterdir()} == made | {"anew"}
    assert {row["accepted"] for name, row in rows.items() if name not in ("d0", "d2")} == {"0"}

    # Taken back: the build reads it again.
    LIST.unlink()
    assert plan.make_plan({}).documents.withdrawn == {}


def test_only_the_shards_with_the_document_and_the_selection_see_a_withdrawal(raw: Path) -> None:
    values = {"documents": {"per_shard": 1}}
    before = plan.make_plan(values).documents
    withdraw(raw / "d1.pdf")
    after = plan.make_plan(values).documents
    assert all(not before.withdrawn_in(shard) for shard in before.shards)
    changed = [shard for shard in after.shards if after.withdrawn_in(shard)]
    assert [[document.id for document in after.shards[shard]] for shard in changed] in ([["d1"]], [["d0", "d1"]],
                                                                                       [["d1", "d2"]])  # fmt: skip
    assert before.refused == {"documents": [], "labels": []}
    assert after.refused["documents"] == [files.sha256_file(raw / "d1.pdf")]


def test_an_empty_list_is_the_same_as_none(raw: Path) -> None:
    before = plan.make_plan({}).documents
    withdrawals.write(LIST, [])
    after = plan.make_plan({}).documents
    assert (before.refused, before.withdrawn) == (after.refused, after.withdrawn)
    assert withdrawals.read(LIST) == ()


def test_too_few_documents_are_left_is_said_with_their_number(raw: Path) -> None:
    withdraw(raw / "d1.pdf")
    made = plan.make_plan({})
    assert len(made.documents.all) - len(made.documents.withdrawn) == 2
    with pytest.raises(SystemExit, match="A training, a validation and a test split"):
        made.splittable("x")(None)


def test_the_list_comes_back_as_it_was_written(raw: Path) -> None:
    row = withdraw(raw / "d0.pdf", "a" * 64, "b" * 64)
    assert withdrawals.read(LIST) == (row,)
    assert LIST.read_text(encoding="utf-8").splitlines()[0] == (
        "sha256,path,document,date,reason,label_sha256,bytes"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hash,path\n", "has the wrong columns"),
        ("path\nx\n", "sha256 is required"),
        ("sha256\nabc\n", "line 2: not a SHA-256: 'abc'"),
        ("sha256,label_sha256\n" + "a" * 64 + ",b;c\n", "line 2: not a SHA-256: 'b'"),
        ("sha256,bytes\n" + "a" * 64 + ",many\n", "line 2: not a size"),
    ],
)
def test_a_mistake_in_the_list_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "withdrawn.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        withdrawals.read(tmp_path / "withdrawn.csv")


def test_a_file_that_is_not_made_yet_is_known_by_its_id_and_others_by_content(tmp_path: Path) -> None:
    for name, content in (("a", b"1"), ("b", b"2"), ("c", b"11")):
        (tmp_path / name).write_bytes(content)
    known = [Document(name, tmp_path / name, f"{name}.pdf") for name in ("a", "b", "c", "later")]
    one = files.sha256_bytes(b"1")

    def among(**values: Any) -> dict[str, str]:
        return withdrawals.among(known, [Withdrawal(**({"sha256": one} | values))])

    assert among(document="x", bytes=1) == {"a": one}
    assert among(document="later", bytes=1) == {"a": one, "later": one}
    assert among(document="a") == {"a": one}
    assert among(document="b") == {}


def test_a_document_withdrawn_between_plan_and_job_by_another_content_is_rendered(raw: Path) -> None:
    found = inputs.find_documents(raw).documents
    results = rendering.render_shard(found, {}, RENDERING, 1, {"d0": "0" * 64})
    assert {asdict(result.document)["status"] for result in results} == {"ok"}
