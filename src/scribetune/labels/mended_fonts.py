"""Pages of a PDF whose fonts of symbols and ligatures say what they show."""

import logging
from collections.abc import Sequence
from typing import Any

from scribetune.core import isolation
from scribetune.documents import drawn_page, ligatures, symbol_fonts

logger = logging.getLogger(__name__)


class MendedFonts:
    """Mends the fonts of one PDF, opened once or several times, page by page."""

    def __init__(self, pdfs: Sequence[Any]) -> None:
        self._pdfs = pdfs
        self._symbol_fonts = symbol_fonts.SymbolFonts()

    def page(self, index: int) -> Any:
        """Return a page, from 0, of the first, once the fonts of all say of symbols and ligatures what they are."""
        page = self._pdfs[0][index]
        meanings = self._symbols(page)
        for pdf in self._pdfs if meanings else ():
            ligatures.mend(pdf, meanings)
        if ligatures.may_be_in(ligatures.text_of(page)):
            meanings = ligatures.of_page(page, drawn_page.read(page.get_displaylist()).fonts)
            for pdf in self._pdfs if meanings else ():
                ligatures.mend(pdf, meanings)
        return page

    def _symbols(self, page: Any) -> ligatures.Meanings:
        """Return what fonts of symbols mean; of damaged ones nothing, and the log says why."""
        import pymupdf

        try:
            return self._symbol_fonts.of_page(page)
        except (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError) as error:
            if isolation.is_memory_error(error):
                raise
            logger.info("page %d: what its fonts of symbols mean is not asked: %s", page.number + 1, error)
            return {}
