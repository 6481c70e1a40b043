"""Pages of a document as one text: tables that go on over pages are written once.

What goes on is told from the texts alone: the next page begins with a table of as many columns that repeats the
header, or says that it is continued. Without either the places of the columns would have to be known, which a text does
not say; such tables stay two.
"""

from collections.abc import Iterable, Iterator

from scribetune.labels import continued_tables
from scribetune.labels.continued_tables import PageEnds

MOST_PAGES = 50
"""A table over more pages is begun again: for each page all of it is read, and a document need not fit into memory."""


def goes_on(texts: Iterable[str]) -> Iterator[bool]:
    """Yield for each page whether its first table goes on with the last one of the page before."""
    before = PageEnds()
    for text in texts:
        after = continued_tables.of_text(text)
        yield continued_tables.continued(before, after) > 0
        before = after


def joined(pages: Iterable[tuple[str, str]], most_pages: int = MOST_PAGES) -> Iterator[str]:
    """Yield the parts of a document, each without line ends around it.

    Args:
        pages: (what stands before the page, such as a page mark, or ""; its text), in their order.
        most_pages: How many pages a table may go on over; 1 joins none.
    """
    before = PageEnds()
    run: list[str] = []
    for mark, text in pages:
        after = continued_tables.of_text(text)
        if not continued_tables.continued(before, after) or len(run) == most_pages:
            yield from _run(run)
            run = []
        run.append("\n\n".join(part for part in (mark, text.strip("\n")) if part))
        before = after
    yield from _run(run)


def _run(run: list[str]) -> Iterator[str]:
    if len(run) > 1:
        yield continued_tables.joined(run, [False] + [True] * (len(run) - 1)).strip("\n")
    elif run and run[0]:
        yield run[0]
