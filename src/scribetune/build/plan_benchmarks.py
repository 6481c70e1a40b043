"""The public benchmarks of a build: what their rules read, and what they leave."""

import re
from dataclasses import dataclass
from pathlib import Path

from scribetune.build.refusals import refusals
from scribetune.core import layout
from scribetune.core.config import Benchmark
from scribetune.core.errors import UserError
from scribetune.evaluation.public import listing, sources

_RESULTS = ("base.jsonl", "tuned.jsonl", "samples.csv", "scores.json")


@dataclass(frozen=True)
class Benchmarks:
    """The public benchmarks, as configured (evaluation.benchmarks); none by default."""

    configured: tuple[Benchmark, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(benchmark.name for benchmark in self.configured)

    @property
    def pattern(self) -> str:
        """What a benchmark's name may be, as a regular expression; without any benchmark, nothing."""
        return "|".join(map(re.escape, self.names)) or "(?!)"

    @property
    def scores(self) -> list[str]:
        """The scores of every benchmark."""
        return [f"{layout.BENCHMARK_REPORTS}/{name}/scores.json" for name in self.names]

    def wanted(self, _wildcards: object) -> list[str]:
        """Input function of the target `benchmarks`: the scores, or a refusal where no benchmark is configured."""
        if self.names:
            return self.scores
        with refusals():
            raise UserError(
                "No public benchmark is configured",
                value=[],
                accepted="a list of {name, truth, images} in evaluation.benchmarks",
                todo="name one in config/config.yaml, or with --config; docs/evaluation-sets.md has an example",
            )

    @property
    def results(self) -> list[str]:
        """Everything that the lineage hashes of the benchmarks, scores included."""
        return [
            path
            for name in self.names
            for path in (
                f"{layout.BENCHMARKS}/manifests/{name}.csv",
                f"{layout.BENCHMARKS}/records/{name}.jsonl",
                *(f"{layout.BENCHMARK_REPORTS}/{name}/{file}" for file in _RESULTS),
            )
        ]

    def pages(self, name: str) -> str:
        """Return the listing of a benchmark's pages."""
        return listing.path_of(self._named(name).name)

    def images(self, name: str) -> str:
        """Return the folder of a benchmark's images and PDFs."""
        return listing.images_of(self._named(name)).as_posix()

    def truth(self, name: str) -> list[str]:
        """Return the files that a benchmark's truth is in."""
        return [path.as_posix() for path in sources.truth_files(Path(self._named(name).truth))]

    def truth_settings(self, name: str) -> dict[str, str]:
        """Return how a benchmark's truth is read: its path and its form."""
        benchmark = self._named(name)
        return {"truth": benchmark.truth, "kind": benchmark.kind}

    def _named(self, name: str) -> Benchmark:
        return next(benchmark for benchmark in self.configured if benchmark.name == name)

    def write_listings(self) -> None:
        """Bring the listings of their pages up to date.

        Raises:
            UserError: Truth or images of one are not there.
        """
        listing.write(self.configured)
