"""Pictures of a finished build's report and review page, in headless Chromium with Playwright, as a reader sees them.

    python measurements/screenshots.py FOLDER docs           the pictures of docs/: report-*.png and review.png
    python measurements/screenshots.py FOLDER OUT --views    report and review page at 400, 900 and 1400 px, light and
                                                             dark, English and Chinese, to be looked at

FOLDER is the working directory of a build. It is copied first: looking at the review page writes drafts, and a report
in the other language is written anew (`snakemake reports/index.html`, the rule write_report alone).
"""

import argparse
import io
import itertools
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from scribetune.core import layout
from scribetune.review import server
from scribetune.review.session import Choice, ReviewSession
from scribetune.text.language import Language
from scribetune.web import local_server

REPOSITORY = Path(__file__).resolve().parents[1]
WIDTHS_PX = (400, 900, 1400)
HEIGHTS_PX = {400: 800, 900: 1200, 1400: 900}
THEMES = ("light", "dark")
LANGUAGES: tuple[Language, ...] = ("en", "zh")
COLOURS = 96
"""A page of text and lines needs no more, and git keeps every version of a picture."""


def until(page: Page, expression: str) -> None:
    """Wait for an expression to hold; Playwright's own waiting needs `eval`, which the pages' policies forbid."""
    end = time.monotonic() + 60
    while not page.evaluate(expression):
        if time.monotonic() > end:
            raise TimeoutError(expression)
        time.sleep(0.1)


def picture(page: Page, path: Path) -> None:
    """Take a picture of what is seen, in a few colours."""
    time.sleep(0.7)
    with Image.open(io.BytesIO(page.screenshot())) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def open_report(page: Page, folder: Path) -> None:
    """Open a report from disk, and wait for its plots."""
    page.goto((folder / layout.REPORTS / "index.html").as_uri())
    until(page, "document.documentElement.dataset.plots === 'drawn'")


def write_report(folder: Path, language: Language) -> None:
    """Write a build's report anew, in a language."""
    command = [
        "snakemake", "reports/index.html", "--cores", "1", "--snakefile", REPOSITORY / "Snakefile",
        "--directory", folder,
        "--allowed-rules", "write_report", "--forcerun", "write_report", "--quiet", "all",
        "--config", f"report={{language: {language}}}",
    ]  # fmt: skip
    subprocess.run([sys.executable, "-m", *command], check=True, cwd=REPOSITORY)


@contextmanager
def reviewed(folder: Path, language: Language) -> Iterator[str]:
    """Serve the review page of a build, and give its address; the server ends with this process."""
    session = ReviewSession(folder, Path("data/corrections"), Choice())
    listener, token = local_server.listen(0), server.token_of(folder)
    threading.Thread(target=server.serve, args=(session, listener, token, language), daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/?token={token}"


def open_review(page: Page, address: str, size: tuple[int, int]) -> str:
    """Open the first page of the review, and return its id."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(address)
    until(page, "document.getElementById('image').complete && !document.getElementById('image').hidden")
    return str(page.evaluate("decodeURI(location.hash.slice(1))"))


def conflict(page: Page, folder: Path, id_: str) -> None:
    """Let a build change the label of the open page while somebody types."""
    document, number = id_.split("/p")
    label = folder / layout.page_label(document, int(number))
    text = label.read_text(encoding="utf-8")
    page.fill("#editor", text.replace("1", "7", 3) + "\nA line that I added.\n")
    until(page, "!document.getElementById('undo').hidden")
    label.write_text(text.replace("2", "5", 2), encoding="utf-8")
    page.press("#editor", "Control+Enter")
    page.fill("#name", "Ada")
    page.press("#name", "Enter")
    until(page, "!document.getElementById('difference').hidden")
    label.write_text(text, encoding="utf-8")


def review_views(browser: Browser, folder: Path, out: Path, language: Language) -> None:
    """Take pictures of the review page: a page, its end, the question for the name, the keys, a conflict."""
    with reviewed(folder, language) as address:
        for width, theme in itertools.product(WIDTHS_PX, THEMES):
            page = browser.new_context().new_page()
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of its words
            name = f"{language}-{width}-{theme}.png"
            first = open_review(page, address, (width, HEIGHTS_PX[width]))
            picture(page, out / f"review-page-{name}")
            if width != WIDTHS_PX[-1]:
                page.evaluate("scrollTo(0, 1e6)")
                picture(page, out / f"review-end-{name}")
            for button, cancel in (("reviewer", "name-cancel"), ("reject", "reject-cancel"), ("help", "help-close")):
                page.click(f"#{button}")
                picture(page, out / f"review-{button}-{name}")
                page.click(f"#{cancel}")
            conflict(page, folder, first)
            picture(page, out / f"review-conflict-{name}")
            page.context.close()
            shutil.rmtree(folder / layout.REVIEW / "drafts")


def report_views(browser: Browser, folder: Path, out: Path, language: Language) -> None:
    """Take pictures of the report: its beginning, the small images, one page, the resources."""
    write_report(folder, language)
    for width, theme in itertools.product(WIDTHS_PX, THEMES):
        page = browser.new_page(viewport={"width": width, "height": HEIGHTS_PX[width]})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of its words
        open_report(page, folder)
        for name, anchor in (("summary", "summary"), ("pages", "pages?order=tuned"), ("page", "page-2"),
                             ("resources", "resources")):  # fmt: skip
            page.evaluate(f"location.hash = {anchor!r}")
            picture(page, out / f"report-{name}-{language}-{width}-{theme}.png")
        page.close()


def docs_pictures(browser: Browser, folder: Path, docs: Path, index: int) -> None:
    """Take the pictures of docs/."""
    page = browser.new_page()
    open_report(page, folder)
    for name, anchor, height_px in (
        ("overview", "summary", 1250), ("pages", "pages?order=tuned", 700), ("page", f"page-{index}", 760),
        ("resources", "resources", 720),
    ):  # fmt: skip
        page.set_viewport_size({"width": WIDTHS_PX[-1], "height": height_px})
        page.evaluate(f"location.hash = {anchor!r}")
        picture(page, docs / f"report-{name}.png")
    queue = ReviewSession(folder, Path("data/corrections"), Choice()).queue()["pages"]
    shown = next((entry["id"] for entry in queue if "-en-" in entry["id"]), queue[0]["id"])
    with reviewed(folder, "en") as address:
        open_review(page, f"{address}#{shown}", (WIDTHS_PX[-1], 820))
        picture(page, docs / "review.png")


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="working directory of a build")
    parser.add_argument("out", type=Path, help="where the pictures go")
    parser.add_argument("--views", action="store_true", help="at all widths, in both themes and languages")
    parser.add_argument("--only", choices=("report", "review"), help="of --views, those of one of the two")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--page", type=int, default=2, help="index of the test page that is shown in docs/")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name) / "build"
        shutil.copytree(arguments.folder, folder, symlinks=True)
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        for language in LANGUAGES if arguments.views else ():
            if arguments.only != "report":
                review_views(browser, folder, arguments.out, language)
            if arguments.only != "review":
                report_views(browser, folder, arguments.out, language)
        if not arguments.views:
            docs_pictures(browser, folder, arguments.out, arguments.page)
        browser.close()


if __name__ == "__main__":
    main()
