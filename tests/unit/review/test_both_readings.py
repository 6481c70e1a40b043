"""Promises about both readings of a doubted place: all of it is text, what differs is marked, and its place is told."""

import json
import re

from scribetune.labels import image_witness
from scribetune.labels.tables import agreement
from scribetune.review import both_readings, server

HOSTILE = "<script>alert(1)</script>"
TABLE = agreement.TableReading(
    0.31,
    (72.0, 100.0, 300.0, 180.0),
    2,
    2,
    2,
    2,
    "",
    (("Name", "Mass"), ("Iron", "17")),
    (("Name", "Mass"), (HOSTILE, "17")),
)


def test_a_doubted_table_is_shown_as_both_have_it() -> None:
    (found,) = both_readings.of_row({"table_readings": agreement.as_json([TABLE])})
    assert (found.witness, found.trust) == (both_readings.WITNESSES["table"], 0.31)
    assert found.place == "72, 100 – 300, 180 pt"
    ours, theirs = both_readings.html_of(found)
    assert "<mark>&lt;script&gt;alert(1)&lt;/script&gt;</mark>" in ours
    assert "<mark>Iron</mark>" in theirs
    assert [html.count("<mark>") for html in (ours, theirs)] == [1, 1]


def test_tables_that_are_trusted_and_manifests_of_earlier_versions_are_read() -> None:
    trusted = agreement.as_json([agreement.TableReading(0.99, (0.0, 0.0, 9.0, 9.0), 1, 1, 1, 1, "")])
    assert both_readings.of_row({"table_readings": trusted}) == ()
    earlier = json.loads(agreement.as_json([TABLE]))
    del earlier[0]["first"]
    (found,) = both_readings.of_row({"table_readings": json.dumps(earlier)})
    assert both_readings.html_of(found)[0] == ""
    assert both_readings.of_row({}) == ()


def test_what_the_image_says_otherwise_is_shown_word_by_word() -> None:
    readings = (
        image_witness.Reading("ufyu", "text", (10.0, 20.0, 40.0, 30.0)),
        image_witness.Reading(HOSTILE, "", (50.0, 20.0, 90.0, 30.0)),
    )
    said = image_witness.to_json([image_witness.Disagreement("font", "x", 0.1, readings, "F")])
    (found,) = both_readings.of_row({"disagreements": said})
    assert found.places == ((10.0, 20.0, 40.0, 30.0), (50.0, 20.0, 90.0, 30.0))
    ours, theirs = both_readings.html_of(found)
    assert "<script>" not in ours + theirs
    assert re.findall("<mark>(.*?)</mark>", theirs) == ["text", "\u2205"]


def test_lines_that_two_readers_of_a_scan_differ_in_have_places_on_the_image() -> None:
    unsure = [{"label": "Total 5.10", "image": "Total 5.70", "place": "40,50–400,90 px"}]
    (found,) = both_readings.of_row({"disagreements": json.dumps(unsure)})
    assert both_readings.shares(found, None, (800, 1000)) == [(0.05, 0.05, 0.45, 0.04)]


def test_places_are_shares_of_the_image_unless_the_page_was_turned() -> None:
    (found,) = both_readings.of_row({"table_readings": agreement.as_json([TABLE])})
    (left, top, width, height) = both_readings.shares(found, (600.0, 800.0), (1200, 1600))[0]
    assert (left, top, width, height) == (0.12, 0.125, 0.38, 0.1)
    assert both_readings.shares(found, (600.0, 800.0), (1600, 1200)) == []
    assert both_readings.shares(found, None, (1200, 1600)) == []


def test_the_page_of_review_says_of_each_witness_what_the_report_says() -> None:
    script = (server.ASSETS / "review.js").read_text(encoding="utf-8")
    table = re.search(r"^const WITNESSES = \{(.*?)\};", script, re.DOTALL | re.MULTILINE)
    assert table is not None
    assert dict(re.findall(r'(\w+): "([^"]+)"', table.group(1))) == dict(both_readings.WITNESSES)
