"""OmniDocBench's measures beyond the golden cases: what holds of every page, and hostile pages."""

import random
import time
from typing import Any

import pytest

from scribetune.evaluation import scoring
from scribetune.metrics.omnidocbench import elements, ground_truth, matching, normalisation, page_scores
from scribetune.metrics.omnidocbench.ground_truth import Annotation, Page
from scribetune.samples import corpus


def scores(label: str, prediction: str) -> page_scores.PageScores:
    return page_scores.page_scores(page_scores.page_elements(ground_truth.page_from_markdown(label), prediction))


def test_a_page_read_as_it_is_labelled_is_read_perfectly() -> None:
    for spec in corpus.plan(12, 0, ["en", "zh"]):
        for label in corpus.generate(spec).truths:
            found = scores(label, label)
            assert {found.text_edit, found.formula_edit, found.reading_order, found.hallucination} <= {0.0, None}
            assert {found.table_teds, found.table_teds_s} <= {1.0, None}


PARAGRAPHS = (
    "The committee reviewed the annual budget.",
    "Maintenance costs increased by 12 percent.",
    "A second inspection is scheduled for March.",
)


def test_what_is_not_there_is_no_distance() -> None:
    found = scores("", "")
    assert (found.text_edit, found.formula_edit, found.table_teds, found.reading_order) == (None,) * 4
    assert found.hallucination is None
    assert scores("text", "").text_edit == 1.0
    assert scores("text", "").hallucination is None


def test_invented_blocks_are_hallucination_and_cost_nothing_else() -> None:
    label = "\n\n".join(PARAGRAPHS[:2])
    found = scores(label, label + "\n\nQuite another sentence that nobody wrote.\n\n<table><tr><td>1</td></tr></table>")
    assert found.text_edit == 0.0
    assert found.hallucination == 0.5


def test_the_order_of_reading_is_scored_apart_from_the_text() -> None:
    found = scores("\n\n".join(PARAGRAPHS), "\n\n".join(reversed(PARAGRAPHS)))
    assert found.text_edit == 0.0
    assert found.reading_order == pytest.approx(2 / 3)


def test_a_table_is_read_from_html_or_markdown_and_missing_counts_zero() -> None:
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    html = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
    assert scores(table, table).table_teds == 1.0
    # A pipe table is given spans of 1, as the original writes it.
    assert scores(html, html).table_teds == scores(table, html).table_teds == 1.0
    assert scores(table, "nothing").table_teds == 0.0
    assert scores(f"{html}\n\ntext\n\n{html}", html).table_teds == 0.5


def test_latex_tables_count_as_missing() -> None:
    page = Page((), (Annotation("table", html="<table><tr><td>1</td></tr></table>", latex="x", order=1),))
    found = page_scores.page_elements(page, "\\begin{tabular}{l}1\\end{tabular}\n\ntext")
    assert page_scores.page_scores(found).table_teds == 0.0


def test_captions_and_headers_may_be_read_or_not() -> None:
    page = Page(
        (
            Annotation("header", text="Annual report 2024", order=1),
            *(Annotation("text_block", text=text, order=number) for number, text in enumerate(PARAGRAPHS, start=2)),
        ),
        (),
    )
    body = "\n\n".join(PARAGRAPHS)
    for prediction in (body, f"Annual report 2024\n\n{body}"):
        found = page_scores.page_scores(page_scores.page_elements(page, prediction))
        assert (found.text_edit, found.reading_order, found.hallucination) == (0.0, 0.0, 0.0)


def test_cut_text_is_put_together() -> None:
    blocks: list[dict[str, Any]] = [
        {"anno_id": number, "category_type": "text_block", "order": number + 1, "text": text}
        for number, text in enumerate(("one ", "two ", "three"))
    ]
    relation = {"source_anno_id": 0, "target_anno_id": 2, "relation_type": "truncated"}
    page = ground_truth.page_from_json({"layout_dets": blocks, "extra": {"relation": [relation]}})
    assert [annotation.text for annotation in page.elements] == ["one three", "two "]


def test_annotations_without_text_order_or_relations_are_no_error() -> None:
    page = ground_truth.page_from_json({"layout_dets": [{"category_type": "text_block"}, {"category_type": "table"}]})
    found = page_scores.page_scores(page_scores.page_elements(page, "text"))
    assert (found.text_edit, found.hallucination) == (None, 1.0)


def test_a_page_with_too_many_lines_is_paired_simply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MAX_COMPARISONS", 5)
    found = scores("\n\n".join(PARAGRAPHS), "\n\n".join(PARAGRAPHS[1:]))
    assert found.text_edit is not None
    assert 0 < found.text_edit < 0.5


CELLS = ["a", "1,204", " ", "\n ", "数据", "x > y", "<b>b</b>", "a<br/>b", "<span>s</span>", ""]
SPANS = ["", "", ' colspan="2"', ' rowspan="2" colspan="3"', ' style="a: b" class="c"']
OPENINGS = ["<table>", '<table border="1">', '<table class="x" width="3">', '<table border="1" >']


def simple_table(draw: random.Random) -> str:
    rows = []
    for tag in draw.choices(["td", "th"], k=draw.randrange(5)):
        cells = [f"<{tag}{draw.choice(SPANS)}>{draw.choice(CELLS)}</{tag}>" for _ in range(draw.randrange(4))]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return draw.choice(OPENINGS) + "\n".join(rows) + "</table>"


def test_simple_tables_are_normalised_without_a_parser_as_with_one() -> None:
    draw = random.Random(5)
    for _ in range(200):
        source = simple_table(draw)
        found = normalisation._simple(source)
        assert found == normalisation._parsed(source)


@pytest.mark.parametrize(
    "source",
    [
        "<table><tr><td>a</td></tr>",
        "<table><tr><td>a &amp; b</td></tr></table>",
        "<table><tr><td>a</tr></table>",
        "<TABLE><tr><td>a</td></tr></TABLE>",
        '<table><tr><td colspan="1" colspan="2">a</td></tr></table>',
        "<table><script>x</script></table>",
    ],
)
def test_other_tables_are_left_to_the_parser(source: str) -> None:
    assert normalisation._simple(source) is None


HOSTILE = {
    "images": "![" * 50_000,
    "brackets": "\\[" * 50_000,
    "parentheses": "\\(" * 50_000,
    "pipes": "|" * 100_000,
    "tables": "<table" * 30_000,
    "open tables": "<table>" * 30_000,
    "tabulars": "\\begin{tabular}" * 10_000 + "\\end{tabular}",
    "dollars": "$ " * 50_001,
    "fences": "```x\n" * 20_000,
    "titles": "\\title{" * 5_000,
    "lines": "a\n\n" * 20_000,
    "one line": "word " * 100_000,
    "marks": "<script>alert(1)</script>\u202e" * 2_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_pages_are_scored_in_seconds(text: str) -> None:
    start = time.process_time()
    found = scores("\n\n".join(PARAGRAPHS), text)
    assert found.text_edit is not None
    assert time.process_time() - start < 20


def test_a_run_averages_over_pages() -> None:
    labels = [{"id": "a", "text": "abcd"}, {"id": "b", "text": "abcd efgh"}]
    readings = [{"id": "a", "text": "abcd"}, {"id": "b", "text": "abcd"}]
    found = scoring.aggregate_records(scoring.score_records(labels, readings), labels, readings)
    assert (found["odb.text_edit"], found["odb.reading_order"]) == (0.25, 0.0)
    assert not {"odb.table_teds", "odb.formula_edit", "odb.overall_no_cdm"} & found.keys()
    assert page_scores.overall_without_cdm(0.2, 0.6) == pytest.approx(70.0)


MARKS = {"html_table": "<table", "equation_isolated": "$$", "code": "```"}


def test_blocks_keep_their_places_when_something_before_them_is_taken_out() -> None:
    text = "a\n\n<table><tr><td>1</td></tr></table>\n\n$$x$$\n\n```python\nprint()\n```.\n\nb"
    places = {block.name: block.start for block in elements.predicted_blocks(text) if block.name != "text_block"}
    assert places == {name: text.index(mark) for name, mark in MARKS.items()}
