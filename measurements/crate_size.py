"""Seconds and megabytes of the RO-Crate of a build with many documents: `python measurements/crate_size.py 10000`."""

import gzip
import os
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("src", "scripts", "tests", "tests/unit/audit")]

import test_crate  # noqa: E402  the folders above come first

import write_crate  # noqa: E402
from scribetune.core import manifests  # noqa: E402
from scribetune.dataset import selection  # noqa: E402


def measure(count: int, per_shard: int = 250) -> None:
    """Write a hand-made build with `count` documents of two pages into a temporary folder, and its crate."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        arguments = test_crate.make_build(Path(folder), Path(folder) / test_crate.RAW)
        rows = [
            {"document": f"company-annual-report-{number:05d}-1a2b3c4d", "sha256": f"{number:064x}",
             "path": f"reports/2024/company annual report {number:05d}.pdf", "bytes": 1_000_000, "status": "ok",
             "pages": 2, "licence": "CC-BY-4.0"}
            for number in range(count)
        ]  # fmt: skip
        manifests.write(arguments["documents"], rows, selection.DOCUMENT_REPORT_COLUMNS)
        shards = {
            f"{start // per_shard:03d}-of-{-(-count // per_shard):03d}": rows[start : start + per_shard]
            for start in range(0, count, per_shard)
        }
        arguments["made"] = test_crate.make_jobs(Path(folder), test_crate.RAW, shards)
        started = time.process_time()
        write_crate.main(**arguments)
        seconds = time.process_time() - started
        written = arguments["target"].read_bytes()
        sizes = f"{len(written) / 1e6:.1f} MB, {len(gzip.compress(written)) / 1e6:.1f} MB gzipped"
        print(f"{count} documents: {seconds:.1f} s, {sizes}")
        os.chdir(REPOSITORY)


if __name__ == "__main__":
    measure(int(sys.argv[1]))
