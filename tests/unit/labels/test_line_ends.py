"""A hyphen at a line's end divides a word, joins two, or waits for its second half; within a line nothing is joined."""

import pytest

from scribetune.labels import line_ends


def joined(*lines: str, page: str = "") -> str:
    return line_ends.joined(lines, line_ends.words_within([*lines, page]))


@pytest.mark.parametrize(
    ("lines", "page", "expected"),
    [
        # Divided words, in languages whose last syllables look like other languages' conjunctions.
        (("the devel-", "opment of"), "", "the development of"),
        (("questo quan-", "to basta per tutti"), "", "questo quanto basta per tutti"),
        (("der Betriebs-", "rat hat"), "", "der Betriebsrat hat"),
        (("les dévelop-", "pements récents"), "", "les développements récents"),
        (("раз-", "витие"), "", "развитие"),
        (("ALL COUNTRIES AND THEIR DEVEL-", "OPMENT BANKS"), "", "ALL COUNTRIES AND THEIR DEVELOPMENT BANKS"),
        (("one-dimen-", "sional"), "", "one-dimensional"),
        # Hyphens of their own.
        (("a well-", "known fact"), "It was well-known.", "a well-known fact"),
        (("for decision-", "making"), "making a decision", "for decision-making"),
        (("state-of-the-", "art methods"), "", "state-of-the-art methods"),
        (("evidence-", "based methods"), "", "evidence-based methods"),
        (("the syntax-", "directed rules"), "", "the syntax-directed rules"),
        (("an open-", "source library"), "", "an open-source library"),
        (("cannot be well-", "typed in it"), "", "cannot be well-typed in it"),
        (("calls with pass-", "by-reference"), "", "calls with pass-by-reference"),
        (("the open-", "ing of high-"), "", "the opening of high-"),
        (("on the long-", "itude of it"), "", "on the longitude of it"),
        (("an interest-", "ing case"), "", "an interesting case"),
        (("these are un-", "related and cor-"), "", "these are unrelated and cor-"),
        (("on the out-", "side and (search-"), "it is out of one side", "on the outside and (search-"),
        (("while search-", "ing for"), "a search by ing for", "while searching for"),
        (("by e-", "mail"), "", "by e-mail"),
        (("2009-", "10"), "", "2009-10"),
        (("die EU-", "Kommission"), "", "die EU-Kommission"),
        (("Frau Müller-", "Lüdenscheidt"), "", "Frau Müller-Lüdenscheidt"),
        (
            ("at http://example.org/10.1103/Lett.", "114.110 (2015)"),
            "",
            "at http://example.org/10.1103/Lett.114.110 (2015)",
        ),
        (("see http://example.org/x?a=", "5"), "", "see http://example.org/x?a=5"),
        (("see www.example.org.", "It is"), "", "see www.example.org. It is"),
        (("see www.example.org/a-", "page.html"), "", "see www.example.org/a-page.html"),
        (("at the IP-", "level of it"), "", "at the IP-level of it"),
        (("a non-", "trivial case"), "It is non-linear.", "a non-trivial case"),
        (("a non-", "trivial case"), "It is nonlinear.", "a nontrivial case"),
        (("of one-", "dimensional data"), "", "of one-dimensional data"),
        (("an in-", "memory table, in-", "stead"), "", "an in-memory table, instead"),
        (("a censorship-", "resistant one"), "", "a censorship-resistant one"),
        # What stands elsewhere decides.
        (("the break-", "through of"), "a breakthrough", "the breakthrough of"),
        (("they re-", "formed"), "re-formed", "they re-formed"),
        # The second half is still to come.
        (("six-", "by 12-inch"), "", "six- by 12-inch"),
        (("pre-", "and post-war"), "", "pre- and post-war"),
        (("Ein-", "und Ausgabe"), "", "Ein- und Ausgabe"),
        (("Vor-", "sowie Nachteile"), "", "Vor- sowie Nachteile"),
        (("Haupt-", "bzw. Nebenfach"), "", "Haupt- bzw. Nebenfach"),
        (("left-", "versus right-hand"), "", "left- versus right-hand"),
        (("first-", "through third-class"), "", "first- through third-class"),
        (("two-", "rather than four-bolt"), "", "two- rather than four-bolt"),
        (("tanto pre-", "como posguerra"), "", "tanto pre- como posguerra"),
        (("pre-", "(and post-)war"), "", "pre- (and post-)war"),
        # Within a line.
        (("A six- by 12-in hole and a Non- negligent one",), "", "A six- by 12-in hole and a Non- negligent one"),
        # Soft hyphens.
        (("to be rep\u00ad", "resented"), "", "to be represented"),
        (("the EU\u00ad", "Commission"), "", "the EU-Commission"),
        # Fonts whose every hyphen is one that does not break.
        (("out\u2011of\u2011band authen\u2011", "tication"), "", "out\u2011of\u2011band authentication"),
        (("the break\u2011", "through of"), "a break\u2011through", "the break\u2011through of"),
        # Dashes and strokes.
        (("the end—", "or so"), "", "the end—or so"),
        (("the end —", "or so"), "", "the end — or so"),
        (("and/", "or"), "", "and/or"),
        # Chinese and Japanese.
        (("主体信用", "评级"), "", "主体信用评级"),
        (("使用", "Python编程"), "", "使用Python编程"),
        (("Bern", "净利"), "", "Bern 净利"),
        (("至2021", "年度"), "", "至2021年度"),
        (("我们使用 C 和", "Python 编程"), "", "我们使用 C 和 Python 编程"),
    ],
)
def test_lines_are_joined_by_what_the_page_shows(lines: tuple[str, ...], page: str, expected: str) -> None:
    assert joined(*lines, page=page) == expected


def shown(line: str, *, are_hyphens: bool) -> str:
    return "".join(line_ends.with_drawn_hyphens([line], are_hyphens=are_hyphens))


def test_soft_hyphens_within_a_line_are_nothing_or_the_hyphens_of_their_font() -> None:
    assert shown("an in\u00advisible one", are_hyphens=False) == "an invisible one"
    assert shown("Internet\u00adbased, 13\u00ad24", are_hyphens=True) == "Internet-based, 13-24"
    assert shown("of 13\u00ad24, \u00ad5 and a \u00ad b", are_hyphens=False) == "of 13-24, -5 and a - b"
    assert shown("in 2012, \u00adthe standard", are_hyphens=True) == "in 2012, the standard"
    assert shown("at the end of rep\u00ad ", are_hyphens=True) == "at the end of rep\u00ad "
    assert shown("**\u00ad To be, pre\u00ad and post-war", are_hyphens=False) == "** To be, pre- and post-war"
    pieces = ["in\u00ad", "visible", " rep\u00ad"]
    assert line_ends.with_drawn_hyphens(pieces, are_hyphens=False) == ["in", "visible", " rep\u00ad"]
    assert line_ends.are_hyphens(["Internet\u00adbased"])
    assert not line_ends.are_hyphens(["Internet\u00adbased", "a well-known one"])


def test_a_piece_of_a_word_at_a_line_s_end_is_no_word() -> None:
    assert line_ends.words_within(["the devel-", "opment of a well-known thing"]) == {
        "the", "of", "a", "well-known", "well", "well-", "known", "thing"
    }  # fmt: skip
