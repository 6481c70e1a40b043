"""Promises of the pre-training pages: reproducible, transcribed as printed, every character where its target says."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scribetune.core.errors import UserError
from scribetune.samples import corpus
from scribetune.samples.sample_formulas import formulas
from scribetune.samples.typesetting import cjk_font
from tiny_pretraining import examples, typeset
from tiny_pretraining import fonts as font_files
from tiny_pretraining.drawing import Limits, draw_page
from tiny_pretraining.examples import BLANK, GRID, PATCH_PX, Example, Glyph
from tiny_pretraining.tiny_model import characters


@pytest.fixture(scope="module")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> tuple[font_files.Font, ...]:
    """A catalogue with the one font that is always there, which draws Latin letters too."""
    folder = tmp_path_factory.mktemp("fonts")
    (folder / "droid.ttf").write_bytes(cjk_font())
    drawn = "".join(font_files._coverage(folder / "droid.ttf"))
    rows = [
        {"file": "droid.ttf", "script": script, "held_out": held_out, "characters": drawn}
        for script in ("latin", "han")
        for held_out in (False, True)
    ]
    (folder / font_files.CATALOGUE).write_text(json.dumps(rows), encoding="utf-8")
    return font_files.read(folder)


@pytest.fixture(scope="module")
def drawn(fonts: tuple[font_files.Font, ...]) -> list[Example]:
    return [draw_page(5, index, fonts, Limits(lines=12)) for index in range(30)]


@pytest.fixture(scope="module")
def pack(fonts: tuple[font_files.Font, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack")
    typeset._write(folder / "train-000.pdf", corpus.plan(16, 4, corpus.LANGUAGES))
    return folder


def present(sample: Example) -> tuple[set[str], set[str]]:
    """Characters of the targets, and of the text."""
    names = {number: character for character, number in examples.classes().items()}
    found = {names[number] for number in np.unique(sample.grid).tolist() if number != BLANK}
    return found, set(sample.text) - {" ", "\n"}


def test_a_page_follows_from_seed_and_index_alone(fonts: tuple[font_files.Font, ...], drawn: list[Example]) -> None:
    again = draw_page(5, 7, fonts, Limits(lines=12))
    assert again.text == drawn[7].text
    assert again.tint == drawn[7].tint
    assert np.array_equal(again.pixels, drawn[7].pixels)
    assert np.array_equal(again.grid, drawn[7].grid)
    assert draw_page(6, 7, fonts, Limits(lines=12)).text != drawn[7].text
    assert len({sample.text for sample in drawn}) == len(drawn)


def test_every_character_of_a_page_has_a_token_and_limits_hold(drawn: list[Example]) -> None:
    for sample in drawn:
        assert examples.transcribable(sample.text)
        assert sample.text.count("\n") < 13
        assert sample.text == "\n".join(line.strip() for line in sample.text.split("\n"))
        assert "  " not in sample.text
    assert any(ord(character) >= 0x4E00 for sample in drawn for character in sample.text)


def test_targets_name_the_characters_of_the_page(drawn: list[Example]) -> None:
    hits = total = 0
    for sample in drawn:
        found, said = present(sample)
        assert found <= said
        hits, total = hits + len(found), total + len(said)
    assert hits > 0.85 * total


@pytest.mark.parametrize("angle", [-1.5, 1.5])
def test_targets_turn_with_the_page(angle: float) -> None:
    image = Image.new("L", (768, 768), 255)
    boxes = [(x, y) for x in range(40, 700, 80) for y in (30, 380, 720)]
    for x, y in boxes:
        image.paste(0, (x, y, x + 40, y + 20))
    glyphs = [Glyph("A", x, y, x + 40, y + 20) for x, y in boxes]
    turned = np.asarray(image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=255))
    grid = examples._grid(glyphs, angle, image.size, (0, 0))
    centres = turned[PATCH_PX // 2 :: PATCH_PX, PATCH_PX // 2 :: PATCH_PX]
    assert grid.shape == centres.shape == (GRID, GRID)
    marked = grid != BLANK
    assert marked.sum() >= 2 * len(boxes)
    assert (centres[marked] < 128).mean() > 0.95


def test_a_page_is_padded_as_the_processor_does(fonts: tuple[font_files.Font, ...]) -> None:
    from tiny_pretraining.batches import Prompt, collate, model_pixels
    from tiny_pretraining.tiny_model import page_processor

    image = Image.new("L", (768, 600), 255)
    image.paste(30, (100, 100, 500, 200))
    sample = examples.finish(image, [], "x", random.Random(2), rough=0.0)
    plain = Example(sample.pixels, sample.text, sample.grid, sample.box, examples.Tint())
    ours = model_pixels(collate([plain], Prompt.of_family()))
    theirs = page_processor()(images=[image.convert("RGB")], text=["<image>"], return_tensors="pt")["pixel_values"]
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().max()) < 0.01


def test_typeset_pages_are_transcribed_as_printed(pack: Path) -> None:
    entries = typeset.entries(pack, "train")
    documents = [corpus.generate(spec) for spec in corpus.plan(16, 4, corpus.LANGUAGES)]
    pages = [(page, document) for document in documents for page in document.pages]
    assert len(entries) == len(pages)  # none was refused: the vocabulary covers the sample documents
    for entry, (page, document) in zip(entries, pages, strict=True):
        lines, formulas = typeset.printed(page, typeset._bullet(document.source))
        expected = "".join(lines)
        for formula in formulas:
            expected = expected.replace("\x00", formula, 1)
        assert "".join("".join(entry.lines).split()) == "".join(expected.split())
        assert not any(mark in line for line in entry.lines for mark in ("**", "|", "$$"))


def test_targets_of_typeset_pages_name_their_characters(pack: Path) -> None:
    entries = typeset.entries(pack, "train")
    hits = total = 0
    for entry in entries:
        first, second = (typeset.draw_entry(entry, random.Random(1), 0.4) for _ in range(2))
        assert np.array_equal(first.pixels, second.pixels)
        found, said = present(first)
        assert found <= said
        hits, total = hits + len(found), total + len(said)
    assert hits > 0.85 * total


def test_every_sample_formula_has_a_linear_form_within_the_vocabulary() -> None:
    known = set(characters())
    groups = ("finance", "billing", "statistics", "experiments")
    for builder in (builder for group in groups for builder in formulas(group).values()):
        for seed in range(8):
            text = typeset.linear(builder(random.Random(seed)).expression)
            assert set(text) <= known, text
            assert " = " in text
            assert text.count("(") == text.count(")")


def test_missing_fonts_and_packs_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tiny_pretraining\.fonts"):
        font_files.read(tmp_path)
    with pytest.raises(UserError, match=r"tiny_pretraining\.typeset"):
        typeset.entries(tmp_path, "train")
