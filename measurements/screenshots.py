"""Pictures of a finished build's report for docs/: `python measurements/screenshots.py FOLDER docs`.

FOLDER is the working directory of a build (its reports/index.html, and reports/resources.html beside it). Opens the
report from disk in headless Chromium with Playwright, as a reader would, and writes report-overview.png,
report-pages.png (small images, the worst first), report-page.png and report-resources.png, in a few colours.
"""

import argparse
import io
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

WIDTH_PX = 1400
COLOURS = 96
"""A page of text and lines needs no more, and git keeps every version of a picture."""


def settled(page: Page) -> None:
    """Wait until the plots are drawn; Playwright's own waiting needs `eval`, which the report's policy forbids."""
    end = time.monotonic() + 60
    while page.evaluate("document.documentElement.dataset.plots") != "drawn":
        if time.monotonic() > end:
            raise TimeoutError("the plots were not drawn")
        time.sleep(0.1)


def picture(page: Page, path: Path, anchor: str, height_px: int) -> None:
    """Go to a place of the report and take a picture of what is seen there."""
    page.set_viewport_size({"width": WIDTH_PX, "height": height_px})
    page.evaluate(f"location.hash = {anchor!r}")
    time.sleep(1.0)
    with Image.open(io.BytesIO(page.screenshot())) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="working directory of a build")
    parser.add_argument("docs", type=Path, help="where the pictures go")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--page", type=int, default=2, help="index of the test page that is shown")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto((arguments.folder.resolve() / "reports/index.html").as_uri())
        settled(page)
        picture(page, arguments.docs / "report-overview.png", "summary", 1250)
        picture(page, arguments.docs / "report-pages.png", "pages?order=tuned", 700)
        picture(page, arguments.docs / "report-page.png", f"page-{arguments.page}", 760)
        picture(page, arguments.docs / "report-resources.png", "resources", 720)
        browser.close()


if __name__ == "__main__":
    main()
