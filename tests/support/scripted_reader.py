"""A reader of pages without a model, and PDFs for it."""

import threading
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path

import pymupdf

from scribetune.conversion.readers import Reading


class Scripted:
    """Reads pages by a script: texts in the order of the calls; it may stop at a page."""

    def __init__(self, readings: Sequence[Reading] = (), stop_at: int | None = None, made_by: str = "m") -> None:
        self.made_by = made_by
        self.readings, self.stop_at, self.opened = readings, stop_at, 0
        self.seen: list[str] = []

    def open(self) -> int:
        self.opened += 1
        return 2

    def read(self, images: Iterable[Path]) -> Generator[tuple[int, Reading], None, None]:
        for index, image in enumerate(images):
            assert image.read_bytes().startswith(b"\x89PNG")
            if len(self.seen) == self.stop_at:
                raise KeyboardInterrupt
            self.seen.append(f"{image.parent.name}/{image.stem}")
            number = len(self.seen) - 1
            yield (
                index,
                self.readings[number] if number < len(self.readings) else Reading(f"text {image.stem}", "eos", 3),
            )


def make_pdf(path: Path, pages: int, password: str = "", blank: int = 0) -> Path:
    document = pymupdf.open()
    for number in range(pages):
        document.new_page(width=200, height=280).insert_text((20, 40), f"Page {number + 1}")
    for _ in range(blank):
        document.new_page(width=200, height=280)
    locked = {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "user_pw": password} if password else {}
    document.save(path, **locked)
    return path


class Held(Scripted):
    """Reads a page when it is let go on."""

    def __init__(self, readings: Sequence[Reading] = ()) -> None:
        super().__init__(readings)
        self.let = threading.Semaphore(0)

    def open(self) -> int:
        """Be ready at once; one page at a time."""
        return min(super().open(), 1)

    def read(self, images: Iterable[Path]) -> Generator[tuple[int, Reading], None, None]:
        """Wait before each page."""

        def one_by_one() -> Generator[Path, None, None]:
            for image in images:
                assert self.let.acquire(timeout=60)
                yield image

        yield from super().read(one_by_one())
