"""Promises about verifying a real build."""

import shutil
from pathlib import Path

import pytest

from scribetune.audit import verify
from scribetune.audit.expected_hashes import Kind

pytestmark = pytest.mark.slow


def test_a_fresh_build_holds_and_a_tampered_copy_of_it_does_not(small_build: Path, tmp_path: Path) -> None:
    result = verify.verify(small_build)
    assert result.findings == ()
    # Nothing is signed, recorded by DVC, compared with a public benchmark, or replayed here.
    absent = {Kind.SIGNATURE, Kind.DVC_OUTPUT, Kind.CACHE_OBJECT, Kind.BENCHMARK, Kind.REPLAY}
    assert set(result.checked) >= set(Kind) - absent
    copy = tmp_path / "copy"
    shutil.copytree(small_build, copy, ignore=shutil.ignore_patterns(".snakemake", "logs", "work"))
    tampered = copy / "reports/predictions/tuned_retention.jsonl"
    tampered.write_text(tampered.read_text(encoding="utf-8").replace('"text": "', '"text": "I'), encoding="utf-8")
    (copy / "models/merged/tokenizer.json").unlink()
    found = [(str(finding.state), finding.path) for finding in verify.verify(copy).findings]
    assert found == [
        ("missing", "models/merged/tokenizer.json"),
        ("altered", "reports/predictions/tuned_retention.jsonl"),
    ]
