"""`scribetune compare`: two adapters side by side, on the pages that both share, from wherever they are kept."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Literal

import lxml.html
import pytest
from typer.testing import CliRunner

from scribetune.audit import recorded
from scribetune.cli import app
from scribetune.report import comparison
from support import audited_folder
from support.compared_builds import PAGES, build, with_cer
from support.report_folder import HOSTILE, SAMPLES


def compare(a: Path | str, b: Path | str, *options: str, folder: Path) -> lxml.html.HtmlElement:
    """Run the command in a folder and return the page that it wrote."""
    done = CliRunner().invoke(app, ["compare", str(a), str(b), "--folder", str(folder), *options])
    assert done.exit_code == 0, done.output
    return lxml.html.document_fromstring((folder / "reports/compare.html").read_text(encoding="utf-8"))


def text_of(element: lxml.html.HtmlElement) -> str:
    return " ".join(" ".join(element.itertext()).split())


def cells(tree: lxml.html.HtmlElement, table: str, metric: str) -> list[str]:
    (row,) = tree.xpath(f'//table[@id="{table}"]//tr[@data-metric="{metric}"]')
    return [text_of(cell) for cell in row]


@pytest.fixture
def better(tmp_path: Path) -> tuple[Path, Path]:
    """Two builds; the second reads six of eight pages better, with another rank."""
    samples = with_cer(PAGES, {0: 0.02} | dict.fromkeys(range(2, 8), 0.01))
    second: dict[str, Any] = {
        "adapter": {"adapter_model.safetensors": "e" * 64},
        "configuration": {"train": {"rank": 8}},
    }
    return build(tmp_path / "a"), build(tmp_path / "b", samples, **second)


def test_the_page_says_which_one_reads_the_shared_pages_better_and_by_how_much(
    better: tuple[Path, Path], tmp_path: Path
) -> None:
    tree = compare(*better, folder=tmp_path)
    assert text_of(tree.get_element_by_id("outcome")) == (
        "B reads the 8 shared pages better than A: mean CER 0.0700 → 0.0125."
    )
    name, pages, mean_a, mean_b, gain, interval, _p, fared = cells(tree, "paired", "CER")
    assert (name, pages, mean_a, mean_b, gain) == ("CER ↓", "8", "0.0700", "0.0125", "+0.0575")
    assert re.fullmatch(r"\+0\.0\d+ to \+0\.0\d+", interval)
    assert fared == "6 / 1 / 1"
    assert not tree.xpath('//*[@id="page-sets"]')
    assert "e" * 12 in text_of(tree.get_element_by_id("sides"))


def test_what_was_different_is_listed(better: tuple[Path, Path], tmp_path: Path) -> None:
    tree = compare(*better, folder=tmp_path)
    (row,) = tree.xpath('//section[@data-kind="configuration"]//tbody/tr[th="train.lora.rank"]')
    assert text_of(row) == "train.lora.rank 16 8"
    (row,) = tree.xpath('//section[@data-kind="configuration"]//tbody/tr[th="train.optimization.learning_rate"]')
    assert text_of(row) == "train.optimization.learning_rate 0.001 —"


def test_the_pages_that_changed_most_come_with_image_reference_and_both_readings(
    better: tuple[Path, Path], tmp_path: Path
) -> None:
    tree = compare(*better, folder=tmp_path)
    titles = [text_of(card.xpath(".//h3")[0]) for card in tree.xpath("//article")]
    assert titles[0] == "letter-0/p0001", "the greatest loss comes first"
    assert titles[1] == "letter-7/p0001", "then the greatest gain"
    card = tree.xpath("//article")[1]
    assert card.xpath(".//img/@src")[0].startswith("data:image/webp;base64,")
    assert [text_of(part.xpath("./h4")[0]) for part in card.xpath('.//section[@class="reading"]')] == [
        "Reference", "A 0 edits", "B 2 edits",
    ]  # fmt: skip
    for link in tree.xpath('//a[starts-with(@href, "#page-")]/@href'):
        assert tree.get_element_by_id(link[1:]) is not None


def test_page_sets_that_differ_are_told_and_only_shared_pages_are_compared(tmp_path: Path) -> None:
    a = build(tmp_path / "a", PAGES[:6])
    b = build(tmp_path / "b", PAGES[2:], {PAGES[5].id: "0" * 64})
    tree = compare(a, b, folder=tmp_path)
    told = text_of(tree.get_element_by_id("page-sets"))
    assert told.startswith("The test sets differ: 3 shared, 2 only in A, 2 only in B, 1 with another label.")
    assert cells(tree, "paired", "CER")[1] == "3"
    assert "of different pages" in text_of(tree.get_element_by_id("headline"))
    changes = text_of(tree.get_element_by_id("documents"))
    assert "documents that only A has 2: letter-0 , letter-1" in changes
    assert "pages with another label 1: letter-5/p0001" in changes


def test_builds_without_a_shared_page_are_compared_in_all_else(tmp_path: Path) -> None:
    a, b = build(tmp_path / "a", PAGES[:4]), build(tmp_path / "b", PAGES[4:])
    tree = compare(a, b, folder=tmp_path)
    assert "share no test page" in text_of(tree.get_element_by_id("outcome"))
    assert not tree.xpath('//table[@id="paired"]')
    assert cells(tree, "aggregates", "Test pages") == ["Test pages", "4", "4", "4", "4"]


def test_no_difference_is_called_one_that_may_be_chance(tmp_path: Path) -> None:
    a = build(tmp_path / "a")
    b = build(tmp_path / "b", with_cer(PAGES, {0: 0.05, 3: 0.01}))
    told = text_of(compare(a, b, folder=tmp_path).get_element_by_id("outcome"))
    assert told.startswith("No difference is shown on the 8 shared pages")
    same = compare(a, a, folder=tmp_path)
    assert "the same adapter, byte for byte" in text_of(same.get_element_by_id("summary"))


def test_a_saved_copy_of_the_reports_and_a_revision_can_be_compared(tmp_path: Path) -> None:
    project = build(tmp_path / "project")
    shutil.copytree(project / "reports", tmp_path / "saved")
    paths = ("data/pages", "data/splits", "reports/lineage.json", "reports/samples.csv", "reports/predictions")
    audited_folder.record_in_dvc(project, paths)

    def git(*words: str) -> None:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        subprocess.run(["git", *identity, *words], cwd=project, check=True, capture_output=True)

    git("init", "--quiet")
    git("add", "dvc.lock")
    git("commit", "--quiet", "--message", "first")
    git("tag", "v1")
    build(project, with_cer(PAGES, {7: 0.5}))
    tree = compare("v1", ".", folder=project)
    assert text_of(tree.xpath("//article")[0].xpath(".//h3")[0]) == "letter-7/p0001"
    assert tree.xpath("//article[1]//img"), "the image of a revision comes from DVC's cache"
    assert cells(tree, "paired", "CER")[-1] == "0 / 7 / 1"
    tree = compare("v1", tmp_path / "saved", folder=project)
    assert cells(tree, "paired", "CER")[-1] == "0 / 8 / 0"


def test_a_copy_without_readings_still_compares_the_scores(better: tuple[Path, Path], tmp_path: Path) -> None:
    for letter, folder in zip("ab", better, strict=True):
        (tmp_path / f"saved-{letter}").mkdir()
        for name in ("lineage.json", "samples.csv"):
            shutil.copy2(folder / "reports" / name, tmp_path / f"saved-{letter}" / name)
    tree = compare(tmp_path / "saved-a", tmp_path / "saved-b", folder=tmp_path)
    assert "better than A" in text_of(tree.get_element_by_id("outcome"))
    assert tree.xpath("//article")
    assert not tree.xpath('//article//section[@class="reading"]')


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("reports/samples.csv", "has no reports/samples.csv"),
        ("reports/lineage.json", "There is no scored build"),
        ("", "Neither a folder nor a revision"),
    ],
)
def test_what_is_missing_is_named_with_exit_status_1(tmp_path: Path, broken: str, said: str) -> None:
    a = build(tmp_path / "a")
    if broken:
        (build(tmp_path / "b") / broken).unlink()
    done = CliRunner().invoke(app, ["compare", str(a), str(tmp_path / "b"), "--folder", str(tmp_path)])
    assert done.exit_code == 1
    assert said in done.output
    assert "What to do" in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "reports/compare.html").exists()


def test_scores_of_another_build_than_the_lineage_are_refused(tmp_path: Path) -> None:
    a, b = build(tmp_path / "a"), build(tmp_path / "b", with_cer(PAGES, {1: 0.3}))
    shutil.copy2(a / "reports/samples.csv", b / "reports/samples.csv")
    done = CliRunner().invoke(app, ["compare", str(a), str(b), "--folder", str(tmp_path)])
    assert done.exit_code == 1
    assert "is not the one that its lineage.json speaks of" in done.output


def test_the_page_is_self_contained_and_nothing_in_it_runs(tmp_path: Path) -> None:
    a = build(tmp_path / "a", SAMPLES)
    b = build(tmp_path / "b", with_cer(SAMPLES, {4: 0.1, 0: 0.2}), configuration={"train": {"note": HOSTILE[1]}})
    lineage = json.loads((b / "reports/lineage.json").read_text(encoding="utf-8"))
    lineage["documents"][0]["document"] = HOSTILE[0]
    (b / "reports/lineage.json").write_text(json.dumps(lineage), encoding="utf-8")
    tree = compare(a, b, folder=tmp_path)
    assert not tree.xpath("//script | //iframe | //object | //embed | //link | //base | //form")
    assert tree.xpath('//meta[@http-equiv="Content-Security-Policy"]/@content')[0].startswith(
        "default-src 'none'; script-src 'none'"
    )
    for element in tree.iter(lxml.html.etree.Element):
        for name, value in element.attrib.items():
            assert not name.startswith("on"), (element.tag, name)
            if name in ("href", "src"):
                assert value.startswith(("#page-", "data:image/webp;base64,")), value
    assert HOSTILE[0] in text_of(tree.get_element_by_id("documents"))
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x1b\ud800]", (tmp_path / "reports/compare.html").read_text())


def test_the_same_builds_give_the_same_bytes_in_either_language(better: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = (comparison.side(name, recorded.find(tmp_path, str(at))) for name, at in zip("AB", better, strict=True))
    languages: tuple[tuple[Literal["auto", "en", "zh"], str], ...] = (("en", "en"), ("zh", "zh-Hans"), ("auto", "en"))
    for language, tag in languages:
        html = comparison.render(a, b, language)
        assert html == comparison.render(a, b, language)
        assert f'<html lang="{tag}">' in html
    assert "在 8 个共有页上 B 优于 A" in comparison.render(a, b, "zh")
    assert PAGES[0].id in html
