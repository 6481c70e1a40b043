r"""LaTeX formulas as MathML, which browsers show by themselves; nothing but MathML comes out.

latex2mathml gives a tree; the elements and attributes of it that are known are written anew, each text escaped. The
library's own string is not used: it passes `\text{<img …>}` and `\href{…}` through.
"""

import html
import logging
import re
from functools import lru_cache
from xml.etree.ElementTree import Element

from markupsafe import Markup, escape

LOGGER = logging.getLogger(__name__)

MAX_CHARACTERS = 2_000
"""Longer formulas are shown as source."""
MAX_DEPTH = 100
"""Formulas that nest deeper are shown as source."""

_ELEMENTS = frozenset(
    re.findall(
        r"\w+",
        "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle mpadded mphantom menclose msub msup msubsup "
        "munder mover munderover mmultiscripts mprescripts none mtable mtr mtd mlabeledtr",
    )
)
_ATTRIBUTES = frozenset(
    re.findall(
        r"\w+",
        "accent accentunder columnalign columnspan depth displaystyle fence form height largeop linethickness lspace "
        "mathvariant maxsize minsize movablelimits notation rowspan rspace scriptlevel separator stretchy symmetric "
        "voffset width",
    )
)
_VALUE = re.compile(r"[\w.%+-]{1,20}( [\w.%+-]{1,20}){0,20}")


def mathml(latex: str, *, display: bool) -> Markup | None:
    """Return a formula as a `<math>` element; None where it is too long or no LaTeX that the library understands."""
    return _mathml(latex, display) if latex and len(latex) <= MAX_CHARACTERS else None


@lru_cache(maxsize=4096)
def _mathml(latex: str, display: bool) -> Markup | None:
    from latex2mathml.converter import convert_to_element

    try:
        return _written(convert_to_element(latex, display="block" if display else "inline"), 0)
    except Exception as error:  # the library's errors have no common base; the source is shown then
        LOGGER.debug("formula %r is shown as source: %s", latex[:80], error)
        return None


def _written(element: Element, depth: int) -> Markup:
    if element.tag not in _ELEMENTS or depth > MAX_DEPTH:
        raise ValueError(f"<{element.tag}> at depth {depth}")
    attributes = [
        Markup(' {}="{}"').format(name, value)
        for name, value in element.attrib.items()
        if name in _ATTRIBUTES and _VALUE.fullmatch(value)
    ]
    if element.tag == "math":
        attributes = [Markup(' display="{}"').format(element.get("display", "inline"))]
    # The library writes characters as entities into the tree: they are characters once more before they are escaped.
    text = escape(html.unescape(element.text or ""))
    children = Markup("").join(_written(child, depth + 1) for child in element)
    template = Markup("<{0}{1}>{2}{3}</{0}>")
    return template.format(element.tag, Markup("").join(attributes), text, children)
