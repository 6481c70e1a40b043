"""Promises about public benchmarks: every page and record is accounted for, and scores are the published ones."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from PIL import Image

from scribetune.audit.lineage import of_build
from scribetune.core import config, files, layout
from scribetune.core.errors import UserError
from scribetune.evaluation import truth as evaluation_sets
from scribetune.evaluation.public import images, listing, scores
from scribetune.evaluation.truth import EvaluationSet, Refused
from scribetune.report import model_card, public_benchmarks
from scribetune.report import page as report
from support import benchmark_folder, report_folder
from support.benchmark_folder import TABLE, TEXTS, annotated_page, write_jsonl
from support.lineage_factory import lineage

SETTINGS = images.ImageSettings(256, "auto", 30.0, 1024, 30.0)


def benchmark(truth: Path, **changes: Any) -> config.Benchmark:
    return config.Benchmark(name="set", truth=truth.as_posix(), **changes)


def listed(truth: Path, **changes: Any) -> list[listing.ListedPage]:
    listing.write([benchmark(truth, **changes)])
    return listing.read_listing(Path(listing.path_of("set")))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- Pages --------------------------------------------------------------------------------------------------------


def test_pages_are_found_under_the_names_that_truth_has_and_a_missing_one_is_listed_as_such(here: Path) -> None:
    pages = listed(benchmark_folder.omnidocbench(here / "omni"))
    assert [(page.id, page.source, page.page, bool(page.sha256)) for page in pages] == [
        ("book_1", "images/book_1.jpg", 0, True), ("book_2", "images/book_2.png", 0, True),
        ("slides_3", "images/slides_3.png", 0, True), ("gone_4", "gone_4.jpg", 0, False),
    ]  # fmt: skip


def test_pages_of_pdfs_are_listed_by_their_numbers(here: Path) -> None:
    pages = listed(benchmark_folder.olmocr(here / "olm"))
    found = [(page.id, page.source, page.page) for page in pages]
    assert found == [(f"old/letter_pg{number}", "pdfs/old/letter.pdf", number) for number in (1, 2, 9)]


def test_records_of_text_find_their_images_by_id_by_name_or_in_a_pdf(here: Path) -> None:
    benchmark_folder.olmocr(here / "olm")
    benchmark_folder.page_image("x").save(here / "one.png")
    records: list[dict[str, Any]] = [{"id": "one", "text": "x"}, {"id": "two", "text": "y", "image": "one.png"},
               {"id": "three", "text": "z", "pdf": "olm/pdfs/old/letter.pdf", "page": 2}]  # fmt: skip
    pages = listed(write_jsonl(here / "truth.jsonl", records))
    assert [(page.source, page.page) for page in pages] == [
        ("one.png", 0), ("one.png", 0), ("olm/pdfs/old/letter.pdf", 2)
    ]  # fmt: skip


def test_truth_that_changes_in_its_texts_alone_leaves_the_listing_as_it_is(here: Path) -> None:
    truth = benchmark_folder.omnidocbench(here / "omni")
    before = listed(truth)
    when = Path(listing.path_of("set")).stat().st_mtime_ns
    truth.write_text(truth.read_text(encoding="utf-8").replace("annual budget", "yearly budget"), encoding="utf-8")
    assert listed(truth) == before
    assert Path(listing.path_of("set")).stat().st_mtime_ns == when
    benchmark_folder.page_image("another").save(here / "omni/images/book_1.jpg")
    assert listed(truth) != before


def test_truth_is_read_again_only_when_it_changed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = benchmark_folder.omnidocbench(here / "omni")
    before = listed(truth)
    with monkeypatch.context() as patch:
        patch.delattr(evaluation_sets, "read")
        assert listed(truth) == before
        assert len(listed(truth, max_pages=3)) == 3
    pages = json.loads(truth.read_text(encoding="utf-8"))
    truth.write_text(json.dumps(pages[1:]), encoding="utf-8")
    assert listed(truth) == before[1:]


def test_a_limit_chooses_pages_that_stay_chosen_as_others_come(here: Path) -> None:
    rows = [{"id": f"p{number}", "text": "x"} for number in range(40)]
    for row in rows:
        benchmark_folder.page_image("x", (20, 20)).save(here / f"{row['id']}.png")
    few = {page.id for page in listed(write_jsonl(here / "t.jsonl", rows[:30]), max_pages=10)}
    more = {page.id for page in listed(write_jsonl(here / "t.jsonl", rows), max_pages=10)}
    assert len(few) == len(more) == 10
    assert more & {row["id"] for row in rows[:30]} <= few
    assert {page.id for page in listed(here / "t.jsonl")} == {row["id"] for row in rows}


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "a/../../secret.png"])
def test_truth_names_no_file_outside_of_the_folder_of_images(here: Path, name: str) -> None:
    benchmark_folder.page_image("secret").save(here / "secret.png")
    (here / "set").mkdir()
    benchmark_folder.page_image("x").save(here / "set/one.png")
    truth = here / "set/truth.json"
    truth.write_text(json.dumps([annotated_page(name, TEXTS[:1]), annotated_page("one.png", TEXTS[:1])]), "utf-8")
    pages = listed(truth)
    assert [bool(page.sha256) for page in pages] == [False, True]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"truth": "nowhere.json"}, "its truth is not there: 'nowhere.json'"),
        ({"images": "nowhere"}, "its folder of images is not there: 'nowhere'"),
        ({"images": "empty"}, "not one of its 4 pages has an image here"),
        ({"kind": "pages"}, "No record of the evaluation set can be used"),
    ],
)
def test_a_users_mistake_is_told_before_any_work(here: Path, changes: Mapping[str, Any], said: str) -> None:
    (here / "empty").mkdir()
    benchmark_folder.omnidocbench(here / "omni")
    with pytest.raises(UserError) as error:
        listing.write([config.Benchmark.model_validate({"name": "set", "truth": "omni/OmniDocBench.json", **changes})])
    assert said in str(error.value)
    assert "What to do" in str(error.value)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, images.BenchmarkPage]]:
    """Both sets with further pages that cannot be read, prepared by worker processes."""
    folder = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        truth = benchmark_folder.omnidocbench(folder / "omni")
        pictures = folder / "omni/images"
        (pictures / "torn.jpg").write_bytes((pictures / "book_1.jpg").read_bytes()[:900])
        (pictures / "words.png").write_text("no image", encoding="utf-8")
        (pictures / "script.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", encoding="utf-8")
        Image.new("1", (8000, 8000)).save(pictures / "bomb.png")
        turned = Image.Exif()
        turned[0x0112] = 6
        benchmark_folder.page_image("turned").save(pictures / "turned.jpg", exif=turned)
        pages = json.loads(truth.read_text(encoding="utf-8"))
        names = ("torn.jpg", "words.png", "script.png", "bomb.png", "turned.jpg")
        truth.write_text(json.dumps(pages + [annotated_page(name, TEXTS[:1]) for name in names]), encoding="utf-8")
        found = images.prepare("omni", listed(truth), folder / "omni", SETTINGS, 2)
        found += images.prepare("olm", listed(benchmark_folder.olmocr(folder / "olm")), folder / "olm", SETTINGS, 2)
    return folder, {page.listed.id: page for page in found}


def test_an_image_keeps_the_pixels_that_the_benchmark_ships(
    prepared: tuple[Path, dict[str, images.BenchmarkPage]],
) -> None:
    folder, pages = prepared
    for name, source in (("book_1", "book_1.jpg"), ("book_2", "book_2.png")):
        assert (folder / pages[name].image).read_bytes() == (folder / "omni/images" / source).read_bytes()
        assert pages[name].image_sha256 == files.sha256_file(folder / pages[name].image)


def test_a_transparent_page_lies_on_white_and_a_turned_one_stands_upright(
    prepared: tuple[Path, dict[str, images.BenchmarkPage]],
) -> None:
    folder, pages = prepared
    with Image.open(folder / pages["slides_3"].image) as image:
        assert (image.mode, image.getpixel((0, 0)), image.size) == ("RGB", (255, 255, 255), (320, 420))
        assert min(image.convert("L").tobytes()) < 60  # the letters are there
    assert (pages["turned"].width_px, pages["turned"].height_px) == (420, 320)


def test_a_page_of_a_pdf_is_rendered_at_the_size_of_training_pages(
    prepared: tuple[Path, dict[str, images.BenchmarkPage]],
) -> None:
    folder, pages = prepared
    first, second = pages["old/letter_pg1"], pages["old/letter_pg2"]
    assert max(first.width_px, first.height_px) == SETTINGS.long_side_px
    assert first.image_sha256 != second.image_sha256
    assert TEXTS[0][:40] in first.layer
    assert (folder / first.image).is_file()


@pytest.mark.parametrize(
    ("page", "status", "said"),
    [
        ("gone_4", "missing", "put the file there"),
        ("torn", "unreadable", "truncated"),
        ("words", "unreadable", "accepted are PNG, JPEG"),
        ("script", "unreadable", "accepted are PNG, JPEG"),
        ("bomb", "too_large", "documents.max_megapixels"),
        ("old/letter_pg9", "unreadable", "it has 2 pages, and no page 9"),
    ],
)
def test_a_page_that_cannot_be_read_says_why_and_costs_itself_alone(
    prepared: tuple[Path, dict[str, images.BenchmarkPage]], page: str, status: str, said: str
) -> None:
    found = prepared[1][page]
    assert (found.status, found.image) == (status, "")
    assert said in found.message


def test_a_set_of_which_nothing_can_be_read_is_a_users_mistake(here: Path) -> None:
    (here / "one.png").write_text("no image", encoding="utf-8")
    pages = listed(write_jsonl(here / "truth.jsonl", [{"id": "one", "text": "x"}]))
    with pytest.raises(UserError, match="not one of its 1 pages can be read"):
        images.prepare("set", pages, here, SETTINGS, 1)


# --- Scores -------------------------------------------------------------------------------------------------------


def read_set(truth: Path) -> tuple[EvaluationSet, list[Refused]]:
    refused: list[Refused] = []
    return evaluation_sets.read(truth, "auto", refused), refused


def scored(
    truth: Path,
    base: Mapping[str, str],
    tuned: Mapping[str, str],
    *,
    unread: Sequence[str] = (),
    learned: Mapping[str, str] | None = None,
    stop: str = "eos",
    layers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Score two models' texts; pages that neither has are those without an image."""
    found, refused = read_set(truth)
    rows = [
        {"id": page, "status": "missing" if page in unread else "ok", "message": "why" if page in unread else ""}
        for page in found.pages
    ]
    records = [
        {
            "id": page,
            "image_sha256": page,
            "conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": text}],
        }
        for page, text in (learned or {}).items()
    ]
    read = scores.Read(
        truth=found,
        refused=refused,
        rows=rows,
        layers=layers or {},
        images={page: page for page in found.pages},
        base=[{"id": page, "text": text, "stop_reason": stop, "tokens": 1} for page, text in base.items()],
        tuned=[{"id": page, "text": text, "stop_reason": "eos", "tokens": 1} for page, text in tuned.items()],
        learned=records,
    )
    frame, result = scores.score("set", read, {"truth": "0" * 64}, 0.85)
    assert len(frame) == result["pages"]["scored"]
    return json.loads(json.dumps(result, allow_nan=False))  # type: ignore[no-any-return]


def perfect(truth: Path) -> dict[str, str]:
    found, _ = read_set(truth)
    return {str(record["id"]): str(record["text"]) for record in found.records}


@pytest.fixture
def omni(tmp_path: Path) -> Path:
    return benchmark_folder.omnidocbench(tmp_path / "omni")


def column(result: Mapping[str, Any], key: str) -> dict[str, Any]:
    (found,) = (each for each in result["columns"] if each["key"] == key)
    return dict(found)


def test_perfect_predictions_are_perfect_and_damage_lowers_every_measure(omni: Path) -> None:
    right = {page: text for page, text in perfect(omni).items() if page != "gone_4"}
    wrong = {page: text.replace("a", "xyz").replace("12", "999") for page, text in right.items()}
    result = scored(omni, wrong, right, unread=["gone_4"])
    best = {"odb.overall_no_cdm": 100, "odb.text_edit": 0, "odb.table_teds": 100, "odb.table_teds_s": 100,
            "odb.reading_order": 0, "odb.formula_edit": 0}  # fmt: skip
    assert {key: column(result, key)["tuned"] for key in best} == best
    for key in ("odb.overall_no_cdm", "odb.text_edit", "odb.table_teds", "odb.formula_edit"):
        found = column(result, key)
        assert (found["base"] > found["tuned"]) == (found["better"] == "lower"), key
        assert found["base"] != found["tuned"], key
    assert result["change"]["odb.text_edit"]["gain"] > 0
    assert result["change"]["odb.text_edit"]["wins"] == 3


def test_columns_stand_in_the_order_of_the_published_table_and_cdm_is_said_to_be_missing(omni: Path) -> None:
    right = perfect(omni)
    result = scored(omni, right, right)
    assert [each["key"] for each in result["columns"][:6]] == [
        "odb.overall_no_cdm", "odb.text_edit", "odb.formula_cdm", "odb.table_teds", "odb.table_teds_s",
        "odb.reading_order",
    ]  # fmt: skip
    cdm = column(result, "odb.formula_cdm")
    assert (cdm["base"], cdm["tuned"], cdm["note"]) == (None, None, "not computed: it needs TeX")
    assert "no CDM" in column(result, "odb.overall_no_cdm")["name"]


def test_scores_stand_by_page_attribute_as_published(omni: Path) -> None:
    right = perfect(omni)
    tables = {table["attribute"]: table for table in scored(omni, right, right)["groups"]}
    assert list(tables) == ["data_source", "language", "layout"]
    assert [(row["name"], row["pages"]) for row in tables["data_source"]["rows"]] == [("PPT2PDF", 2), ("book", 2)]
    assert [row["name"] for row in tables["language"]["rows"]] == ["en_ch_mixed", "english"]


def test_a_page_without_an_image_is_named_and_in_no_mean(omni: Path) -> None:
    right = {page: text for page, text in perfect(omni).items() if page != "gone_4"}
    result = scored(omni, right, right, unread=["gone_4"])
    assert result["pages"] == {"in_truth": 4, "chosen": 4, "scored": 3}
    assert result["unread"] == {"count": 1, "first": [{"page": "gone_4", "status": "missing", "why": "why"}]}
    assert column(result, "odb.text_edit")["base"] == 0
    said = " ".join(note.text for note in public_benchmarks.notes(result))
    assert "Scored: 3 of 4 pages" in said
    assert "1 page whose image cannot be had: gone_4 (missing: why)" in said


def test_answers_that_were_cut_are_told_with_the_key(omni: Path) -> None:
    right = perfect(omni)
    result = scored(omni, right, right, stop="length")
    assert result["cut"] == {"base": 4, "tuned": 0}
    said = " ".join(note.text for note in public_benchmarks.notes(result))
    assert "generate.max_new_tokens): 4 of the base model, 0 of the tuned model" in said


def test_a_record_of_no_form_is_named_with_what_is_accepted(omni: Path, tmp_path: Path) -> None:
    right = perfect(omni)
    assert scored(omni, right, right)["refused"] == {
        "count": 1,
        "first": [{"record": "page 5", "why": 'Pages have no image path (accepted: "page_info.image_path")'}],
    }
    _, refused = read_set(benchmark_folder.olmocr(tmp_path / "olm"))
    assert [(item.record, "accepted" in item.why) for item in refused] == [
        ("old_scans.jsonl: line 6", True), ("old_scans: fact 'f4'", True)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "row",
    [{"layout_dets": 3, "page_info": {"image_path": "c.png"}}, {"layout_dets": [], "page_info": 7}, 7, None, [],
     {"layout_dets": [], "page_info": {"image_path": "half \ud800.png"}},
     {"layout_dets": [1], "page_info": {"image_path": "c.png"}}, {"pdf": [], "type": [], "page": {}, "id": {}}],
)  # fmt: skip
def test_whatever_a_record_is_the_others_are_read(tmp_path: Path, row: object) -> None:
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps([row, *(annotated_page(f"{name}.png", TEXTS[:1]) for name in "ab")]), encoding="utf-8")
    found, refused = read_set(truth)
    assert len(refused) == 1
    assert list(found.pages) == ["a", "b"]


GOOD = {
    "old/letter_pg1": "The committee reviewed the budget. $$x^2$$",
    "old/letter_pg2": "Maintenance costs rose.",
}


def test_facts_are_scored_by_file_in_the_published_order_and_by_type_with_intervals(tmp_path: Path) -> None:
    truth = benchmark_folder.olmocr(tmp_path / "olm")
    bad = {page: text.replace("committee", "comity") for page, text in GOOD.items()}
    result = scored(truth, bad, GOOD, unread=["old/letter_pg9"])
    assert [each["name"] for each in result["columns"]] == ["ArXiv", "Old scans", "Base", "Overall"]
    overall = column(result, scores.MEAN_RATE)
    assert overall["tuned"] == 100.0
    assert overall["base"] == pytest.approx((100 + 100 * 2 / 3 + 100) / 3)
    assert overall["base_low"] <= overall["base"] <= overall["base_high"] < 100.0 + 1e-9
    assert overall["gain_low"] <= overall["tuned"] - overall["base"] <= overall["gain_high"]
    assert result["base"][scores.MEAN_RATE] == pytest.approx(overall["base"] / 100)
    (types,) = result["groups"]
    rates = {row["name"]: (row["pages"], row["columns"][0]["base"]) for row in types["rows"]}
    assert rates == {"absent": (1, 100.0), "baseline": (1, 100.0), "math": (1, 100.0), "present": (2, 50.0)}
    assert scored(truth, bad, GOOD, unread=["old/letter_pg9"]) == result


def test_pages_that_the_adapter_learned_from_are_named(omni: Path, tmp_path: Path) -> None:
    right = perfect(omni)
    clean = scored(omni, right, right, learned={"mine/p0001": "Something else that was learned, at some length."})
    assert clean["leakage"]["near_duplicates"]["count"] == 0
    assert "None of the 4 pages" in " ".join(note.text for note in public_benchmarks.notes(clean))
    result = scored(omni, right, right, learned={"mine/p0001": TEXTS[0], "book_2": "of the same image"})
    assert result["leakage"]["near_duplicates"] == {"count": 1, "first": [{"page": "book_1", "learned": "mine/p0001"}]}
    assert result["leakage"]["same_images"] == {"count": 1, "first": [{"page": "book_2", "learned": "book_2"}]}
    notes = [note for note in public_benchmarks.notes(result) if note.serious]
    assert any("book_1 (of mine/p0001)" in note.text for note in notes)
    truth = benchmark_folder.olmocr(tmp_path / "olm")
    layers = {"old/letter_pg1": TEXTS[0]}
    facts = scored(truth, GOOD, GOOD, unread=["old/letter_pg9"], learned={"mine/p0001": TEXTS[0]}, layers=layers)
    assert facts["leakage"]["near_duplicates"]["first"] == [{"page": "old/letter_pg1", "learned": "mine/p0001"}]
    assert (facts["leakage"]["checked"], facts["leakage"]["unchecked"]) == (1, 1)


def test_pages_of_text_have_the_error_rates_of_test_pages(tmp_path: Path) -> None:
    truth = write_jsonl(tmp_path / "t.jsonl", [{"id": "a", "text": f"# Report\n\n{TEXTS[0]}\n\n{TABLE}"}])
    result = scored(truth, {"a": TEXTS[1]}, perfect(truth))
    assert column(result, "cer_mean")["tuned"] == 0
    assert column(result, "cer_mean")["base"] > 0.3
    assert (column(result, "table_f1")["base"], column(result, "table_f1")["tuned"]) == (0, 1)


# --- Where they are shown -----------------------------------------------------------------------------------------


@pytest.fixture
def result(omni: Path) -> dict[str, Any]:
    right = {page: text for page, text in perfect(omni).items() if page != "gone_4"}
    found = scored(omni, dict.fromkeys(right, "nothing"), right, unread=["gone_4"], learned={"mine/p0001": TEXTS[0]})
    found["unread"]["first"][0]["page"] = "<script>alert(1)</script>"
    return found


def test_the_report_shows_base_beside_tuned_and_escapes_names(result: dict[str, Any], tmp_path: Path) -> None:
    inputs = report_folder.build(tmp_path / "build")
    without = report.render(inputs)
    assert "Public benchmarks" not in without
    path = tmp_path / "scores.json"
    files.write_json(path, result)
    html = report.render(dataclasses.replace(inputs, benchmark_scores=(path,)))
    tree: Any = lxml.html.document_fromstring(html, parser=lxml.html.HTMLParser(huge_tree=True))
    (table,) = tree.xpath("//table[@class='benchmark']")
    rows = [[" ".join(cell.text_content().split()) for cell in row] for row in table.xpath(".//tr")]
    assert rows[0][:4] == ["model", "Overall (no CDM) ↑", "Text edit ↓", "Formula CDM ↑"]
    assert [row[0] for row in rows[1:]] == ["base", "tuned", "change"]
    assert rows[2][1:4] == ["100.00", "0.0000", "—"]
    assert "<script>alert(1)</script>" not in html
    assert "alert(1)" in tree.xpath("string(//section[@id='benchmark-set'])")
    chinese: Any = lxml.html.document_fromstring(
        report.render(dataclasses.replace(inputs, benchmark_scores=(path,), language="zh")),
        parser=lxml.html.HTMLParser(huge_tree=True),
    )
    said = " ".join(chinese.xpath("string(//section[@id='benchmarks'])").split())
    for expected in ("总分（不含 CDM） ↑", "已评分：该集 4 页中的 3 页。", "按数据来源", "0.8971 至 0.9296"):
        assert expected in said
    assert not re.search(r"\b(the|whose|pages) ", said)


def test_the_card_and_the_lineage_have_the_scores_and_the_hash_of_truth(result: dict[str, Any]) -> None:
    plain = of_build({}, {}, {}, [], {})
    assert "benchmarks" not in plain
    record = of_build(lineage(), {}, lineage()["metrics"], [], {}, [result])
    assert record["benchmarks"]["set"]["truth"] == {"truth": "0" * 64}
    rows = [{"document": name, "licence": "", "language": "", "category": ""} for name in "abc"]
    text = model_card.text(model_card.CardSources(record, rows, dict.fromkeys(model_card.SPLITS, "5" * 64)))
    section = text.partition("## Public benchmarks")[2].partition("## Limits")[0]
    assert "| tuned | 100.00 | 0.0000 | — |" in section
    assert "0" * 64 in section
    assert "<script>" not in section


def test_two_benchmarks_of_one_name_are_refused_and_a_misspelt_key_is_explained() -> None:
    with pytest.raises(UserError, match="two of one name, omni"):
        config.load({"evaluation": {"benchmarks": [{"name": "omni", "truth": "a"}, {"name": "Omni", "truth": "b"}]}})
    with pytest.raises(UserError, match="Did you mean 'truth'"):
        config.load({"evaluation": {"benchmarks": [{"name": "omni", "trut": "a"}]}})
    with pytest.raises(UserError, match=r"accepted: text such as omnidocbench-v1.6"):
        config.load({"evaluation": {"benchmarks": [{"name": "../x", "truth": "a"}]}})


def test_results_lie_where_the_path_grammar_says() -> None:
    assert (layout.BENCHMARKS, layout.BENCHMARK_REPORTS) == ("data/benchmarks", "reports/benchmarks")
