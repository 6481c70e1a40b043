"""Cores of a job for one shard: all of the machine's, or one where there are many shards."""

from typing import Any, cast

import pytest

from scribetune.build.plan import Plan
from scribetune.build.plan_documents import InputDocuments
from scribetune.core import config


@pytest.mark.parametrize(
    ("shards", "cores", "threads"),
    [(1, 1, 64), (15, 2, 64), (16, 2, 1), (256, 2, 1), (64, 16, 64), (256, 16, 1), (256, None, 64)],
)
def test_jobs_of_many_shards_run_beside_each_other_and_those_of_few_take_all_cores(
    shards: int, cores: int | None, threads: int
) -> None:
    settings = config.load({})
    documents = InputDocuments(settings, (), {f"{number:03}": () for number in range(shards)}, {}, ())
    nothing = cast("Any", None)
    assert Plan(settings, documents, nothing, nothing, nothing).threads_of_shard(cores) == threads
