"""What a page draws besides text and images, asked for once: underscores, dark bars, rules and drawings are in it."""

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

_found: WeakKeyDictionary[Any, tuple[object, Sequence[Mapping[str, Any]]]] = WeakKeyDictionary()


def state_of(page: Any) -> object:
    """Return what changes when a pymupdf.Page is turned or gets another content."""
    return page.rotation, tuple(page.get_contents())


def of_page(page: Any) -> Sequence[Mapping[str, Any]]:
    """Return the paths of a pymupdf.Page as its `get_cdrawings` does, until it is turned or gets another content."""
    state = state_of(page)
    known = _found.get(page)
    if known is None or known[0] != state:
        known = _found[page] = (state, page.get_cdrawings())
    return known[1]
