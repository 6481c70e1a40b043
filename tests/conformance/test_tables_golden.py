"""GriTS and adjacency give the values of table-transformer and SciTSR."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scribetune.metrics import adjacency, grits
from scribetune.metrics.adjacency import Adjacency
from scribetune.metrics.grits import Grits
from scribetune.metrics.markdown import table_from_html
from scribetune.metrics.tables import page_tables
from scribetune.text.grids import Table

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "golden" / "grits_adjacency.json").read_text(encoding="utf-8")
)["cases"]
TOLERANCE = 1e-9


def undefined(value: object) -> bool:
    """Tell whether the reference implementation raised on the case."""
    return isinstance(value, str) and value.startswith("ERROR:")


def cases(key: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "case", [case for case in CASES if not undefined(case[key])], ids=lambda case: case["id"]
    )


def tables(case: dict[str, Any]) -> tuple[Table, Table]:
    return table_from_html(case["gt"]), table_from_html(case["pred"])


@pytest.mark.parametrize(("metric", "name"), [(grits.grits_con, "con"), (grits.grits_top, "top")])
@cases("grits")
def test_grits_is_that_of_table_transformer(
    case: dict[str, Any], metric: Callable[[Table, Table], Grits], name: str
) -> None:
    found, golden = metric(*tables(case)), case["grits"]
    assert found.f1 == pytest.approx(golden[f"grits_{name}"], abs=TOLERANCE)
    assert found.precision == pytest.approx(golden[f"grits_precision_{name}"], abs=TOLERANCE)
    assert found.recall == pytest.approx(golden[f"grits_recall_{name}"], abs=TOLERANCE)
    assert found.upper_bound == pytest.approx(golden[f"grits_{name}_upper_bound"], abs=TOLERANCE)


def agree(found: Adjacency, golden: dict[str, float]) -> None:
    assert found.f1 == pytest.approx(golden["f"], abs=TOLERANCE)
    assert found.precision == pytest.approx(golden["precision"], abs=TOLERANCE)
    assert found.recall == pytest.approx(golden["recall"], abs=TOLERANCE)


@cases("icdar13_scitsr")
def test_icdar_2013_adjacency_is_that_of_scitsr(case: dict[str, Any]) -> None:
    found, golden = adjacency.icdar13(*tables(case)), case["icdar13_scitsr"]
    agree(found, golden)
    counts = (found.correct, found.reference_relations, found.predicted_relations)
    assert counts == (golden["correct"], golden["n_gt"], golden["n_pred"])


@cases("grits")
def test_a_page_of_one_table_scores_as_the_table(case: dict[str, Any]) -> None:
    found = page_tables(case["gt"], case["pred"])
    assert found is not None
    assert found.content_f1 == pytest.approx(case["grits"]["grits_con"], abs=TOLERANCE)
    assert found.structure_f1 == pytest.approx(case["grits"]["grits_top"], abs=TOLERANCE)
    assert found.adjacency_f1 == pytest.approx(case["icdar13_scitsr"]["f"], abs=TOLERANCE)


def indented(source: str) -> str:
    """Write each tag and each text on a line of its own, as libraries print HTML for people."""
    return re.sub(r"(?<=>)|(?=</)", "\n  ", source)


@cases("grits")
def test_an_indented_table_scores_as_the_compact_one(case: dict[str, Any]) -> None:
    compact = page_tables(case["gt"], case["pred"])
    sources = [(case["gt"], indented(case["pred"])), (indented(case["gt"]), case["pred"])]
    for first, second in [*sources, (indented(case["gt"]), indented(case["pred"]))]:
        assert page_tables(first, second) == compact


@pytest.mark.parametrize("case", [case for case in CASES if undefined(case["grits"])], ids=lambda case: case["id"])
def test_what_the_reference_raises_on_has_a_value(case: dict[str, Any]) -> None:
    found = page_tables(case["gt"], case["pred"])
    assert found is not None
    if not case["pred"].strip():
        assert (found.content_f1, found.structure_f1, found.adjacency_f1) == (0.0, 0.0, 0.0)
    else:
        # Ragged or unclosed: padded with empty cells, so it is neither lost nor perfect.
        assert 0.0 < found.content_f1 < 1.0
