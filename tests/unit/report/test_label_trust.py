"""Promises about trust in the report: how many labels have how much, and both readings where they differ."""

import base64
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import lxml.html
from PIL import Image

from scribetune.core import csv_files, manifests
from scribetune.labels.tables import agreement
from scribetune.report import label_trust
from scribetune.report.page import render
from support.report_folder import HOSTILE, SAMPLES, build


def selected(page: int, trust: float, accepted: bool, source: str = "machine") -> dict[str, str]:
    return {
        "document": "d", "page": str(page), "trust": str(trust), "accepted": str(accepted), "label_source": source,
        "label": "x.md",
    }  # fmt: skip


def test_labels_are_counted_by_their_trust_and_disagreements_shown_side_by_side() -> None:
    rows = [
        selected(1, 0.95, True),
        selected(2, 0.1, False),
        selected(3, 1.0, True),
        selected(4, 1.0, True, "correction"),
    ]
    findings = json.dumps([["words_lost", "on the page", "in the label", 72, 310, 90, 320]])
    found = label_trust.of(rows, [{"document": "d", "page": "2", "findings": findings}])
    assert [(band.pages, band.accepted) for band in found.bands] == [(1, 0), (0, 0), (0, 0), (0, 0), (2, 2)]
    (one,) = found.disagreements
    assert (one.id, one.page_reads, one.label_has, one.place) == ("d/p0002", "on the page", "in the label", "72, 310")
    assert one.reason == "words of the page are not in the label"


def test_pages_refused_since_two_readings_differ_are_shown_with_both_and_their_place(tmp_path: Path) -> None:
    table = agreement.TableReading(
        0.3, (60.0, 100.0, 300.0, 160.0), 1, 2, 1, 2, "", (("Iron", "17"),), (("Iron", HOSTILE[0]),)
    )
    refused = selected(1, 0.9, False) | {"reason": "table_doubtful", "image": "data/pages/d/p0001.png"}
    by_hand = selected(3, 1.0, True, "correction") | {"reason": "", "image": "x"}
    labels = [
        {
            "document": "d",
            "page": page,
            "table_readings": agreement.as_json([table]),
            "width_pt": "600",
            "height_pt": "800",
        }
        for page in ("1", "2", "3")
    ]
    doubted = selected(2, 0.1, False) | {"reason": "low_trust", "image": "data/pages/d/p0002.png"}
    found = label_trust.of([doubted, refused, by_hand], labels)
    assert [(one.id, one.reason, one.found.trust) for one in found.side_by_side] == [
        ("d/p0001", "table_doubtful", 0.3), ("d/p0002", "low_trust", 0.3),
    ]  # fmt: skip

    inputs = build(tmp_path, SAMPLES[:1])
    page = tmp_path / "data/pages/d/p0001.png"
    page.parent.mkdir(parents=True)
    Image.new("L", (600, 800), 255).save(page)
    manifest = tmp_path / "labels.csv"
    manifests.write(manifest, [labels[0] | {"status": "ok", "label_source": "machine", "word_recall": 1.0}],
                    ["document", "page", "table_readings", "width_pt", "height_pt", "status", "label_source",
                     "word_recall"])  # fmt: skip
    rows = [*csv_files.read(inputs.selection_csv), refused]
    manifests.write(inputs.selection_csv, rows, list({name: 0 for row in rows for name in row}))
    html = render(dataclasses.replace(inputs, label_csvs=(manifest,)))
    assert HOSTILE[0] not in html.split('id="side-by-side"')[1].split("</section>")[0]
    found_on_page: Any = lxml.html.document_fromstring(html).xpath('//section[@id="side-by-side"]//article')
    (shown,) = found_on_page
    assert "A second reading of the table" in shown.xpath("string(p)")
    assert "60, 100 – 300, 160 pt" in shown.xpath("string(p)")
    assert shown.xpath(".//mark/text()") == [HOSTILE[0], "17"]
    assert shown.xpath("string(.//code)") == "scribetune review --page d/p0001"
    content = base64.b64decode(shown.xpath(".//img/@src")[0].partition(",")[2])
    with Image.open(io.BytesIO(content)) as image:
        red = [pixel for _, pixel in image.convert("RGB").getcolors(1 << 20) or () if pixel[0] > pixel[1] + 60]  # type: ignore[index]
        assert image.width < 600
        assert red


def test_a_build_without_trust_shows_none() -> None:
    assert label_trust.of([{"document": "d", "page": "1", "accepted": "True"}], []) == label_trust.LabelTrust()
