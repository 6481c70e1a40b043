"""What the words of a drawing say against its mark: names that wait for a value, and sentences, are none of a drawing.

A form that is drawn has boxes, ticks and strokes as a diagram has, and layout analysis may call it a picture: the label
then has a figure's mark for all its words. A diagram has neither sentences nor, with colons, one name below the other.
"""

import re
from collections.abc import Sequence

from scribetune.labels.doubts import Doubt, Finding
from scribetune.labels.page_blocks import Kind, PageBlock, marker_length
from scribetune.labels.tables.cells import union
from scribetune.labels.text_layer import Line

_NAME = re.compile(r"[^\W\d_].*[^\W\d_].*[:：]$")
_SENTENCE = re.compile(r"[^\w\s]?[^\W\d_].*[.!?。！？]\W?$")
_WORDS, _WORDS_OF_ITEM = 5, 3  # of a sentence, at least; of one with a number or a letter before it
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_CJK_WORD = 2  # characters
_OF_SENTENCE, _OF_NAME = 2, 1
_ENOUGH = 3


def of_blocks(blocks: Sequence[PageBlock]) -> tuple[Finding, ...]:
    """Return the drawings of a page whose words are a form's or a text's, each with the first of these lines."""
    found = []
    for block in blocks:
        lines = [line for line in block.lines if line.horizontal] if block.kind is Kind.DRAWN else []
        names, sentences = [line for line in lines if _is_name(line)], [line for line in lines if _is_sentence(line)]
        # What a diagram names again and again ("Key:", "Value:") is one name.
        amount = _OF_NAME * len({line.text for line in names}) + _OF_SENTENCE * len(sentences)
        if amount >= _ENOUGH:
            told = [*names, *sentences]
            first = min(told, key=lambda line: (line.box[1], line.box[0]))
            found.append(Finding(Doubt.FIGURES, first.text, "", union([line.box for line in told])))
    return tuple(found)


def _is_name(line: Line) -> bool:
    """Whether a line ends with a colon, and begins with no small letter, as labels of a program do."""
    text = line.text
    return bool(_NAME.match(text)) and not text[0].islower()


def _is_sentence(line: Line) -> bool:
    mark = marker_length(line.text)
    text = line.text[mark:]
    if not _SENTENCE.match(text) or text.lstrip("“\"'(«„")[:1].islower():
        return False
    chinese = len(_CJK.findall(text))
    words = sum(any(map(str.isalpha, word)) for word in _CJK.sub(" ", text).split())
    return words + chinese // _CJK_WORD >= (_WORDS_OF_ITEM if mark else _WORDS)
