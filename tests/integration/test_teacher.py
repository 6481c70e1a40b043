"""Promise: a folder of scans becomes labels with one command and the embedded model, as docs/labels.md shows it."""

import csv
import subprocess
import sys
from pathlib import Path

import jiwer
import pymupdf
import pytest

from scribetune.samples import corpus
from scribetune.text import markdown
from support.build import REPOSITORY, snakemake

PAGES = 2


def scan(source: Path, target: Path) -> None:
    """Write a PDF of nothing but the images of another's first pages."""
    target.parent.mkdir(parents=True)
    with pymupdf.open(source) as pdf, pymupdf.open() as scanned:
        for number in range(PAGES):
            shown = pdf[number]
            page = scanned.new_page(width=shown.rect.width, height=shown.rect.height)
            page.insert_image(page.rect, pixmap=shown.get_pixmap(dpi=200, colorspace=pymupdf.csGRAY))
        scanned.save(target)


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "data/manifests" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def taught(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-c", "from scribetune.cli import app; app()", "teach", str(REPOSITORY / "models/tiny")]
    command += ["--configfile", str(REPOSITORY / "config/config.yaml"), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_two_scanned_pages_are_labelled_by_the_embedded_model(tmp_path: Path) -> None:
    specs = corpus.plan(24, 5, ["en"])
    corpus.build(specs, tmp_path / "pdfs", tmp_path / "truth")
    name = next(s.name for s in specs if len(list((tmp_path / "truth" / s.name).glob("*.md"))) >= PAGES)
    folder = tmp_path / "build"
    scan(tmp_path / "pdfs" / f"{name}.pdf", folder / "data/raw/scan.pdf")

    snakemake(folder, "labels")
    assert [row["reason"] for row in rows(folder, "selection/all.csv")] == ["scan"] * PAGES

    said = taught(folder)
    assert said.startswith("2 labels written, 0 pages labelled by people left, 0 unfinished answers")
    for number in range(1, PAGES + 1):
        text = (folder / f"data/corrections/scan/p{number:04d}.md").read_text(encoding="utf-8")
        first, _, label = text.partition("\n")
        assert first == f"<!-- teacher: {REPOSITORY / 'models/tiny'} -->"
        truth = (tmp_path / "truth" / name / f"p{number:04d}.md").read_text(encoding="utf-8")
        assert jiwer.cer(markdown.plain_text(truth), markdown.plain_text(label)) < 0.35

    snakemake(folder, "labels")
    accepted = rows(folder, "selection/all.csv")
    assert [(row["reason"], row["label_source"]) for row in accepted] == [("", "teacher")] * PAGES
