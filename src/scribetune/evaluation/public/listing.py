"""What pages a benchmark has, as one small file: {"pages": [{id, source, page, sha256}]} in the set's order.

It is written when a build is planned, and only when it says something else than before: truth that changes in its
texts alone makes nothing be read again, an image that changes does. What pages truth names is remembered below it for
as long as truth and what reads it are the same: OmniDocBench's file takes seconds to read.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from scribetune.core import files, layout
from scribetune.core.config import Benchmark
from scribetune.core.errors import UserError
from scribetune.core.file_hashes import FileHashes
from scribetune.evaluation.public.sources import PageSource, truth_files

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
PDF_SUFFIX = ".pdf"
MISSING = ""
_NAMED = 3


@dataclass(frozen=True)
class ListedPage:
    """One page of a benchmark that is to be read."""

    id: str  # as the truth names it
    source: str  # its image or PDF, relative to the folder of images; where it is missing, as the truth names it
    page: int  # counted from 1 in a PDF; 0 of an image
    sha256: str  # of the source; `MISSING` where there is none


def path_of(name: str) -> str:
    """Return where a benchmark's listing lies, relative to the working directory."""
    return (Path(layout.BENCHMARK_LISTINGS) / f"{name}.json").as_posix()


def images_of(benchmark: Benchmark) -> Path:
    """Return the folder that a benchmark's images and PDFs are looked up in."""
    truth = Path(benchmark.truth)
    return Path(benchmark.images) if benchmark.images else truth if truth.is_dir() else truth.parent


def write(benchmarks: Iterable[Benchmark], folder: Path = Path()) -> None:
    """Bring the listings of benchmarks up to date; one that says so already is left as it is.

    Raises:
        UserError: Truth or the folder of images is missing, or not one page can be used.
    """
    with FileHashes(folder) as hashes:
        for benchmark in benchmarks:
            pages = list_pages(benchmark, folder, hashes)
            if all(page.sha256 == MISSING for page in pages):
                names = ", ".join(repr(page.source) for page in pages[:_NAMED])
                raise UserError(
                    f"Benchmark {benchmark.name}: not one of its {len(pages)} pages has an image here ({names}, …)",
                    value=images_of(benchmark).as_posix(),
                    accepted="the folder that holds the set's images, or its PDFs, under the names that truth has",
                    todo="set `images` of the benchmark (evaluation.benchmarks)",
                )
            target = folder / path_of(benchmark.name)
            content = {"pages": [asdict(page) for page in pages]}
            if _content(target) != content:
                files.write_json(target, content)


def list_pages(benchmark: Benchmark, folder: Path, hashes: FileHashes) -> list[ListedPage]:
    """Return the pages of a benchmark that are to be read, each with what is there of it.

    Raises:
        UserError: Truth or the folder of images is missing, or no record of truth can be used.
    """
    truth, images = folder / benchmark.truth, folder / images_of(benchmark)
    forms = "OmniDocBench's JSON, olmOCR-bench's JSONL or the folder of them, or JSONL of pages"
    for what, is_there, given, accepted in (
        ("truth", truth_files(truth), benchmark.truth, forms),
        ("folder of images", images.is_dir(), benchmark.images, "a folder of page images or PDFs"),
    ):
        if not is_there:
            todo = "correct evaluation.benchmarks, or take the benchmark out of it"
            why = f"Benchmark {benchmark.name}: its {what} is not there"
            raise UserError(why, value=given, accepted=accepted, todo=todo)
    chosen = choose(_named_by_truth(benchmark, truth, folder, hashes), benchmark.max_pages)
    return [_listed(page_id, source, images, images_of(benchmark), hashes) for page_id, source in chosen.items()]


def _named_by_truth(benchmark: Benchmark, truth: Path, folder: Path, hashes: FileHashes) -> dict[str, PageSource]:
    """Return where truth says that its pages are, by their ids."""
    reader = find_spec("scribetune.evaluation.truth")
    key = {
        "kind": benchmark.kind,
        "reader": files.sha256_file(Path(str(reader and reader.origin))),
        "truth": {path.name: hashes.sha256((Path(benchmark.truth) / path.relative_to(truth)).as_posix())
                  for path in truth_files(truth)},
    }  # fmt: skip
    memory = folder / layout.BENCHMARK_LISTINGS / "truth" / f"{benchmark.name}.json"
    known = _content(memory)
    if known is None or known.get("key") != key:
        from scribetune.evaluation import truth as evaluation_sets

        refused: list[evaluation_sets.Refused] = []
        found = evaluation_sets.read(truth, benchmark.kind, refused).pages
        known = {"key": key, "pages": [[page_id, source.file, source.page] for page_id, source in found.items()]}
        files.write_json(memory, known)
    return {page_id: PageSource(file, page) for page_id, file, page in known["pages"]}


def choose(pages: Mapping[str, PageSource], max_pages: int) -> dict[str, PageSource]:
    """Return the pages that are read, in the set's order: all, or `max_pages` with the smallest hashes of their ids."""
    if not max_pages or len(pages) <= max_pages:
        return dict(pages)
    kept = set(sorted(pages, key=lambda page_id: files.sha256_bytes(page_id.encode("utf-8", "replace")))[:max_pages])
    return {page_id: source for page_id, source in pages.items() if page_id in kept}


def read_listing(path: Path) -> list[ListedPage]:
    """Read a listing that `write` wrote."""
    return [ListedPage(**row) for row in json.loads(path.read_text(encoding="utf-8"))["pages"]]


def _content(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _listed(page_id: str, source: PageSource, images: Path, given: Path, hashes: FileHashes) -> ListedPage:
    for name in _candidates(page_id, source):
        if (images / name).is_file():
            try:
                digest = hashes.sha256((given / name).as_posix())
            except OSError as error:
                # Its job says in its row what is wrong; here it only has to differ from a file that can be read.
                digest = f"unreadable: {error.strerror}"
            return ListedPage(page_id, name, source.page, digest)
    return ListedPage(page_id, source.file or page_id, source.page, MISSING)


def _candidates(page_id: str, source: PageSource) -> list[str]:
    """Return where a page may lie below the folder of images: as named, by its bare name, as the benchmarks ship it."""
    if source.file:
        bare = PurePosixPath(source.file).name
        names = [source.file, bare, f"images/{bare}", f"pdfs/{source.file}"]
    else:
        names = [f"{page_id}{suffix}" for suffix in IMAGE_SUFFIXES]
    # Truth comes from elsewhere: it names nothing outside of the folder.
    return [name for name in names if name and not PurePosixPath(name).is_absolute() and ".." not in name.split("/")]
