"""Promises about the report in a real browser: opened from disk, it is filtered, ordered and read, and nothing runs."""

import dataclasses
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scribetune.report.data import build_id
from scribetune.report.page import ReportInputs, write
from support.report_folder import SAMPLES, build


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    """A small build with hostile pages."""
    return build(tmp_path_factory.mktemp("build"))


def until(page: Any, expression: str) -> None:
    """Wait for an expression to hold; Playwright's own waiting needs `eval`, which the report's policy forbids."""
    end = time.monotonic() + 20
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        time.sleep(0.02)


@pytest.mark.parametrize("inline_pages", [300, 3])
def test_in_a_browser_pages_are_found_filtered_and_shown_and_nothing_hostile_runs(
    chromium: Any, inputs: ReportInputs, inline_pages: int
) -> None:
    report = inputs.working_directory / f"reports/index-{inline_pages}.html"
    write(dataclasses.replace(inputs, inline_pages=inline_pages), report)
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    said: list[str] = []
    for event in ("console", "pageerror", "dialog", "request"):
        page.on(event, lambda thing, event=event: said.append(f"{event}: {getattr(thing, 'url', thing)}"))
    page.goto(report.as_uri())
    until(page, "document.documentElement.dataset.plots === 'drawn'")
    shown = "[...document.querySelectorAll('article.page:not([hidden])')].map(card => card.id)"
    assert page.evaluate(shown) == [f"page-{index}" for index in range(len(SAMPLES))]
    page.select_option("#order", "tuned")
    until(page, f"{shown}[0] === 'page-5'")
    page.select_option("#category", "finance")
    until(page, f"{shown}.length === 2")
    page.fill("#find", "han")
    until(page, f"{shown}.join() === 'page-2'")
    page.evaluate("location.hash = 'page-4'")
    page.wait_for_selector("#page-4 ins")
    page.check("input[value=rendered]", force=True)
    assert page.locator("#page-4 script, #page-4 .text img, #page-4 .text a").count() == 0
    page.evaluate("location.hash = 'page-0'")
    page.wait_for_selector("#page-0 mfrac", state="attached")
    above, below = (page.locator(f"#page-0 mfrac > :nth-child({n})").first.bounding_box()["y"] for n in (1, 2))
    assert above < below, "a fraction is drawn as one"
    strangers = [line for line in said if not line.startswith(("request: file:", "request: data:", "request: blob:"))]
    assert strangers == []
    page.close()


SHOWN = "[...document.querySelectorAll('article.page:not([hidden])')].map(card => Number(card.dataset.index)).join()"
SMALL = "[...document.querySelectorAll('a.small')].map(cell => cell.getAttribute('href').slice(6)).join()"


@pytest.fixture(scope="module", params=[300, 3], ids=["pages in the document", "pages packed"])
def opened(chromium: Any, inputs: ReportInputs, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The report, open in a tab, with its plots drawn; tests leave it wherever they went."""
    report = inputs.working_directory / f"reports/clicks-{request.param}.html"
    write(dataclasses.replace(inputs, inline_pages=request.param, embed_pages=2), report)
    page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.goto(report.as_uri())
    until(page, "document.documentElement.dataset.plots === 'drawn'")
    page.locator("#metrics details:has(#aggregate) summary").click()
    yield page
    page.context.close()


def in_sight(page: Any, selector: str) -> None:
    box = f"document.querySelector('{selector}')?.getBoundingClientRect().top"
    until(page, f"(top => top > 0 && top < 900)({box} ?? -1)")


@pytest.mark.parametrize(
    ("number", "pages"),
    [
        ("[data-metric=cer_mean] .figure .tuned a", "5,4,2,3,0,1,6"),
        ("[data-metric=cer_mean] .figure .base a", "5,3,4,2,0,1,6"),
        ("[data-metric=pages] a[href*=worse]", "4"),
        ("#published [data-metric=table_f1] td:nth-of-type(3) a", "0,3,2"),
        ("#metrics th a[href*='category=finance']", "2,0"),
        ("#metrics a[href*='script=Han']", "2"),
        ("#metrics a[href*='layout=tables']", "4,2,3"),
        ("#metrics tr:has(a[href*='category=invoice']) td:nth-of-type(3) a", "3"),
        ("#aggregate [data-metric=loop_rate] td:nth-of-type(1) a", "3,0,1,2,4,5,6"),
        ("[data-list='1'] h3 a", "4,6,1,0,2,3,5"),
        ("#document-table a[href*='document=annual-2023']", "0,1"),
    ],
)
def test_from_a_number_to_the_page_behind_it_are_two_clicks(opened: Any, number: str, pages: str) -> None:
    opened.locator(number).first.click()
    until(opened, f"{SMALL} === '{pages}'")
    until(opened, f"{SHOWN} === '{pages}'")
    in_sight(opened, "#pages")
    first = pages.split(",", maxsplit=1)[0]
    opened.locator(f"a.small[href='#page-{first}']").click()
    in_sight(opened, f"#page-{first}")
    assert opened.evaluate(f"document.querySelector('#page-{first}').matches(':target')")


def test_a_listed_page_and_a_point_of_a_plot_are_one_click_away(opened: Any) -> None:
    opened.locator("[data-list='0'] tbody a").first.click()
    in_sight(opened, "#page-5")
    click = "document.getElementById('{0}').emit('plotly_click', {{points: [{1}]}})"
    for plot in ("plot-pages", "plot-distributions"):
        trace = f"document.getElementById('{plot}').data[1]"
        opened.evaluate(click.format(plot, f"{{customdata: {trace}.customdata[2], data: {trace}}}"))
        in_sight(opened, "#page-2")


def test_a_place_on_the_curve_of_shares_leads_to_the_pages_from_there_on(opened: Any) -> None:
    curve = "document.getElementById('plot-cumulative')"
    opened.evaluate(f"{curve}.emit('plotly_click', {{points: [{{data: {curve}.data[1], x: {curve}.data[1].x[4]}}]}})")
    until(opened, f"{SMALL} === '5,4,2,3'")
    assert opened.locator("#narrowed button").inner_text() == "tuned ≥ 0.0071 ✕"
    opened.locator("#narrowed button").click()
    until(opened, f"{SMALL} === '5,4,2,3,0,1,6'")


def test_small_images_are_in_the_document_while_they_are_in_sight(chromium: Any, tmp_path: Path) -> None:
    many = [dataclasses.replace(SAMPLES[index % 4], document=f"d{index}") for index in range(400)]
    many = [
        dataclasses.replace(sample, shared_image=f"data/pages/{index % 4}.png") for index, sample in enumerate(many)
    ]
    write(build(tmp_path, many), tmp_path / "reports/index.html")
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.goto((tmp_path / "reports/index.html").as_uri())
    until(page, f"{SMALL}.startsWith('0,1,2,3,')")
    assert page.locator("a.small").count() < 60
    until(page, "[...document.querySelectorAll('a.small img')].every(image => image.naturalHeight === 128)")
    page.evaluate("document.getElementById('sheet').scrollTop = 1e6")
    until(page, f"{SMALL}.endsWith(',399')")
    assert page.locator("a.small").count() < 60
    page.locator("a.small[href='#page-399']").click()
    in_sight(page, "#page-399")
    page.close()


def test_a_page_image_that_is_not_there_any_more_is_stood_in_for(chromium: Any, tmp_path: Path) -> None:
    inputs = build(tmp_path, embed_pages=1)
    write(inputs, tmp_path / "reports/index.html")
    shutil.rmtree(tmp_path / "data/pages")
    page = chromium.new_page()
    page.goto(f"{(tmp_path / 'reports/index.html').as_uri()}#page-1")
    until(page, "document.querySelector('#page-1 .image img').naturalHeight === 128")
    assert "data/pages/annual-2023/p0002.png" in page.locator("#page-1 .missing").inner_text()
    assert page.locator("#page-0 .missing").is_hidden()
    page.close()


def test_the_command_for_review_is_copied(chromium: Any, inputs: ReportInputs) -> None:
    report = inputs.working_directory / "reports/copy.html"
    write(inputs, report)
    page = chromium.new_page()
    page.goto(f"{report.as_uri()}#page-1")
    page.locator("#page-1 .copy").click()
    until(page, "document.querySelector('#page-1 .copy').textContent === 'Copied'")
    page.locator("#find").focus()
    page.keyboard.press("Control+V")
    assert page.locator("#find").input_value() == "scribetune review --page annual-2023/p0002"
    page.close()


RESOURCES = """<script>parent.postMessage({{
    scribetune: "resources", build: "{build}", head: ["stage", "wall time"], note: "Measured.",
    trained: "trained on 2026-03-01",
    rows: [["training", "3 min 04 s"], ["<img src=x onerror=alert(1)>", "1.0 s"]],
}}, "*")</script>"""


def test_what_the_stages_took_is_shown_where_it_lies_beside_the_report(
    chromium: Any, inputs: ReportInputs, tmp_path: Path
) -> None:
    report = tmp_path / "index.html"
    write(inputs, report)
    build = build_id(inputs.metrics_json, inputs.lineage_json)
    page = chromium.new_page()
    note = "document.getElementById('resources-note').textContent"
    for beside, told in (("", "not known here"), ("another", "of another build"), (build, "Measured.")):
        if beside:
            (tmp_path / "resources.html").write_text(RESOURCES.format(build=beside), encoding="utf-8")
        page.goto(report.as_uri())
        until(page, f"{note}.includes('{told}')")
        rows = page.locator("#resources-table tbody tr").all_inner_texts()
        assert bool(rows) == (beside == build)
        assert page.locator("#trained").is_visible() == (beside == build)
    assert rows == ["training\t3 min 04 s", "<img src=x onerror=alert(1)>\t1.0 s"]
    assert page.locator("#trained").inner_text().strip(" ·") == "trained on 2026-03-01"
    page.close()


def test_a_chinese_report_speaks_chinese_where_its_script_does(chromium: Any, inputs: ReportInputs) -> None:
    report = inputs.working_directory / "reports/chinese.html"
    write(dataclasses.replace(inputs, language="zh", inline_pages=3), report)
    page = chromium.new_page()
    page.goto(report.as_uri())
    until(page, "document.getElementById('count').textContent === '7 页'")
    page.select_option("#show", "worse")
    until(page, "document.getElementById('count').textContent === '7 页中的 1 页'")
    page.locator("#theme").click()
    assert page.locator("#theme").inner_text() == "主题：浅色"
    until(page, "document.documentElement.dataset.plots === 'drawn'")
    assert "学习率" in page.locator("#plot-training").inner_text()
    page.close()
