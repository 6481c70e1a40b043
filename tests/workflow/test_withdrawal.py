"""Promises about what a withdrawal re-runs in a real build."""

import shutil
from pathlib import Path

import pytest

from scribetune.audit import withdraw
from scribetune.core import layout
from scribetune.documents import withdrawals
from support.build import planned_jobs, snakemake

pytestmark = pytest.mark.slow


def test_a_withdrawal_re_runs_what_read_the_document_and_an_empty_list_nothing(
    small_build: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(small_build, copy, symlinks=True)
    withdrawals.write(copy / layout.WITHDRAWN, [])
    assert "Nothing to be done" in snakemake(copy, "--dry-run")
    (named,) = withdraw.find(copy, "sample-en-memo-007")
    withdrawals.write(copy / layout.WITHDRAWN, [withdrawals.Withdrawal(named.sha256, document="another-name")])
    # A line without a size is known by its name alone until the selection: no page is rendered again for it.
    assert "render_pages" not in planned_jobs(snakemake(copy, "--dry-run"))
    line = withdrawals.Withdrawal(named.sha256, document="another-name", bytes=named.bytes)
    withdrawals.write(copy / layout.WITHDRAWN, [line])
    assert planned_jobs(snakemake(copy, "--dry-run")) == {
        "render_pages", "label_pages", "select_pages", "split_documents", "measure_leakage", "train_adapter",
        "merge_adapter", "predict_base", "predict_tuned", "score_predictions", "write_lineage", "write_report",
        "write_adapter_card", "write_merged_card", "write_model_card", "write_crate",
    }  # fmt: skip
