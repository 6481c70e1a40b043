"""White space in HTML as a browser shows it: what a source is indented with is none of its text."""

import re

_TOKEN = re.compile(r"<(?P<close>/?)(?P<tag>[A-Za-z][A-Za-z0-9]*)[^<>]*>|<!--[^<>]*-->|(?:[^<]|<(?![/!A-Za-z]))+|<")
# What begins a line or a cell of its own. All other elements are inline: white space collapses across their tags.
_BLOCK = re.compile(
    r"table|caption|colgroup|col|thead|tbody|tfoot|tr|td|th|br|hr|p|div|pre|blockquote|center|section|article|figure"
    r"|h[1-6]|[uod]l|li|d[td]|html|body",
    re.IGNORECASE,
)
_SPACES = " \t\n\r\f"
"""What HTML collapses; a no-break space and the like are text."""


def spread_over_lines(source: str) -> bool:
    """Whether an HTML source has line breaks or tabs, so that its white space is (also) the writer's layout."""
    return any(mark in source for mark in "\n\r\t")


def is_padded(text: str) -> bool:
    """Whether a text has white space at both ends, as `<td> 4 </td>`; at one end alone it may be a reader's error."""
    return text[:1] in _SPACES and text[-1:] in _SPACES and bool(text.strip(_SPACES))


def collapsed(source: str) -> str:
    """Return an HTML source with its white space as a browser shows it (CSS `white-space: normal`).

    Runs of blanks, tabs and line ends are one blank, and none at the ends of a cell, a line (`<br>`) or another block.
    A blank at the edge of an inline element stands outside of it, so that `<b>a </b>b` and `<b>a</b> b` are the same.
    """
    shown: list[str] = []
    tags: list[str] = []  # inline tags since the last word of the block
    opened = -1  # number of the first of them that closes nothing: a blank goes before it
    blank = begun = False
    for token in _TOKEN.finditer(source):
        part = token.group()
        if token["tag"] and _BLOCK.fullmatch(token["tag"]):
            shown += [*tags, part]
            tags, opened, blank, begun = [], -1, False, False
        elif token["tag"] or part.startswith("<!"):
            if opened < 0 and not token["close"]:
                opened = len(tags)
            tags.append(part)
        else:
            words = _words(part)
            if words:
                if begun and (blank or part[0] in _SPACES):
                    tags.insert(len(tags) if opened < 0 else opened, " ")
                shown += [*tags, words]
                tags, opened, begun = [], -1, True
                blank = part[-1] in _SPACES
            else:
                blank = True
    return "".join([*shown, *tags])


def _words(text: str) -> str:
    return " ".join(re.findall(rf"[^{_SPACES}]+", text))
