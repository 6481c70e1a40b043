"""Characters that could deceive a reader are shown by their code point instead of being obeyed.

Text from PDFs and models may hold control characters: a right-to-left override reverses what follows it, a NUL or a
lone surrogate makes a file that is not valid HTML or UTF-8. Letters, joiners (ZWNJ, ZWJ) and combining marks are
content and stay.
"""

import re

# Bidirectional embeddings, overrides and isolates; C0 and C1 controls except tab and line feed; line and paragraph
# separators; interlinear and tag characters, which hide text; the byte-order mark; surrogates from bad JSON.
_DECEPTIVE = re.compile(
    "[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ufff9-\ufffb\ufeff\U000e0000-\U000e007f\ud800-\udfff]",
)
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u2060-\u2064]")


def code_point(character: str) -> str:
    """Return a bracketed code point, for example ``⟦U+202E⟧``."""
    return f"⟦U+{ord(character):04X}⟧"


def visible(text: str) -> str:
    """Return `text` with deceptive control characters replaced by their bracketed code points.

    Line ends (CR LF and CR) become LF first. The result is always encodable as UTF-8.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _DECEPTIVE.sub(lambda match: code_point(match.group()), text)


def visible_everything(text: str) -> str:
    """As `visible`, and zero-width characters too: for places where one character is the point, as in a difference."""
    return _INVISIBLE.sub(lambda match: code_point(match.group()), visible(text))
