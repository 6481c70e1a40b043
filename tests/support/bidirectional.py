"""The Unicode bidirectional algorithm (UAX #9) as it is written down, for one paragraph on one line without controls.

Tests lay logical text out with it and ask for the text back.
"""

import unicodedata

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_MIRRORED = {**_PAIRS, "<": ">", "\u00ab": "\u00bb"}
_MIRROR = {**_MIRRORED, **{close: open_ for open_, close in _MIRRORED.items()}}


def visual(text: str, *, right_to_left: bool, mirrored: bool = True) -> str:
    """Return a text as its line shows it from left to right; brackets as the shapes that are drawn, if `mirrored`."""
    levels = levels_of(text, right_to_left=right_to_left)
    order = list(range(len(text)))
    for level in range(max(levels, default=0), 0, -1):  # L2
        at = 0
        while at < len(order):
            end = at
            while end < len(order) and levels[order[end]] >= level:
                end += 1
            order[at:end] = reversed(order[at:end])
            at = max(end, at + 1)
    return "".join(_MIRROR.get(text[at], text[at]) if mirrored and levels[at] % 2 else text[at] for at in order)


def levels_of(text: str, *, right_to_left: bool) -> list[int]:
    """Return the level of each character, by the rules W1–W7, N0–N2, I1, I2 and L1."""
    base = int(right_to_left)
    direction = "R" if base else "L"
    kinds = _weak([unicodedata.bidirectional(character) for character in text], direction)
    kinds = _neutral(_paired(text, kinds, direction), direction)
    levels = []
    for kind in kinds:
        if base:
            levels.append(1 if kind == "R" else 2)
        else:
            levels.append({"L": 0, "R": 1}.get(kind, 2))
    for at in range(len(text) - 1, -1, -1):  # L1
        if not text[at].isspace():
            break
        levels[at] = base
    return levels


def _weak(kinds: list[str], direction: str) -> list[str]:
    kinds = list(kinds)
    for at, kind in enumerate(kinds):  # W1
        if kind == "NSM":
            kinds[at] = kinds[at - 1] if at else direction
    _after(kinds, direction, "AL", "AN")  # W2
    kinds = ["R" if kind == "AL" else kind for kind in kinds]  # W3
    for at in range(1, len(kinds) - 1):  # W4
        around = {kinds[at - 1], kinds[at + 1]}
        if around == {"EN"} and kinds[at] in ("ES", "CS"):
            kinds[at] = "EN"
        elif around == {"AN"} and kinds[at] == "CS":
            kinds[at] = "AN"
    for step in (1, -1):  # W5
        places = range(len(kinds))[::step]
        for at in places:
            near = at - step
            if kinds[at] == "ET" and 0 <= near < len(kinds) and kinds[near] == "EN":
                kinds[at] = "EN"
    kinds = ["ON" if kind in ("ES", "CS", "ET", "BN") else kind for kind in kinds]  # W6
    _after(kinds, direction, "L", "L")  # W7
    return kinds


def _after(kinds: list[str], direction: str, before: str, becomes: str) -> None:
    """Change figures behind a letter of one class."""
    strong = direction
    for at, kind in enumerate(kinds):
        if kind in ("L", "R", "AL"):
            strong = kind
        elif kind == "EN" and strong == before:
            kinds[at] = becomes


def _as_strong(kind: str) -> str:
    return "R" if kind in ("R", "EN", "AN") else kind


def _paired(text: str, kinds: list[str], direction: str) -> list[str]:
    kinds = list(kinds)
    opened: list[int] = []
    pairs = []
    for at, character in enumerate(text):
        if kinds[at] != "ON":
            continue
        if character in _PAIRS:
            opened.append(at)
        elif character in _PAIRS.values():
            for depth in range(len(opened) - 1, -1, -1):
                if _PAIRS[text[opened[depth]]] == character:
                    pairs.append((opened[depth], at))
                    del opened[depth:]
                    break
    for first, last in sorted(pairs):  # N0
        inside = {_as_strong(kind) for kind in kinds[first + 1 : last]} & {"L", "R"}
        if direction in inside:
            found = direction
        elif inside:
            before = next((s for kind in reversed(kinds[:first]) if (s := _as_strong(kind)) in ("L", "R")), direction)
            found = before if before in inside else direction
        else:
            continue
        kinds[first] = kinds[last] = found
    return kinds


def _neutral(kinds: list[str], direction: str) -> list[str]:
    resolved = list(kinds)
    at = 0
    while at < len(kinds):
        end = at
        while end < len(kinds) and kinds[end] not in ("L", "R", "EN", "AN"):
            end += 1
        if end > at:  # N1, N2
            before = _as_strong(kinds[at - 1]) if at else direction
            after = _as_strong(kinds[end]) if end < len(kinds) else direction
            resolved[at:end] = [before if before == after else direction] * (end - at)
        at = max(end, at + 1)
    return resolved
