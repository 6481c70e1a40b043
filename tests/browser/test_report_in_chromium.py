"""Promises about the report in a real browser: opened from disk, it is filtered, ordered and read, and nothing runs."""

import dataclasses
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from report_folder import SAMPLES, build

from scribetune.report import ReportInputs, write


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    """A small build with hostile pages."""
    return build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium under Playwright; a machine without it cannot say anything about browsers."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright (envs/dev.txt) is not installed")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def until(page: Any, expression: str) -> None:
    """Wait for an expression to hold; Playwright's own waiting needs `eval`, which the report's policy forbids."""
    end = time.monotonic() + 30
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
