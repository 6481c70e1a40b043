"""Promises about parts of the training documents: each holds the smaller ones, and whole documents."""

import itertools

from scribetune.dataset import subsets

RECORDS = [{"id": f"d{number}/p{page:04d}", "document": f"d{number}"} for number in range(40) for page in (1, 2)]


def documents(percent: int, seed: int = 1) -> set[str]:
    return {str(record["document"]) for record in subsets.of_documents(RECORDS, percent, seed)}


def test_a_part_holds_the_smaller_parts_and_all_pages_of_its_documents() -> None:
    parts = [documents(percent) for percent in (10, 20, 40, 70, 100)]
    assert [len(part) for part in parts] == [4, 8, 16, 28, 40]
    assert all(smaller < larger for smaller, larger in itertools.pairwise(parts))
    assert subsets.of_documents(RECORDS, 100, 1) == RECORDS
    ids = [record["id"] for record in subsets.of_documents(RECORDS, 10, 1)]
    assert len(ids) == 8
    assert ids == sorted(ids, key=[record["id"] for record in RECORDS].index)


def test_another_seed_gives_another_part_and_a_small_corpus_one_document() -> None:
    assert documents(20, 1) != documents(20, 2)
    assert len(subsets.of_documents(RECORDS[:4], 1, 1)) == 2


def test_a_document_more_moves_no_other() -> None:
    more = [*RECORDS, {"id": "new/p0001", "document": "new"}]
    kept = {str(record["document"]) for record in subsets.of_documents(more, 40, 1)}
    assert len(documents(40) - kept) <= 1
