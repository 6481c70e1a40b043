"""The characters of a text as they are compared: of one form each, and without blanks."""

import re
import unicodedata

_LONG_RUN = re.compile(r"(?:[.·…‥․] ?){4,}|[_]{3,}|[-–—=]{5,}")
_RUNS = ("...", "___", "---", "===")
_UNSEEN = re.compile("[\\s\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_HYPHENS = str.maketrans(dict.fromkeys("\u00ad\u2010\u2011", "-"))
_PLAIN = re.compile("[!-~]+")


def dense(text: str) -> str:
    """Return the characters of a text without blanks, leaders and drawn rules: in NFKC, every hyphen the same."""
    if text.isalnum() and text.isascii():
        return text
    if _PLAIN.fullmatch(text):
        return _LONG_RUN.sub("", text) if any(run in text for run in _RUNS) else text
    plain = unicodedata.normalize("NFKC", _LONG_RUN.sub("", text).translate(_HYPHENS))
    return _UNSEEN.sub("", _LONG_RUN.sub("", plain))
