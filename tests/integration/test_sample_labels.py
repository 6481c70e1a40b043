"""Promise: the labels of the sample corpus are the Markdown it was made from."""

from pathlib import Path

import jiwer
import pytest

from scribetune.labels import reader as label_reader
from scribetune.samples import corpus

SETTINGS = label_reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_labels_of_the_samples_are_what_the_samples_were_made_from(language: str, tmp_path: Path) -> None:
    specs = corpus.plan(16, 5, [language])
    corpus.build(specs, tmp_path / "pdfs", tmp_path / "truth")
    rates, tables, same_tables = [], 0, 0
    for spec in specs:
        reader = label_reader.PageReader(str(tmp_path / "pdfs" / f"{spec.name}.pdf"), "", SETTINGS)
        for number, path in enumerate(sorted((tmp_path / "truth" / spec.name).glob("*.md"))):
            read = reader.read(number)
            assert not read.findings, "witnesses have nothing against a right label"
            truth, found = path.read_text(encoding="utf-8"), read.text
            rates.append(jiwer.cer(truth.strip(), found.strip()))
            wanted = [line for line in truth.split("\n") if line.startswith("|")]
            tables += bool(wanted)
            same_tables += bool(wanted) and wanted == [line for line in found.split("\n") if line.startswith("|")]
    assert sum(rates) / len(rates) <= 0.001
    assert tables > 4
    assert same_tables == tables
