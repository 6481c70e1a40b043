"""What a reviewer is told when something cannot be done: English texts of the catalogue, with their values."""

from collections.abc import Mapping
from typing import Any


class ReviewError(Exception):
    """A text for the reviewer: `english` is a key of review.zh.json, in which {name} stands for a value."""

    def __init__(self, english: str, **values: object) -> None:
        super().__init__(english.format(**values))
        self.english = english
        self.values = values


class UnknownPageError(ReviewError):
    """The build has no such page, or it cannot be reviewed."""

    def __init__(self, page_id: str) -> None:
        super().__init__("There is no page {page} to review in this build.", page=page_id)


class RefusedError(ReviewError):
    """What was asked for cannot be done; the message says what can."""


class ConflictError(ReviewError):
    """Somebody else was first.

    The message says to the reviewer what happened; `page` is the page as it is now.
    """

    def __init__(self, english: str, page: Mapping[str, Any], **values: object) -> None:
        super().__init__(english, **values)
        self.page = page
