"""Whole pages are split, matched and scored as OmniDocBench does, element by element."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scribetune.metrics.omnidocbench import elements, ground_truth, normalisation, page_scores
from scribetune.metrics.omnidocbench.page_scores import Element

GOLDEN = Path(__file__).parent / "golden"
PAGES: list[dict[str, Any]] = json.loads((GOLDEN / "omnidocbench_synth.json").read_text(encoding="utf-8"))["cases"]
STRINGS: list[dict[str, Any]] = json.loads((GOLDEN / "omnidocbench_normalisation.json").read_text(encoding="utf-8"))[
    "cases"
]


def split(text: str) -> dict[str, list[dict[str, Any]]]:
    """Return a page's blocks as the reference writes them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for block in elements.predicted_blocks(text):
        row: dict[str, Any] = {"category_type": block.category, "position": [block.start, block.end]}
        row["content"] = block.content
        row |= {"language": block.language} if block.language else {}
        row |= {"fine_category_type": block.fine_category} if block.fine_category else {}
        found.setdefault(block.category, []).append(row)
    return found


FUNCTIONS: dict[str, Callable[[str], object]] = {
    "clean_string": normalisation.clean_string,
    "textblock2unicode": normalisation.inline_formulas_as_text,
    "clean_string(textblock2unicode(x))": normalisation.normalised_text,
    "normalized_formula": normalisation.normalised_formula,
    "normalized_html_table": normalisation.normalised_html_table,
    "md_tex_filter": split,
}


@pytest.mark.parametrize("case", STRINGS, ids=lambda case: case["id"])
def test_strings_are_normalised_and_pages_split_as_the_reference_does(case: dict[str, Any]) -> None:
    assert FUNCTIONS[case["fn"]](case["inp"]) == case["out"]


def row(element: Element) -> dict[str, Any]:
    """Return an element as the reference writes it."""
    match = element.match
    metric: dict[str, float] = {}
    if element.edit is not None:
        metric["Edit_dist"] = element.edit
    if element.teds is not None and element.teds_s is not None:
        metric |= {"TEDS": element.teds, "TEDS_structure_only": element.teds_s}
    return {
        "gt_idx": list(match.references) or [""],
        "pred_idx": list(match.predictions) or [""],
        "gt_position": ["" if order is None else order for order in match.reference_orders],
        "pred_position": "" if match.prediction_place is None else match.prediction_place,
        "gt_category_type": match.reference_category,
        "pred_category_type": match.prediction_category,
        "norm_gt": match.normalised_reference,
        "norm_pred": match.normalised_prediction,
        "gt": match.reference,
        "pred": match.prediction,
        "edit": match.edit,
        "metric": metric,
        "Edit_num": element.edits,
        "upper_len": element.length,
    }


@pytest.mark.parametrize("case", PAGES, ids=lambda case: case["id"])
def test_every_element_of_a_page_is_that_of_the_reference(case: dict[str, Any]) -> None:
    page = page_scores.page_elements(ground_truth.page_from_json(case["gt_page"]), case["pred_md"])
    order = page.order
    found = {
        "text_block": [row(element) for element in (*page.text, *page.formulas_as_text)],
        "display_formula": [row(element) for element in page.formulas],
        "table": [row(element) for element in page.tables],
        "reading_order": []
        if order is None
        else [
            {
                "gt": list(order.reference),
                "pred": list(order.prediction),
                "edit": order.edit,
                "metric": {"Edit_dist": order.edit},
                "Edit_num": order.edits,
                "upper_len": order.length,
            }
        ],
    }
    for kind, golden in case["expected"].items():
        wanted = golden["elements"]
        # The reference stores more of some elements than of others: what it stores is compared.
        pairs = zip(wanted, found[kind], strict=True)
        assert [{key: own[key] for key in element} for element, own in pairs] == wanted


@pytest.mark.parametrize("case", PAGES, ids=lambda case: case["id"])
def test_the_distances_of_a_page_are_those_of_the_reference(case: dict[str, Any]) -> None:
    scores = page_scores.page_scores(
        page_scores.page_elements(ground_truth.page_from_json(case["gt_page"]), case["pred_md"])
    )
    golden = {kind: expected["page_edit"] for kind, expected in case["expected"].items()}
    assert golden == {
        "text_block": scores.text_edit,
        "display_formula": scores.formula_edit,
        "table": scores.table_edit,
        "reading_order": scores.reading_order,
    }
