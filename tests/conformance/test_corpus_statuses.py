"""Promise: documents and pages of the shared corpus have the statuses of its manifest, or an explained other one."""

import csv
from pathlib import Path

import pytest

from scribetune.documents import rendering
from scribetune.documents.inputs import find_documents

EXPLAINED = Path(__file__).parents[2] / "docs" / "data" / "corpus-statuses.csv"
SAME = {
    "text": {"ok"}, "scan": {"scan"}, "no_text": {"scan", "vector_only"}, "garbage_text": {"garbage_text"},
    "blank": {"blank"}, "white_text": {"hidden_text"}, "invisible_text": {"invisible_text"},
}  # fmt: skip
"""What the manifest's words for pages mean here; it does not tell scans from drawings where there is no text."""


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_statuses_agree_with_the_manifest_or_the_difference_is_explained(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    observed = {row["file"]: row for row in table(shared / "corpus" / "manifest.csv")}
    found = find_documents(shared / "corpus" / "pdfs").documents
    settings = rendering.RenderSettings(768, "auto", timeout_s_per_page=12.0, code="conformance")
    results = {result.document.path: result for result in rendering.render_shard(found, {}, settings, workers=2)}
    assert set(results) == set(observed)
    differences = set()
    for file, row in observed.items():
        result = results[file]
        assert len(result.pages) == result.document.pages
        if row["document"] == "ok":
            assert result.document.pages == int(row["pages"]), file
        if row["document"] != result.document.status:
            differences.add((file, "", row["document"], str(result.document.status)))
        for page, expected in zip(result.pages, row["first_pages"].split(), strict=False):
            if page.status not in SAME[expected]:
                differences.add((file, str(page.page), expected, str(page.status)))
    explained = {(row["file"], row["page"], row["expected"], row["ours"]): row["why"] for row in table(EXPLAINED)}
    assert differences == set(explained)
    assert all(explained.values())
