"""Promise about the report in a real browser: axe-core finds nothing serious in it, in light and in dark."""

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


@pytest.mark.parametrize(("width", "place"), [(1400, "#summary"), (1400, "#pages?order=tuned"), (400, "#summary")])
def test_axe_finds_nothing_serious_in_the_report(chromium: Any, report: Path, width: int, place: str) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 1000})
    page.goto(f"{report.as_uri()}{place}")
    page.locator("html[data-plots=drawn]").wait_for(state="attached", timeout=60_000)
    assert axe.grave_findings(page) == []
    page.close()
