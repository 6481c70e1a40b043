"""Promises of the pre-training pages: reproducible, transcribed as printed, every character where its target says."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scribetune import samples
from scribetune.errors import UserError
from scribetune.pretraining import fonts as pretraining_fonts
from scribetune.pretraining import pages as pretraining_pages
from scribetune.pretraining import typst as pretraining_typst
from scribetune.pretraining.pages import BLANK, GRID, PATCH_PX, Glyph, Limits, Sample, draw_page
from scribetune.sample_formulas import BILLING, EXPERIMENTS, FINANCE, STATISTICS
from scribetune.tiny_model import characters
from scribetune.typesetting import cjk_font


@pytest.fixture(scope="module")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> tuple[pretraining_fonts.Font, ...]:
    """A catalogue with the one font that is always there, which draws Latin letters too."""
    folder = tmp_path_factory.mktemp("fonts")
    (folder / "droid.ttf").write_bytes(cjk_font())
    drawn = "".join(pretraining_fonts._coverage(folder / "droid.ttf"))
    rows = [
        {"file": "droid.ttf", "script": script, "held_out": held_out, "characters": drawn}
        for script in ("latin", "han")
        for held_out in (False, True)
    ]
    (folder / pretraining_fonts.CATALOGUE).write_text(json.dumps(rows), encoding="utf-8")
    return pretraining_fonts.read(folder)


@pytest.fixture(scope="module")
def drawn(fonts: tuple[pretraining_fonts.Font, ...]) -> list[Sample]:
    return [draw_page(5, index, fonts, Limits(lines=12)) for index in range(30)]


@pytest.fixture(scope="module")
def pack(fonts: tuple[pretraining_fonts.Font, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack")
    pretraining_typst._write(folder / "train-000.pdf", samples.plan(16, 4, samples.LANGUAGES))
    return folder


def present(sample: Sample) -> tuple[set[str], set[str]]:
    """Characters of the targets, and of the text."""
    names = {number: character for character, number in pretraining_pages.classes().items()}
    found = {names[number] for number in np.unique(sample.grid).tolist() if number != BLANK}
    return found, set(sample.text) - {" ", "\n"}


def test_a_page_follows_from_seed_and_index_alone(
    fonts: tuple[pretraining_fonts.Font, ...], drawn: list[Sample]
) -> None:
    again = draw_page(5, 7, fonts, Limits(lines=12))
    assert again.text == drawn[7].text
    assert again.tint == drawn[7].tint
    assert np.array_equal(again.pixels, drawn[7].pixels)
    assert np.array_equal(again.grid, drawn[7].grid)
    assert draw_page(6, 7, fonts, Limits(lines=12)).text != drawn[7].text
    assert len({sample.text for sample in drawn}) == len(drawn)


def test_every_character_of_a_page_has_a_token_and_limits_hold(drawn: list[Sample]) -> None:
    for sample in drawn:
        assert pretraining_pages.transcribable(sample.text)
        assert sample.text.count("\n") < 13
        assert sample.text == "\n".join(line.strip() for line in sample.text.split("\n"))
        assert "  " not in sample.text
    assert any(ord(character) >= 0x4E00 for sample in drawn for character in sample.text)


def test_targets_name_the_characters_of_the_page(drawn: list[Sample]) -> None:
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
    grid = pretraining_pages._grid(glyphs, angle, image.size, (0, 0))
    centres = turned[PATCH_PX // 2 :: PATCH_PX, PATCH_PX // 2 :: PATCH_PX]
    assert grid.shape == centres.shape == (GRID, GRID)
    marked = grid != BLANK
    assert marked.sum() >= 2 * len(boxes)
    assert (centres[marked] < 128).mean() > 0.95


def test_a_page_is_padded_as_the_processor_does(fonts: tuple[pretraining_fonts.Font, ...]) -> None:
    from scribetune.pretraining.batches import Prompt, collate, model_pixels
    from scribetune.tiny_model import page_processor

    image = Image.new("L", (768, 600), 255)
    image.paste(30, (100, 100, 500, 200))
    sample = pretraining_pages.finish(image, [], "x", random.Random(2), rough=0.0)
    plain = Sample(sample.pixels, sample.text, sample.grid, sample.box, pretraining_pages.Tint())
    ours = model_pixels(collate([plain], Prompt.of_family()))
    theirs = page_processor()(images=[image.convert("RGB")], text=["<image>"], return_tensors="pt")["pixel_values"]
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().max()) < 0.01


def test_typeset_pages_are_transcribed_as_printed(pack: Path) -> None:
    entries = pretraining_typst.entries(pack, "train")
    documents = [samples.generate(spec) for spec in samples.plan(16, 4, samples.LANGUAGES)]
    pages = [(page, document) for document in documents for page in document.pages]
    assert len(entries) == len(pages)  # none was refused: the vocabulary covers the sample documents
    for entry, (page, document) in zip(entries, pages, strict=True):
        lines, formulas = pretraining_typst.printed(page, pretraining_typst._bullet(document.source))
        expected = "".join(lines)
        for formula in formulas:
            expected = expected.replace("\x00", formula, 1)
        assert "".join("".join(entry.lines).split()) == "".join(expected.split())
        assert not any(mark in line for line in entry.lines for mark in ("**", "|", "$$"))


def test_targets_of_typeset_pages_name_their_characters(pack: Path) -> None:
    entries = pretraining_typst.entries(pack, "train")
    hits = total = 0
    for entry in entries:
        first, second = (pretraining_typst.draw_entry(entry, random.Random(1), 0.4) for _ in range(2))
        assert np.array_equal(first.pixels, second.pixels)
        found, said = present(first)
        assert found <= said
        hits, total = hits + len(found), total + len(said)
    assert hits > 0.85 * total


def test_every_sample_formula_has_a_linear_form_within_the_vocabulary() -> None:
    known = set(characters())
    for builder in (*FINANCE, *BILLING, *STATISTICS, *EXPERIMENTS.values()):
        for seed in range(8):
            text = pretraining_typst.linear(builder(random.Random(seed)).expression)
            assert set(text) <= known, text
            assert " = " in text
            assert text.count("(") == text.count(")")


def test_missing_fonts_and_packs_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pretraining\.fonts"):
        pretraining_fonts.read(tmp_path)
    with pytest.raises(UserError, match=r"pretraining\.typst"):
        pretraining_typst.entries(tmp_path, "train")
