"""The review page in a real browser: a person reviews pages, the server is killed, and nothing is lost.

Needs Chromium (Debian: apt-get install chromium) and playwright (pip install playwright).
"""

import itertools
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from scribetune.core import layout
from scribetune.labels import corrections
from scribetune.report import page as report
from scribetune.report import resources as report_resources
from support import axe, report_folder, reviewed_build

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"),
]
REPOSITORY = Path(__file__).resolve().parents[2]


class Server:
    """`scribetune review` in a process of its own, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[str] | None = None

    def start(self, *options: str, git_name: str = "") -> str:
        """Start it where git has that user's name, and return the address that it prints."""
        code = "from scribetune.cli import app; app()"
        command = [
            sys.executable,
            "-c",
            code,
            "review",
            "--port",
            str(self.port),
            "--configfile",
            "mine.yaml",
            *options,
        ]
        path = os.pathsep.join(filter(None, [str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")]))
        git = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": git_name}
        self._process = subprocess.Popen(
            command, cwd=self.folder, env=os.environ | git | {"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.search(r"http://\S+", line):
                return found.group()
        raise AssertionError("the server printed no address")

    def kill(self) -> None:
        """Kill it as a crash would: no farewell."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    texts = {key: text for key, text in reviewed_build.TEXTS.items() if text}
    reviewed_build.make(tmp_path, texts)
    for (document, page), text in texts.items():
        _draw(tmp_path / layout.page_image(document, page), text)
    (tmp_path / "mine.yaml").write_text("labels: {corrections: data/corrections}\n", encoding="utf-8")
    running = Server(tmp_path)
    yield running
    running.kill()


def _draw(path: Path, text: str) -> None:
    image = Image.new("L", (640, 880), 255)
    ImageDraw.Draw(image).multiline_text((60, 60), re.sub(r"[#|]|-{3}", "", text), fill=0, font_size=24, spacing=12)
    image.save(path)


@pytest.fixture
def context() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_context(viewport={"width": 1360, "height": 800})
        opened.set_default_timeout(15_000)
        yield opened
        browser.close()


def _enter_name(page: Any, name: str) -> None:
    page.click("#reviewer")
    page.fill("#name", name)
    page.press("#name", "Enter")
    sync_api.expect(page.locator("#reviewer")).to_have_text(f"Reviewer: {name}")


def _at(page: Any, page_id: str) -> None:
    sync_api.expect(page.locator("#about")).to_contain_text(page_id)


def test_three_pages_are_reviewed_and_a_kill_in_the_middle_loses_nothing(server: Server, context: Any) -> None:
    address = server.start()
    outside: list[str] = []
    problems: list[str] = []
    page = _watched(context, outside, problems)
    page.goto(address)
    assert "token" not in page.url

    # The first is corrected, by keys alone; the preview follows.
    _at(page, "memo/p0001")
    page.press("body", "e")
    page.fill("#editor", "# Memo\n\nMeet at **ten**.")
    sync_api.expect(page.locator("#preview strong")).to_have_text("ten")
    sync_api.expect(page.locator("#saved")).to_have_text("Saved")
    page.press("#editor", "Control+Enter")

    _is_asked_for_the_name(page)
    assert reviewed_build.decisions(server.folder) == []
    page.fill("#name", "Ada")
    page.press("#name", "Enter")

    # The server is killed while the second is being typed on, and more is typed after that.
    _at(page, "invoice/p0001")
    page.fill("#editor", "# Invoice 17\n\nTotal due 12")
    sync_api.expect(page.locator("#saved")).to_have_text("Saved")
    server.kill()
    page.focus("#editor")
    page.keyboard.press("End")
    page.keyboard.type("5.00")
    sync_api.expect(page.locator("#saved")).to_contain_text("cannot be reached")
    page.press("#editor", "Control+Enter")
    sync_api.expect(page.locator("#notice")).to_contain_text("Nothing was decided")
    page.close()  # and the tab is closed

    again = server.start()
    page = _watched(context, outside, problems)
    page.goto(again)
    _at(page, "invoice/p0001")
    sync_api.expect(page.locator("#editor")).to_have_value("# Invoice 17\n\nTotal due 125.00")
    page.press("body", "Control+Enter")

    # The third is accepted, the fourth, which is hostile, rejected with a reason.
    _at(page, "invoice/p0002")
    sync_api.expect(page.locator("#preview table")).to_be_visible()
    page.press("body", "a")
    _at(page, "hostile/p0001")
    sync_api.expect(page.locator("#preview")).to_contain_text("<script>alert(1)</script>")
    assert page.locator("#preview a, #preview img, #preview script").count() == 0
    page.press("body", "r")
    page.press("#reason", "Alt+6")
    page.press("#reason", "Enter")
    sync_api.expect(page.locator("#notice-text")).to_contain_text("All pages of this queue")

    _all_is_on_record(server.folder)
    assert problems == []
    assert [url for url in outside if not url.startswith(f"http://127.0.0.1:{server.port}/")] == []


def _is_asked_for_the_name(page: Any) -> None:
    """At the first decision the page asks who decides; what cannot be a name is said, and Escape decides nothing."""
    page.press("#name", "Escape")
    page.press("#editor", "Control+Enter")
    page.press("#name", "Enter")
    sync_api.expect(page.locator("#name-error")).to_contain_text("name is needed")


def _watched(context: Any, requests: list[str], problems: list[str]) -> Any:
    """Open a tab, and note every request, every error of the page and every box that a script opens."""
    page = context.new_page()
    page.on("request", lambda request: requests.append(request.url))
    page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
    page.on("pageerror", lambda error: problems.append(str(error)))
    return page


def _all_is_on_record(folder: Path) -> None:
    decided = {row["document"] + row["page"]: row["verdict"] for row in reviewed_build.decisions(folder)}
    assert decided == {"memo1": "correct", "invoice1": "correct", "invoice2": "accept", "hostile1": "reject"}
    corrected = corrections.read_correction(folder / "data/corrections/invoice/p0001.md")
    assert (corrected.text, corrected.author) == ("# Invoice 17\n\nTotal due 125.00\n", "Ada")


def test_an_open_page_goes_on_by_itself_when_the_server_is_back(server: Server, context: Any) -> None:
    page = context.new_page()
    page.goto(server.start())
    _at(page, "memo/p0001")
    server.kill()
    page.fill("#editor", "# Typed while nobody listened")
    sync_api.expect(page.locator("#saved")).to_contain_text("cannot be reached")
    server.start()
    sync_api.expect(page.locator("#saved")).to_have_text("Saved")
    assert "Typed while nobody listened" in next((server.folder / "work/review/drafts/memo").iterdir()).read_text()


def test_what_is_typed_while_the_page_is_opened_again_stays(server: Server, context: Any) -> None:
    page = context.new_page()
    page.goto(server.start())
    _at(page, "memo/p0001")
    held: list[Any] = []
    page.route("**/api/page?*", lambda route: route.continue_() if held else held.append((route, route.fetch())))
    _enter_name(page, "Ada")
    page.fill("#editor", "# Typed meanwhile")
    sync_api.expect(page.locator("#saved")).to_have_text("Saved")
    route, answer = held[0]
    route.fulfill(response=answer)
    page.wait_for_timeout(500)
    sync_api.expect(page.locator("#editor")).to_have_value("# Typed meanwhile")
    page.press("#editor", "Control+Enter")
    _at(page, "invoice/p0001")


def test_the_second_reviewer_sees_what_the_first_decided_and_chooses(server: Server, context: Any) -> None:
    address = server.start()
    ada, bob = context.new_page(), context.browser.new_context().new_page()
    for page, name in ((ada, "Ada"), (bob, "Bob")):
        page.goto(address)
        _enter_name(page, name)
        _at(page, "memo/p0001")
    bob.fill("#editor", "# Bob's memo")
    sync_api.expect(bob.locator("#saved")).to_have_text("Saved")
    ada.fill("#editor", "# Ada's memo")
    ada.press("#editor", "Control+Enter")
    _at(ada, "invoice/p0001")
    bob.press("#editor", "Control+Enter")
    sync_api.expect(bob.locator("#notice-text")).to_contain_text("Ada decided on this page")
    sync_api.expect(bob.locator("#difference-text del")).to_have_text("Ada")
    sync_api.expect(bob.locator("#difference-text ins")).to_have_text("Bob")
    sync_api.expect(bob.locator("#editor")).to_have_value("# Bob's memo")
    correction = server.folder / "data/corrections/memo/p0001.md"
    assert corrections.read_correction(correction).author == "Ada"
    bob.get_by_text("Take the other text").click()
    sync_api.expect(bob.locator("#editor")).to_have_value("# Ada's memo\n")
    bob.get_by_text("Bring the one before back").click()
    sync_api.expect(bob.locator("#editor")).to_have_value("# Bob's memo")
    bob.press("#editor", "Control+Enter")
    _at(bob, "invoice/p0001")
    assert corrections.read_correction(correction).text == "# Bob's memo\n"


def test_a_label_that_a_build_changed_while_it_was_open_is_compared_with_what_was_typed(
    server: Server, context: Any
) -> None:
    page = context.new_page()
    page.goto(server.start(git_name="Ada L."))
    _at(page, "memo/p0001")
    page.fill("#editor", "# Memo\n\nMeet at ten.")
    sync_api.expect(page.locator("#saved")).to_have_text("Saved")
    (server.folder / layout.page_label("memo", 1)).write_text("# Memo\n\nMeet at 9.\n", encoding="utf-8")
    page.press("#editor", "Control+Enter")
    page.fill("#name", "")
    page.press("#name", "Enter")  # the empty name is the one that git has
    sync_api.expect(page.locator("#reviewer")).to_have_text("Reviewer: Ada L.")
    sync_api.expect(page.locator("#notice-text")).to_contain_text("The label has changed")
    sync_api.expect(page.locator("#difference-text del")).to_have_text("9")
    sync_api.expect(page.locator("#difference-text ins")).to_have_text("ten")
    assert reviewed_build.decisions(server.folder) == []
    page.get_by_text("Keep mine and go on").click()
    page.press("#editor", "Control+Enter")
    _at(page, "invoice/p0001")
    correction = corrections.read_correction(server.folder / "data/corrections/memo/p0001.md")
    assert (correction.text, correction.author) == ("# Memo\n\nMeet at ten.\n", "Ada L.")
    assert not list((server.folder / "work/review/drafts").rglob("*.json")), "the draft went to the name, and then away"


def test_no_image_is_shown_before_there_is_one(server: Server, context: Any) -> None:
    page = context.new_page()
    page.route("**/image?*", lambda route: None)  # answered never
    page.goto(server.start())
    _at(page, "memo/p0001")
    sync_api.expect(page.locator("#image")).to_be_hidden()
    sync_api.expect(page.locator("#image-note")).to_have_text("Loading the page image…")
    page.unroute("**/image?*")
    (server.folder / layout.page_image("invoice", 1)).unlink()
    page.press("body", "j")
    _at(page, "invoice/p0001")
    sync_api.expect(page.locator("#image-note")).to_contain_text("There is no image of this page")
    sync_api.expect(page.locator("#image")).to_be_hidden()
    page.press("body", "j")
    sync_api.expect(page.locator("#image")).to_have_js_property("naturalHeight", 880)
    sync_api.expect(page.locator("#image-note")).to_be_hidden()


WIDE = "| a | b |\n| --- | --- |\n| " + "x" * 300 + " | $" + "a + " * 80 + "b$ |\n\n" + "y" * 400 + "\n"
OUT_OF_SIGHT = """() => [...document.querySelectorAll('button, input, summary, textarea, a')]
    .filter(thing => thing.checkVisibility() && !thing.closest('#queue'))
    .map(thing => [thing.id || thing.textContent, thing.getBoundingClientRect()])
    .filter(([, box]) => box.left < 0 || box.right > innerWidth || box.width < 24 || box.height < 24)
    .map(([name, box]) => `${name}: ${JSON.stringify(box)}`)"""


@pytest.mark.parametrize("width", [400, 640, 900])
def test_on_a_narrow_screen_all_is_one_column_in_reach(server: Server, context: Any, width: int) -> None:
    (server.folder / layout.page_label("memo", 1)).write_text(WIDE, encoding="utf-8")
    page = context.browser.new_page(viewport={"width": width, "height": 800}, has_touch=True)
    page.goto(server.start())
    _at(page, "memo/p0001")
    sync_api.expect(page.locator("#preview table")).to_be_visible()

    def check() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(OUT_OF_SIGHT) == []

    check()
    tops = [page.locator(part).bounding_box() for part in ("#list", "#image-pane", "#editor", "#preview")]
    for above, below in itertools.pairwise(tops):
        assert above["y"] + above["height"] <= below["y"]
    page.tap("summary")
    page.fill("#editor", "# Other")
    page.tap("#undo")
    sync_api.expect(page.locator("#notice-text")).to_have_text("The text was replaced.")
    check()
    for opens, closes in (("#reject", "#reject-cancel"), ("#help", "#help-close"), ("#reviewer", "#name-cancel")):
        page.tap(opens)
        check()
        page.tap(closes)
    page.evaluate("scrollTo(0, 1e6)")
    for button in ("#decide", "#reject", "#previous", "#next"):
        box = page.locator(button).bounding_box()
        assert box["y"] + box["height"] <= 800, f"{button} is in sight wherever the page is scrolled to"
    last = page.locator("#preview").bounding_box()
    assert last["y"] + last["height"] <= page.locator("#decisions").bounding_box()["y"], "and covers nothing for good"


LABELS = "#editor, #preview *, #difference-text, #difference-text *, #reading"
ENGLISH = rf"""() => [...document.querySelectorAll('body *')]
    .filter(thing => thing.checkVisibility() && !thing.matches('{LABELS}'))
    .flatMap(thing => [...[...thing.childNodes].filter(node => node.nodeType === 3).map(node => node.data),
        thing.ariaLabel, thing.title, thing.alt, thing.placeholder])
    .map(text => (text ?? '').replaceAll(/[a-z]+[/]p[0-9]+|Markdown|reviews[.]csv|Ctrl|Enter|Esc|Alt/g, ''))
    .filter(text => /[a-z]{{2}}/i.test(text))"""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_axe_finds_nothing_grave_and_in_chinese_all_is_chinese(server: Server, context: Any, language: str) -> None:
    with (server.folder / "mine.yaml").open("a", encoding="utf-8") as config:
        config.write(f"report: {{language: {language}}}\n")
    page = context.new_page()
    page.goto(server.start(git_name="李雷"))
    found: list[str] = []

    def look(state: str) -> None:
        found.extend(f"{state}: {finding}" for finding in axe.grave_findings(page))
        if language == "zh":
            assert page.evaluate(ENGLISH) == [], state

    _at(page, "memo/p0001")
    sync_api.expect(page.locator("#image")).to_be_visible()
    look("a page")
    for button, key in (("#help", "Escape"), ("#reject", "Escape"), ("#reviewer", "Enter")):
        page.click(button)
        look(button)
        page.keyboard.press(key)
    sync_api.expect(page.locator("#reviewer")).to_contain_text("李雷")  # under the dialog nothing can be typed
    page.fill("#editor", "# Memo\n\nMeet at ten.")
    (server.folder / layout.page_label("memo", 1)).write_text("# Memo\n\nMeet at 9.\n", encoding="utf-8")
    page.press("#editor", "Control+Enter")
    sync_api.expect(page.locator("#difference-text del")).to_have_text("9")
    page.set_viewport_size({"width": 400, "height": 800})
    look("a conflict, on a narrow screen")
    page.locator("#notice-buttons button").last.click()
    page.press("#editor", "Control+Enter")
    _at(page, "invoice/p0001")
    page.click("summary")
    page.press("body", "r")
    page.press("#reason", "Alt+1")
    page.press("#reason", "Enter")
    _at(page, "invoice/p0002")
    look("decided pages in the list")
    assert found == []
    rejected = next(row for row in reviewed_build.decisions(server.folder) if row["verdict"] == "reject")
    assert (rejected["reason"], rejected["reviewer"]) == ("wrong text", "李雷"), "the table has one language"


def test_from_the_report_to_the_review_of_a_page_and_back(server: Server, context: Any) -> None:
    _with_report(server.folder)
    problems: list[str] = []
    first = _watched(context, [], problems)
    first.goto(f"{(server.folder / 'reports/index.html').as_uri()}#page-1")
    command = shlex.split(first.locator("#page-1 .command code").inner_text())
    assert command[:2] == ["scribetune", "review"]

    review = _watched(context, [], problems)
    review.goto(server.start(*command[2:]))
    assert review.url.endswith("#invoice/p0002"), "the token is gone from the address, the page is not"
    assert "token" not in review.url
    _at(review, "invoice/p0002")
    with context.expect_page() as tab:
        review.get_by_role("link", name="in the report").click()
    back = tab.value
    back.on("console", lambda message: problems.append(message.text))
    sync_api.expect(back).to_have_url(re.compile("/reports/index[.]html#page-1$"))
    sync_api.expect(back.locator("#page-1 h3")).to_contain_text("invoice/p0002")
    sync_api.expect(back.locator("a.small")).to_have_count(2)
    image = back.locator("#page-1 .image img")
    image.scroll_into_view_if_needed()
    sync_api.expect(image).to_have_js_property("naturalHeight", 880)
    assert image.get_attribute("src") == "../data/pages/invoice/p0002.png", "not embedded: served by the page's id"
    sync_api.expect(back.locator("#resources-note")).to_contain_text("Measured on the machine")
    assert problems == []


def _with_report(folder: Path) -> None:
    """Write a report of two test pages of the build that is there."""
    kept = {path: path.read_bytes() for path in (folder / "data").rglob("*") if path.is_file()}
    samples = [report_folder.Sample("memo", 1, "# Memo", "Memo", "# Memo"),
               report_folder.Sample("invoice", 2, "| item |", "item", "| item |")]  # fmt: skip
    report.write(report_folder.build(folder, samples, embed_pages=0), folder / "reports/index.html")
    report_resources.write_page(folder)
    for path, content in kept.items():
        path.write_bytes(content)


def test_both_readings_of_a_doubted_table_are_shown_and_framed_on_the_image(server: Server, context: Any) -> None:
    page = context.new_page()
    page.goto(server.start() + "#invoice/p0002")
    _at(page, "invoice/p0002")
    page.click("#tab-both")
    sync_api.expect(page.locator("#both")).to_contain_text("A second reading of the table")
    assert page.locator("#both mark").all_text_contents() == ["0.10", "<b>0.70</b>"]
    mark = page.locator("#marks div")
    sync_api.expect(mark).to_be_visible()
    image, framed = page.locator("#image").bounding_box(), mark.bounding_box()
    assert framed["x"] - image["x"] == pytest.approx(image["width"] / 4, abs=3)
    assert framed["y"] - image["y"] == pytest.approx(image["height"] / 4, abs=3)
    page.click("#next")
    sync_api.expect(page.locator("#tab-both")).to_be_hidden()
    sync_api.expect(page.locator("#both")).to_be_hidden()
    sync_api.expect(page.locator("#preview")).to_be_visible()
