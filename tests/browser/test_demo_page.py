"""The page to try a model in a real browser: a document is dropped, read, looked at and downloaded.

Needs Chromium (Debian: apt-get install chromium) and playwright (pip install playwright).
"""

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scribetune.conversion.readers import Reading
from scribetune.core import config
from scribetune.demo import server
from scribetune.demo.desk import Desk
from scribetune.text.language import Language
from scribetune.web import local_server
from support import axe
from support.scripted_reader import Held, make_pdf

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
pytestmark = pytest.mark.slow
TOKEN = "t" * 43
KEY = "secret"
HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> [a](javascript:alert(1))"
LONG = "".join(map(str, range(150)))  # a word without a break, and no loop
WIDE = f"| a | b |\n|---|---|\n| {LONG} | 2 |\n\n{LONG}"
READINGS = [
    Reading(f"# Invoice 17\n\n| item | sum |\n|---|---|\n| nuts | **7** |\n\n{HOSTILE}", "eos", 9, 0.4, 0.99, 0.8),
    Reading(WIDE, "eos", 9, 0.4, 0.6, 0.1),
    Reading("again " * 60, "loop", 9, 0.4, 0.99, 0.9),
]


@pytest.fixture
def reader() -> Held:
    return Held(READINGS)


@pytest.fixture
def serve(reader: Held, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Serve the page in a language, and give its address."""
    place = tmp_path / "place"
    place.mkdir()
    with Desk(config.load({"pages": {"long_side_px": 640}}), lambda: reader, place) as desk:
        listeners = []

        def start(language: Language = "en") -> str:
            listener = local_server.listen(0)
            listeners.append(listener)
            arguments = (desk, server.Model("models/merged"), listener, TOKEN, language)
            threading.Thread(target=server.serve, args=arguments, daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}/?token={TOKEN}"

        yield start
        reader.let.release(99)
        for listener in listeners:
            listener.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(60_000)
    opened = context.new_page()
    opened.problems = []
    opened.outside = []
    opened.on("request", lambda request: opened.outside.append(request.url))
    opened.on("dialog", lambda dialog: opened.problems.append(f"dialog: {dialog.message}"))
    opened.on("pageerror", lambda error: opened.problems.append(str(error)))
    yield opened
    assert opened.problems == []
    assert [url for url in opened.outside if not url.startswith("http://127.0.0.1:")] == []
    context.close()


def drop(page: Any, path: Path) -> None:
    """Drop a file on the page as a person does."""
    content = ",".join(map(str, path.read_bytes()))
    page.evaluate(
        """([name, content]) => {
            const carried = new DataTransfer();
            carried.items.add(new File([new Uint8Array(content.split(",").map(Number))], name));
            const dropped = new DragEvent("drop", {dataTransfer: carried, bubbles: true});
            document.querySelector("#drop").dispatchEvent(dropped);
        }""",
        [path.name, content],
    )


def status(page: Any, text: str) -> None:
    sync_api.expect(page.locator("#status")).to_contain_text(text, timeout=60_000)


def test_a_pdf_is_dropped_read_looked_at_and_downloaded(
    serve: Callable[..., str], page: Any, reader: Held, tmp_path: Path
) -> None:
    page.goto(serve())
    assert "token" not in page.url
    drop(page, make_pdf(tmp_path / "report 1.pdf", 3, blank=1))
    status(page, "report 1.pdf · Reading: 0 of 4 pages")
    sync_api.expect(page.locator("#pages button")).to_have_count(4)
    sync_api.expect(page.locator("#pages button").first).to_be_disabled()

    # The first page is shown as soon as it is there, while the others are read.
    reader.let.release(1)
    sync_api.expect(page.locator("#rendered table")).to_be_visible(timeout=60_000)
    sync_api.expect(page.locator("#image")).to_have_js_property("naturalHeight", 640)
    status(page, "Reading: 1 of 4 pages")
    sync_api.expect(page.locator("#rendered")).to_contain_text("<script>alert(1)</script>")
    assert page.locator("#rendered a, #rendered img, #rendered script").count() == 0
    page.click("#tab-source")
    sync_api.expect(page.locator("#source")).to_contain_text("| nuts | **7** |")
    page.press("#tab-source", "ArrowLeft")
    sync_api.expect(page.locator("#rendered")).to_be_visible()

    reader.let.release(9)
    status(page, "Read: 4 pages")
    assert page.locator("#pages small").all_inner_texts() == ["read", "unsure", "repeats itself", "nothing on it"]
    page.click("#next")
    sync_api.expect(page.locator("#about")).to_have_text("Page 2 · unsure · 0.4 s · mean probability 0.600")
    page.click("#pages li:nth-child(4) button")
    sync_api.expect(page.locator("#about")).to_have_text("Page 4 · nothing on it")
    sync_api.expect(page.locator("#next")).to_be_disabled()
    with page.expect_download() as loaded:
        page.click("#download")
    assert loaded.value.suggested_filename.startswith("report-1")
    assert Path(loaded.value.path()).read_text(encoding="utf-8").startswith("# Invoice 17\n\n| item | sum |")


def test_it_can_be_stopped_and_another_document_be_read(
    serve: Callable[..., str], page: Any, reader: Held, tmp_path: Path
) -> None:
    page.goto(serve())
    page.set_input_files("#file", make_pdf(tmp_path / "long.pdf", 6))
    status(page, "Reading: 0 of 6")
    page.click("#stop")
    status(page, "Stopping after this page")
    reader.let.release(1)
    status(page, "Stopped: 1 of 6 pages were read")
    sync_api.expect(page.locator("#stop")).to_be_hidden()
    sync_api.expect(page.locator("#rendered h1, #rendered .md-h1")).to_have_text("Invoice 17")
    with page.expect_file_chooser() as chooser:
        page.click("#open")
    reader.let.release(9)
    chooser.value.set_files(make_pdf(tmp_path / "other.pdf", 1))
    status(page, "other.pdf · Read: 1 pages")


def test_what_cannot_be_read_is_said_and_the_page_stays_of_use(
    serve: Callable[..., str], page: Any, reader: Held, tmp_path: Path
) -> None:
    page.goto(serve())
    script = tmp_path / "run.sh"
    script.write_text("#!/bin/sh\n")
    drop(page, script)
    status(page, "This document cannot be read.")
    sync_api.expect(page.locator("#error")).to_have_text("It is no PDF.")
    page.set_input_files("#file", make_pdf(tmp_path / "locked.pdf", 1, password=KEY))
    sync_api.expect(page.locator("#error")).to_contain_text("It needs a password", timeout=60_000)
    page.evaluate("document.body.dataset.limit = 10")
    page.set_input_files("#file", make_pdf(tmp_path / "a.pdf", 1))
    sync_api.expect(page.locator("#error")).to_contain_text("are allowed")
    page.evaluate("document.body.dataset.limit = 1e9")
    reader.let.release(9)
    page.set_input_files("#file", make_pdf(tmp_path / "a.pdf", 1))
    status(page, "a.pdf · Read: 1 pages")
    sync_api.expect(page.locator("#error")).to_be_hidden()


TEXTS = "#rendered, #rendered *, #source, #error"
ENGLISH = rf"""() => [...document.querySelectorAll('body *')]
    .filter(thing => thing.checkVisibility() && !thing.matches('{TEXTS}'))
    .flatMap(thing => [...[...thing.childNodes].filter(node => node.nodeType === 3).map(node => node.data),
        thing.ariaLabel, thing.title, thing.alt, thing.placeholder])
    .map(text => (text ?? '').replaceAll(/models.merged|\w+[.]pdf|Markdown|PDF/g, ''))
    .filter(text => /[a-z]{{2}}/i.test(text))"""
OUT_OF_SIGHT = """() => [...document.querySelectorAll('button, a, .tabs')]
    .filter(thing => thing.checkVisibility() && !thing.closest('#pages'))
    .map(thing => [thing.id || thing.textContent, thing.getBoundingClientRect()])
    .filter(([, box]) => box.left < 0 || box.right > innerWidth || box.width < 24 || box.height < 24)
    .map(([name, box]) => `${name}: ${JSON.stringify(box)}`)"""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_axe_finds_nothing_grave_on_any_screen_and_in_chinese_all_is_chinese(
    serve: Callable[..., str], page: Any, reader: Held, tmp_path: Path, language: Language
) -> None:
    page.goto(serve(language))
    sync_api.expect(page.locator("html")).to_have_attribute("lang", re.compile(language))
    found: list[str] = []

    def look(state: str) -> None:
        for width in (1400, 400):
            page.set_viewport_size({"width": width, "height": 800})
            found.extend(f"{state}, {width}: {finding}" for finding in axe.grave_findings(page))
            assert page.evaluate("document.documentElement.scrollWidth") <= width, state
            assert page.evaluate(OUT_OF_SIGHT) == [], state
        if language == "zh":
            assert page.evaluate(ENGLISH) == [], state

    look("nothing is open")
    page.set_input_files("#file", make_pdf(tmp_path / "report.pdf", 3))
    reader.let.release(1)
    sync_api.expect(page.locator("#rendered table")).to_be_visible(timeout=60_000)
    look("a page, others to come")
    reader.let.release(9)
    sync_api.expect(page.locator("#pages .look")).to_have_count(2, timeout=60_000)
    page.click("#next")
    page.click("#tab-source")
    look("the source of a wide page")
    page.set_input_files("#file", make_pdf(tmp_path / "locked.pdf", 1, password=KEY))
    sync_api.expect(page.locator("#error")).to_be_visible(timeout=60_000)
    look("a document that cannot be read")
    assert found == []
