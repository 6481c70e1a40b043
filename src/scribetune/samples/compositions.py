"""Composes the sample documents' pages from a language's phrases: financial summaries, invoices, lab sheets, memos."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scribetune.samples import lab_values, phrases
from scribetune.samples.blocks import (
    Block,
    BulletList,
    DisplayFormula,
    Heading,
    Inline,
    NumberedList,
    Page,
    Paragraph,
    Strong,
    Table,
)
from scribetune.samples.expressions import Expression
from scribetune.samples.phrases import Writer
from scribetune.samples.sample_formulas import Builder, NamedFormula, formulas, habitual
from scribetune.samples.typesetting import Style, choose_style, fits, table_width_pt

MAX_LATIN, MAX_CHINESE = 400, 150
"""Most characters of a page's Markdown; most Chinese ones. What the embedded model is made to read."""

_MARK = re.compile(r"(\*\*.+?\*\*|<symbol>)")
_ATTEMPTS = 60


@dataclass(frozen=True)
class Part:
    """Blocks that stay together."""

    blocks: tuple[Block, ...]  # from top to bottom
    optional: bool = False  # whether they may be left out where the page is full


Make = Callable[[], Sequence[Part]]
"""Composes the parts of one page; each call composes them anew."""


def part(*blocks: Block) -> Part:
    """Return blocks that the page must have."""
    return Part(blocks)


def extra(*blocks: Block) -> Part:
    """Return blocks that fill the page."""
    return Part(blocks, optional=True)


def chinese_characters(text: str) -> int:
    """Count Chinese characters and full-width signs."""
    return sum(ord(character) >= 0x2E80 for character in text)


class DoesNotFitError(Exception):
    """What a page must have is too large for the style."""


class Composer:
    """Composes the pages of one document; every choice comes from `rng`, in order, the style too unless it is given."""

    def __init__(self, language: str, rng: random.Random, style: Style | None = None) -> None:
        self.rng = rng
        self.style = style or choose_style(rng, language)
        self.writer = Writer(phrases.load(language), rng)

    def document(self, kind: str) -> tuple[Page, ...]:
        """Compose one to three pages, in a style that what they must have fits into.

        Raises:
            DoesNotFitError: Many styles were tried in vain (the phrases are too long).
        """
        for _ in range(_ATTEMPTS):
            try:
                return tuple(self._page(make) for make in _KINDS[kind](self))
            except DoesNotFitError as error:
                reason = error
                self.style = choose_style(self.rng, self.writer.phrases.language)
        raise reason

    def _page(self, make: Make) -> Page:
        for _ in range(_ATTEMPTS):
            page = self._fitted(make())
            if page is not None:
                return page
        raise DoesNotFitError(f"no page of {make.__name__} fits {self.style}")

    def _fitted(self, parts: Sequence[Part]) -> Page | None:
        """Leave out optional parts, the last first, until the page holds the rest."""
        kept = list(parts)
        while True:
            page = Page(tuple(block for one in kept for block in one.blocks))
            markdown = page.markdown()
            is_short = len(markdown) <= MAX_LATIN and chinese_characters(markdown) <= MAX_CHINESE
            if is_short and fits(page.blocks, self.style):
                return page
            optional = [index for index, one in enumerate(kept) if one.optional]
            if not optional:
                return None
            del kept[optional[-1]]

    # Pieces of pages

    def _formulas(self, group: str, count: int) -> Sequence[Builder]:
        """Return the formulas of a group that the document's house uses."""
        return habitual(self.rng, list(formulas(group).values()), count)

    def _runs(self, text: str, symbol: Expression | None = None) -> tuple[Inline, ...]:
        """Turn `**bold**` and `<symbol>` into what they stand for; bold stays plain where the font has none."""
        runs: list[Inline] = []
        for piece in _MARK.split(text):
            if piece == "<symbol>":
                if symbol is None:
                    raise ValueError(f"{text!r}: no formula is spoken of here")
                runs.append(symbol)
            elif piece.startswith("**"):
                runs.append(Strong(piece[2:-2]) if self.style.has_bold else piece[2:-2])
            elif piece:
                runs.append(piece)
        return tuple(runs)

    def _title(self, purpose: str, **given: str) -> Heading:
        return Heading(1, self.writer.text(purpose, **given))

    def _section(self, purpose: str) -> Heading:
        return Heading(2, self.writer.text(purpose))

    def _paragraph(self, purpose: str, count: int = 1) -> Paragraph:
        joint = " " if self.writer.phrases.capitalised else ""
        return Paragraph(self._runs(joint.join(self.writer.several(purpose, count))))

    def _bullets(self, purpose: str, low: int, high: int) -> BulletList:
        items = self.writer.several(purpose, self.rng.randint(low, high))
        return BulletList(tuple(self._runs(item) for item in items))

    def _numbers(self, purpose: str, low: int, high: int) -> NumberedList:
        items = self.writer.several(purpose, self.rng.randint(low, high))
        return NumberedList(tuple(self._runs(item) for item in items))

    def _formula(self, builders: Sequence[Builder]) -> tuple[NamedFormula, str]:
        """Choose a formula and how it is called."""
        formula = self.rng.choice(builders)(self.rng)
        return formula, self.rng.choice(self.writer.phrases.formula_names[formula.name])

    def _formula_parts(self, kind: str, formula: NamedFormula, name: str) -> tuple[Part, Part]:
        lead = Paragraph((self.writer.text(f"{kind}.lead", name=name),))
        symbol = Paragraph(self._runs(self.writer.text(f"{kind}.symbol", name=name), formula.symbol))
        return part(lead, DisplayFormula(formula.expression)), extra(symbol)

    def _fitting_table(self, make: Callable[[], Table]) -> Table:
        for _ in range(_ATTEMPTS):
            table = make()
            if table_width_pt(table, self.style) <= self.style.line_length:
                return table
        raise DoesNotFitError(f"no table of {make.__name__} fits {self.style}")

    # Financial summaries

    def financial(self) -> Sequence[Make]:
        """A summary with a table and a formula, on one page or several."""
        pages = self.rng.choice((1, 1, 2, 2, 3))
        if pages == 1:
            return [self._financial_single]
        return [self._financial_overview, self._financial_method, self._financial_outlook][:pages]

    def _financial_single(self) -> list[Part]:
        formula, name = self._formula(self._formulas("finance", 2))
        lead, _ = self._formula_parts("financial", formula, name)
        return [
            part(self._title("financial.title"), self._paragraph("financial.opening")),
            part(self._fitting_table(self._financial_table)),
            lead,
            extra(self._paragraph("financial.comment")),
        ]

    def _financial_overview(self) -> list[Part]:
        return [
            part(self._title("financial.title"), self._paragraph("financial.opening", self.rng.randint(1, 2))),
            part(self._fitting_table(self._financial_table)),
            extra(self._paragraph("financial.comment")),
            extra(self._section("financial.section"), self._bullets("financial.highlight", 2, 2)),
        ]

    def _financial_method(self) -> list[Part]:
        formula, name = self._formula(self._formulas("finance", 2))
        lead, symbol = self._formula_parts("financial", formula, name)
        return [
            part(self._title("financial.formula_title", name=name)),
            lead,
            symbol,
            extra(self._section("financial.section"), self._bullets("financial.highlight", 2, 4)),
            extra(self._paragraph("financial.opening")),
        ]

    def _financial_outlook(self) -> list[Part]:
        return [
            part(self._title("financial.outlook_title"), self._paragraph("financial.outlook", self.rng.randint(1, 2))),
            part(self._numbers("financial.step", 2, 4)),
            extra(self._section("financial.section"), self._paragraph("financial.outlook")),
        ]

    def _financial_table(self) -> Table:
        rng, writer = self.rng, self.writer
        key, entries = rng.choice(sorted(writer.phrases.key_columns.items()))
        names = rng.sample(entries, rng.randint(3, 4))
        decimals = rng.choice((0, 1))
        shape = rng.choice(("change", "plan", "share", "units", "quarters"))
        first = [rng.randint(110, 9900) / 10 for _ in names]
        header: tuple[str, ...]
        cells: list[tuple[str, ...]]
        if shape in ("change", "plan"):
            second = [round(value * rng.uniform(0.8, 1.3), 1) for value in first]
            purposes = ("before", "now") if shape == "change" else ("plan", "actual")
            header = (*(writer.text(f"table.{purpose}") for purpose in purposes), writer.text("table.change"))
            cells = [
                (_figure(old, decimals), _figure(new, decimals), f"{(new - old) / old * 100:+.1f}%")
                for old, new in zip(first, second, strict=True)
            ]
        elif shape == "share":
            header = (writer.text("table.revenue"), writer.text("table.share"))
            total = sum(first)
            cells = [(_figure(value, decimals), f"{value / total * 100:.1f}%") for value in first]
        elif shape == "units":
            header = (writer.text("table.units"), writer.text("table.revenue"))
            cells = [(f"{rng.randint(12, 3900):,}", _figure(value, decimals)) for value in first]
        else:
            chosen = sorted(rng.sample(range(1, 5), rng.randint(2, 3)))
            header = tuple(f"Q{quarter}" for quarter in chosen)
            cells = [tuple(_figure(value * rng.uniform(0.7, 1.4), decimals) for _ in chosen) for value in first]
        rows = tuple((name, *values) for name, values in zip(names, cells, strict=True))
        return Table((key, *header), rows, (False,) + (True,) * len(header))

    # Invoices

    def invoice(self) -> Sequence[Make]:
        """An invoice with numbered items and totals; sometimes a page of terms."""
        return [self._invoice_items, self._invoice_terms][: self.rng.choice((1, 2))]

    def _invoice_items(self) -> list[Part]:
        rng, writer = self.rng, self.writer
        table = self._fitting_table(self._invoice_table)
        total = sum(float(re.sub(r"[^\d.]", "", row[-1])) for row in table.rows)
        rate = rng.choice((5, 7, 8, 10, 13, 19, 20, 21))
        tax = round(total * rate / 100, 2)
        totals = [
            writer.text("invoice.subtotal", value=self._money(total)),
            writer.text("invoice.tax", value=self._money(tax), rate=f"{rate}%"),
            writer.text("invoice.total", value=self._money(total + tax)),
        ]
        return [
            part(self._title("invoice.title"), self._paragraph("invoice.parties")),
            extra(self._paragraph("invoice.order")),
            part(table),
            *(part(Paragraph(self._runs(line))) for line in totals),
        ]

    def _invoice_terms(self) -> list[Part]:
        formula, name = self._formula(self._formulas("billing", 1))
        lead = Paragraph((self.writer.text("invoice.lead", name=name),))
        return [
            part(self._title("invoice.terms_title"), self._paragraph("invoice.terms")),
            part(lead, DisplayFormula(formula.expression)),
            extra(self._numbers("invoice.step", 2, 4)),
            extra(self._paragraph("invoice.terms")),
        ]

    def _invoice_table(self) -> Table:
        rng, writer = self.rng, self.writer
        items = rng.sample(writer.phrases.slots["item"], rng.randint(2, 4))
        quantities = [rng.randint(1, 48) for _ in items]
        prices = [rng.randint(49, 9990) / 100 for _ in items]
        columns = rng.choice(
            (("item", "quantity", "price", "amount"), ("item", "quantity", "amount"), ("item", "amount"))
        )
        header = [writer.text("table.number"), *(writer.text(f"table.{name}") for name in columns)]
        rows = []
        for number, (item, quantity, price) in enumerate(zip(items, quantities, prices, strict=True), start=1):
            values = {
                "item": item,
                "quantity": str(quantity),
                "price": f"{price:,.2f}",
                "amount": f"{price * quantity:,.2f}",
            }
            rows.append((str(number), *(values[name] for name in columns)))
        return Table(tuple(header), tuple(rows), (False, False) + (True,) * (len(columns) - 1))

    def _money(self, value: float) -> str:
        return f"{self.writer.currency}{value:,.2f}"

    # Lab sheets

    def lab(self) -> Sequence[Make]:
        """A table of measurements; a formula and notes on the same page or the next."""
        experiment = self.rng.choice(habitual(self.rng, sorted(formulas("experiments")), 2))

        def readings() -> list[Part]:
            return self._lab_measurements(experiment, with_formula=False)

        def single() -> list[Part]:
            return self._lab_measurements(experiment, with_formula=True)

        def analysis() -> list[Part]:
            return self._lab_analysis(experiment)

        return [single] if self.rng.random() < 0.3 else [readings, analysis]

    def _lab_measurements(self, experiment: str, *, with_formula: bool) -> list[Part]:
        words = self.writer.phrases.experiments[experiment]
        heading = self._title("lab.title", title=self.rng.choice(words.titles))
        aim = self.rng.choice(words.aims)
        table = self._fitting_table(lambda: self._lab_table(experiment))
        parts = [part(heading, Paragraph((aim,))), part(table), extra(self._paragraph("lab.setup"))]
        if with_formula:
            formula, name = self._formula([formulas("experiments")[experiment]])
            parts.insert(2, self._formula_parts("lab", formula, name)[0])
        else:
            parts.append(extra(self._section("lab.section"), self._bullets("lab.note", 2, 2)))
        return parts

    def _lab_analysis(self, experiment: str) -> list[Part]:
        law = formulas("experiments")[experiment]
        formula, name = self._formula([law, law, *self._formulas("statistics", 1)])
        lead, symbol = self._formula_parts("lab", formula, name)
        return [
            part(self._title("lab.analysis_title")),
            lead,
            symbol,
            extra(self._section("lab.section"), self._bullets("lab.note", 2, 4)),
            extra(self._paragraph("lab.conclusion")),
        ]

    def _lab_table(self, experiment: str) -> Table:
        header = self.writer.phrases.experiments[experiment].headers
        values = lab_values.TABLES[experiment](self.rng, self.rng.randint(3, 5))
        rows = tuple((str(number), *row) for number, row in enumerate(values, start=1))
        return Table(header, rows, (False,) + (True,) * (len(header) - 1))

    # Memos

    def memo(self) -> Sequence[Make]:
        """Headings, paragraphs, a bulleted and a numbered list."""
        return [self._memo_first, self._memo_second][: self.rng.choice((1, 2))]

    def _memo_first(self) -> list[Part]:
        bullets = part(self._section("memo.decisions"), self._bullets("memo.bullet", 2, 4))
        numbers = part(self._section("memo.actions"), self._numbers("memo.action", 2, 3))
        lists = [bullets, numbers]
        self.rng.shuffle(lists)
        return [
            part(self._title("memo.title")),
            extra(self._paragraph("memo.line")),
            part(self._paragraph("memo.opening")),
            lists[0],
            Part(lists[1].blocks, optional=True),
            extra(self._paragraph("memo.body")),
        ]

    def _memo_second(self) -> list[Part]:
        return [
            part(self._title("memo.actions"), self._numbers("memo.action", 2, 4)),
            part(self._paragraph("memo.body", self.rng.randint(1, 2))),
            extra(self._section("memo.decisions"), self._bullets("memo.bullet", 2, 3)),
            extra(self._paragraph("memo.body")),
        ]


_KINDS: Mapping[str, Callable[[Composer], Sequence[Make]]] = {
    kind.__name__: kind for kind in (Composer.financial, Composer.invoice, Composer.lab, Composer.memo)
}


def _figure(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}"
