"""Character-level differences between a reference and a reading of it, as safe HTML."""

from dataclasses import dataclass

from markupsafe import Markup, escape
from rapidfuzz.distance import Levenshtein

from scribetune.text.visible_text import visible, visible_everything

SHOWN_CHARACTERS = 20_000
"""Longest text compared and shown; alignment is quadratic, and nobody reads more of a page than this."""


@dataclass(frozen=True)
class Difference:
    """What a reading did to its reference.

    Attributes:
        html: The reading with `<ins>` around characters that the reference lacks and `<del>` around characters of the
            reference that the reading lacks; everything else is escaped text. Without the `<ins>` parts it spells the
            reference, without the `<del>` parts the reading (both stripped, as CER strips them).
        edits: Number of insertions, deletions and substitutions: CER's numerator for the characters shown.
        reference_characters: Length of the stripped reference as shown: CER's denominator.
        omitted: Characters of the longer text that lie beyond `SHOWN_CHARACTERS` and were not compared.
    """

    html: Markup
    edits: int
    reference_characters: int
    omitted: int


def difference(reference: str, hypothesis: str, limit: int = SHOWN_CHARACTERS) -> Difference:
    """Align two texts, up to `limit` characters each, by Levenshtein distance (rapidfuzz opcodes) and mark the edits.

    The number of marked characters is what the edit distance counts, so the colours and CER never disagree.
    """
    reference, hypothesis = reference.strip(), hypothesis.strip()
    omitted = max(len(reference), len(hypothesis), limit) - limit
    reference, hypothesis = reference[:limit], hypothesis[:limit]
    # Plain strings of escaped text: Markup's own operations cost ten times as much, and pages have thousands.
    parts: list[str] = []
    missing: list[str] = []
    added: list[str] = []
    edits = 0

    def flush() -> None:
        if missing:
            parts.append(f"<del>{_edited(''.join(missing), line_breaks=False)}</del>")
        if added:
            parts.append(f"<ins>{_edited(''.join(added), line_breaks=True)}</ins>")
        missing.clear()
        added.clear()

    for opcode in Levenshtein.opcodes(reference, hypothesis):
        before = reference[opcode.src_start : opcode.src_end]
        after = hypothesis[opcode.dest_start : opcode.dest_end]
        if opcode.tag == "equal":
            flush()
            parts.append(_escaped(visible(after)))
            continue
        edits += max(len(before), len(after))
        if before:
            missing.append(before)
        if after:
            added.append(after)
    flush()
    return Difference(Markup("".join(parts)), edits, len(reference), omitted)  # noqa: S704 - each part is escaped


def _escaped(text: str) -> str:
    return str(escape(text))


def _edited(text: str, *, line_breaks: bool) -> str:
    """Escape changed text; a changed line end is shown as ↵, and still breaks the line where the reading has it."""
    symbol = '<span class="nl">↵</span>' + ("\n" if line_breaks else "")
    return symbol.join(_escaped(line) for line in visible_everything(text).split("\n"))
