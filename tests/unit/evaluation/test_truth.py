"""Evaluation sets are told apart by what they hold, and `scribetune score` scores them without a build."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scribetune.cli import app
from scribetune.core.errors import UserError
from scribetune.evaluation import truth

GOLDEN = Path(__file__).parents[2] / "conformance" / "golden"
TABLE = "<table><tr><td>a</td><td>b</td></tr></table>"
RECORDS = [
    {"id": "one", "text": "# Report\n\nThe total is 42.\n"},
    {"id": "two", "text": TABLE},
    {"id": "three", "text": "| a | b |\n|---|---|\n| 1 | 2 |\n"},
]


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def score(*arguments: object) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["score", *map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refusal(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["score", *map(str, arguments)])
    assert result.exit_code == 1
    assert not result.stdout
    assert "Traceback" not in result.stderr
    return result.stderr


def test_predictions_are_scored_in_the_order_of_the_references(tmp_path: Path) -> None:
    reference = write(tmp_path / "ref.jsonl", RECORDS)
    found = score(reference, write(tmp_path / "hyp.jsonl", RECORDS[::-1]))
    assert [sample["id"] for sample in found["samples"]] == ["one", "two", "three"]
    perfect = {"cer": 0.0, "wer": 0.0, "table_f1": 1.0, "table_struct_f1": 1.0, "teds": 1.0, "teds_s": 1.0}
    assert perfect.items() <= found["samples"][1].items()
    assert perfect.items() <= found["samples"][2].items()
    assert found["samples"][0]["table_f1"] is None
    assert found["samples"][0]["odb.text_edit"] == 0.0
    assert (found["aggregate"]["cer_mean"], found["aggregate"]["tables"]) == (0.0, 2)


def test_html_and_markdown_tables_are_compared_in_one_form(tmp_path: Path) -> None:
    markdown = {"id": "t", "text": "| a | b |\n|---|---|\n| 1 | 2 |"}
    html = {"id": "t", "text": "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"}
    sample = score(write(tmp_path / "ref.jsonl", [html]), write(tmp_path / "hyp.jsonl", [markdown]))["samples"][0]
    assert (sample["table_f1"], sample["table_struct_f1"], sample["teds"], sample["teds_s"]) == (1.0, 1.0, 1.0, 1.0)


def test_a_missing_table_scores_zero_and_an_invented_one_counts_against(tmp_path: Path) -> None:
    table, nothing = {"id": "t", "text": TABLE}, {"id": "t", "text": "no table"}
    for number, (reference, hypothesis) in enumerate([(table, nothing), (nothing, table)]):
        paths = (write(tmp_path / f"{side}{number}", [row]) for side, row in (("r", reference), ("h", hypothesis)))
        sample = score(*paths)["samples"][0]
        assert (sample["table_f1"], sample["teds"], sample["teds_s"]) == (0.0, 0.0, 0.0)


def test_the_summary_never_says_overall_without_saying_what_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "ref.jsonl", [{"id": "t", "text": f"text\n\n{TABLE}"}])
    result = CliRunner().invoke(app, ["score", str(path), str(path)])
    assert "odb.overall (no CDM)  100.0000" in result.stdout
    assert result.stdout.count("overall") == 1


def test_omnidocbench_pages_have_the_scores_of_omnidocbench(tmp_path: Path) -> None:
    cases = json.loads((GOLDEN / "omnidocbench_synth.json").read_text(encoding="utf-8"))["cases"]
    (tmp_path / "OmniDocBench.json").write_text(json.dumps([case["gt_page"] for case in cases]), encoding="utf-8")
    (tmp_path / "md").mkdir()
    for case in cases:
        name = Path(case["gt_page"]["page_info"]["image_path"]).stem
        (tmp_path / "md" / f"{name}.md").write_text(case["pred_md"], encoding="utf-8")
    found = score(tmp_path / "OmniDocBench.json", tmp_path / "md")
    for sample, case in zip(found["samples"], cases, strict=True):
        golden = case["expected"]
        assert sample["odb.text_edit"] == golden["text_block"]["page_edit"]
        assert sample["odb.formula_edit"] == golden["display_formula"]["page_edit"]
        assert sample["odb.reading_order"] == golden["reading_order"]["page_edit"]
        tables = [element["metric"]["TEDS"] for element in golden["table"]["elements"]]
        assert sample["odb.table_teds"] == (pytest.approx(sum(tables) / len(tables), abs=1e-9) if tables else None)


def test_predictions_are_found_by_the_name_of_the_image_or_the_pdf(tmp_path: Path) -> None:
    path = write(tmp_path / "hyp.jsonl", [{"id": "images/a_1.jpg", "text": "x"}, {"id": "b_repeat1", "text": "y"}])
    found = truth.read_predictions(path, ["a_1", "b", "c"])
    assert [record["id"] for record in found] == ["a_1", "b"]


FACTS: list[dict[str, Any]] = [
    {"pdf": "m/a.pdf", "page": 1, "id": "1", "type": "present", "text": "quick “brown” fox", "max_diffs": 1},
    {"pdf": "m/a.pdf", "page": 1, "id": "2", "type": "absent", "text": "Page 7 of 9"},
    {"pdf": "m/a.pdf", "page": 1, "id": "3", "type": "order", "before": "quick", "after": "lazy"},
    {"pdf": "m/a.pdf", "page": 1, "id": "4", "type": "order", "before": "lazy", "after": "quick"},
    {"pdf": "m/a.pdf", "page": 1, "id": "5", "type": "table", "cell": "12", "left": "apples", "top_heading": "sum"},
    {"pdf": "m/a.pdf", "page": 1, "id": "6", "type": "table", "cell": "12", "up": "apples"},
    {"pdf": "m/a.pdf", "page": 1, "id": "7", "type": "math", "math": "x^2 + 1"},
    {"pdf": "m/a.pdf", "page": 1, "id": "8", "type": "format", "text": "Title", "format": "heading"},
    {"pdf": "m/a.pdf", "page": 1, "id": "9", "type": "footnote", "marker": "1", "appears_before_marker": "dog"},
    {"pdf": "m/b.pdf", "page": 2, "id": "10", "type": "baseline"},
]
READ = (
    '# Title\n\nThe quick **"brown"** fox jumps over the lazy dog[^1].\n\n'
    "| name | sum |\n|---|---|\n| apples | 12 |\n\n$$x^2+1$$\n"
)


AS_HTML = (
    "<table>\n <tr>\n  <th>\n   name\n  </th>\n  <th>\n   sum\n  </th>\n </tr>\n <tr>\n  <td>\n   apples\n  </td>\n"
    "  <td>\n   12\n  </td>\n </tr>\n</table>\n"
)


@pytest.mark.parametrize("table", ["pipes", "compact HTML", "padded HTML", "indented HTML"])
def test_facts_are_decided_as_olmocr_bench_decides_them(tmp_path: Path, table: str) -> None:
    pipes = READ[READ.index("| name") : READ.index("\n$$")]
    compact = AS_HTML.replace("\n", "").replace(" ", "")
    padded = compact.replace("><", "> <").replace("<td>12", "<td> 12")
    written = {"pipes": pipes, "compact HTML": compact, "padded HTML": padded, "indented HTML": AS_HTML}[table]
    read = READ.replace(pipes, written + "\n")
    facts = write(tmp_path / "facts.jsonl", FACTS)
    found = score(facts, write(tmp_path / "hyp.jsonl", [{"id": "m/a_pg1_repeat1.md", "text": read}]))
    samples = {sample["id"]: sample for sample in found["samples"]}
    assert samples["m/a_pg1"]["failed"] == ["4", "6"]
    # A page without a prediction fails whatever is asked of it.
    assert samples["m/b_pg2"]["failed"] == ["10"]
    aggregate = found["aggregate"]
    assert (aggregate["olmocr.present"], aggregate["olmocr.order"], aggregate["olmocr.table"]) == (1.0, 0.5, 0.5)
    # The file's own facts, and the baseline that is asked of the PDF which has none: the mean of both.
    assert aggregate["olmocr.file.facts"] == pytest.approx(7 / 10)
    assert aggregate["olmocr.pass_rate"] == pytest.approx((7 / 10 + 1.0) / 2)


@pytest.mark.parametrize(
    ("text", "passes"),
    [("text", True), ("   ", False), ("***", False), ("ab " * 400, False), ("数据", False)],
)
def test_a_page_passes_the_baseline_if_it_is_legible(tmp_path: Path, text: str, passes: bool) -> None:
    facts = write(tmp_path / "facts.jsonl", [{"pdf": "a.pdf", "page": 1, "id": "1", "type": "baseline"}])
    found = score(facts, write(tmp_path / "hyp.jsonl", [{"id": "a_pg1", "text": text}]))
    assert found["aggregate"]["olmocr.baseline"] == float(passes)


FACT = '{"pdf": "a.pdf", "page": 1, "id": "1", "type": "TYPE"}'
GOOD = '{"id": "one", "text": "x"}'


@pytest.mark.parametrize(
    ("reference", "hypothesis", "message"),
    [
        (None, GOOD, "There is no such file"),
        (GOOD, None, "There is no such file"),
        ("", GOOD, "This is no evaluation set: no record"),
        ('{"id": "one"}', GOOD, "This is no evaluation set: a first record with id"),
        ("[1, 2]", GOOD, "a list of something else"),
        ("{broken", GOOD, "The file cannot be read"),
        ("[{]", GOOD, "The file cannot be read"),
        (GOOD + '\n{"id": "two"}', GOOD, "There is a record without text"),
        (GOOD, '{"id": "one"}', "There is a record without text"),
        (GOOD, '{"id": "one", "text": 5}', "There is a record whose text is no text"),
        (GOOD, "", "There are no predictions"),
        (GOOD, '{"id": "two", "text": "x"}', "The predictions lack the pages to score"),
        (GOOD, f'{GOOD}\n{{"id": "two", "text": "x"}}', "The predictions have others than the pages to score"),
        (f"{GOOD}\n{GOOD}", GOOD, "Page ids repeat in the references"),
        (GOOD, f"{GOOD}\n{GOOD}", "Page ids repeat in the predictions"),
        ('{"pdf": "a.pdf", "page": 1, "id": "1", "type": "smell"}', GOOD, "A fact is of an unknown type"),
        ('{"pdf": "a.pdf", "page": 1, "id": "1", "type": "math"}', GOOD, "A fact lacks math"),
        ('{"pdf": "a.pdf", "page": 1, "id": "1", "type": "baseline"}', GOOD, "No prediction is of a page of the set"),
        (FACT.replace("TYPE", 'format", "text": "x", "format": "loud'), GOOD, "A fact lacks format"),
        (FACT.replace("TYPE", 'absent", "text": "x", "max_diffs": "no'), GOOD, "A fact lacks max_diffs"),
        ('[{"layout_dets": []}]', GOOD, "Pages have no image path"),
        ('[{"layout_dets": [5], "page_info": {"image_path": "a.jpg"}}]', GOOD, "annotations cannot be read"),
        (GOOD, '{"id": "one", "text": "x", "tokens": "many"}', "tokens or stop_reason"),
    ],
)
def test_mistakes_are_told_in_words(
    tmp_path: Path, reference: str | None, hypothesis: str | None, message: str
) -> None:
    for name, text in (("ref", reference), ("hyp", hypothesis)):
        if text is not None:
            (tmp_path / name).write_text(text, encoding="utf-8")
    told = refusal(tmp_path / "ref", tmp_path / "hyp")
    assert message in told
    assert "What to do" in told


def test_a_file_that_is_no_text_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "ref").write_bytes(b"\xd6\xd0\xce\xc4")
    assert "not UTF-8 from byte 0" in refusal(tmp_path / "ref", write(tmp_path / "hyp", RECORDS))


def test_control_signs_of_other_peoples_ids_do_not_reach_the_terminal(tmp_path: Path) -> None:
    evil = write(tmp_path / "hyp", [{"id": "\x1b[31mred", "text": "x"}])
    assert "\x1b" not in refusal(write(tmp_path / "ref", RECORDS), evil)


def test_an_unknown_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a folder without \*\.jsonl"):
        truth.read(tmp_path)


@pytest.mark.slow
def test_scoring_loads_neither_torch_nor_transformers(tmp_path: Path) -> None:
    path = write(tmp_path / "ref.jsonl", RECORDS)
    code = (
        "import sys\nfrom scribetune.cli import app\n"
        f"try:\n    app(['score', {str(path)!r}, {str(path)!r}])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'transformers', 'numba', 'snakemake'} & set(sys.modules)\nassert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
