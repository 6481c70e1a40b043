"""ShareGPT records: one question with an image, one answer.

Trainers that read such records put images in the place of `<image>`, and refuse a record that has more of these than
images, wherever they stand (LLaMA-Factory: `<video>` and `<audio>` too). On a page they are text. In an answer they are
written as Markdown writes them, `&lt;image>`; the record says how many in `escaped`. What reads records here undoes it.
"""

import re
from collections.abc import Mapping
from typing import Any

from scribetune.text import grounding

LABEL = "label"
"""Key of a record whose answer is not the page's whole label: the label."""
ESCAPED = "escaped"
"""Key of a record: how many placeholders its answer holds as text; absent where it holds none."""

_LITERAL = re.compile(r"<(image|video|audio)>")
_ESCAPE = re.compile(r"&((?:amp;)*)lt;(image|video|audio)>")


def answered(question: str, answer: str) -> dict[str, Any]:
    """Return what a record says: `conversations`, and `escaped` where there is something to escape."""
    # What looks like an escape already gets one more "amp;", so that undoing gives each its own text back.
    written, count = _LITERAL.subn(r"&lt;\1>", _ESCAPE.sub(r"&amp;\1lt;\2>", answer))
    text = written if count else answer
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": text}]
    return {"conversations": turns, **({ESCAPED: count} if count else {})}


def said(record: Mapping[str, Any], speaker: str) -> str | None:
    """Return what "human" or "gpt" says in a record, as the page has it; None where it says nothing."""
    held = record.get("conversations")
    turns = [turn for turn in held if isinstance(turn, Mapping)] if isinstance(held, list | tuple) else []
    text = next((turn.get("value") for turn in turns if turn.get("from") == speaker), None)
    if not isinstance(text, str):
        return None
    if speaker != "gpt" or not record.get(ESCAPED):
        return text
    return _ESCAPE.sub(lambda found: f"&{found[1][4:]}lt;{found[2]}>" if found[1] else f"<{found[2]}>", text)


def label(record: Mapping[str, Any]) -> str | None:
    """Return the label of the page that a record is of, without marks and boxes of its blocks; None where it has none.

    That is its answer, but for pages that are asked for something else (`task.mix`).
    """
    kept = record.get(LABEL)
    if isinstance(kept, str):
        return kept
    answer = said(record, "gpt")
    return None if answer is None else grounding.plain(answer)
