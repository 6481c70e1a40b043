"""Promise about the report in a real browser: axe-core finds nothing serious in it, in light and in dark."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scribetune.report.page import write
from support import axe
from support.report_folder import build

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small report, with hostile pages."""
    folder = tmp_path_factory.mktemp("build")
    write(build(folder), folder / "reports/index.html")
    return folder / "reports/index.html"


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


@pytest.mark.parametrize(("width", "place"), [(1400, "#summary"), (1400, "#pages?order=tuned"), (400, "#summary")])
def test_axe_finds_nothing_serious_in_the_report(chromium: Any, report: Path, width: int, place: str) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 1000})
    page.goto(f"{report.as_uri()}{place}")
    page.locator("html[data-plots=drawn]").wait_for(state="attached", timeout=60_000)
    assert axe.grave_findings(page) == []
    page.close()
