"""Properties of splits on random corpora with planted near-duplicates: nothing crosses, and nothing else moves."""

import hashlib
import itertools
import random
from dataclasses import dataclass

import pytest

from scribetune.core.config import Splits
from scribetune.dataset import splits
from scribetune.dataset.near_duplicates import jaccard, near_duplicates, shingles_of

SIMILARITY = 0.85
SETTINGS = Splits(validation=0.2, test=0.25)
SEEDS = range(4)


@dataclass(frozen=True)
class Corpus:
    """Document → its text; texts that were planted as near-duplicates of others."""

    texts: dict[str, str]
    planted: dict[str, str]  # near-duplicate → what it was made of

    def clusters(self) -> dict[str, str]:
        return near_duplicates(self.texts, SIMILARITY)

    def split(self) -> dict[str, str]:
        contents = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in self.texts.items()}
        return {one.document: one.split for one in splits.assign(self.clusters(), contents, {}, SETTINGS)}


def prose(rng: random.Random) -> str:
    return " ".join("".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 9))) for _ in range(rng.randint(40, 120)))


def nearly(text: str, rng: random.Random) -> str:
    """Return a text with a word changed, in other case and with other white space."""
    words = text.split()
    words[rng.randrange(len(words))] = "changed"
    return rng.choice(["  ", "\n", " "]).join(words).upper()


def corpus(seed: int) -> Corpus:
    rng = random.Random(seed)
    texts = {f"doc-{rng.randrange(10**6):06d}-{number}": prose(rng) for number in range(rng.randint(40, 60))}
    planted: dict[str, str] = {}
    for number in range(rng.randint(5, 15)):
        original = rng.choice([name for name in texts if name not in planted])
        name = f"copy-{rng.randrange(10**6):06d}-{number}"
        texts[name], planted[name] = nearly(texts[original], rng), original
    return Corpus(texts, planted)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_near_duplicate_and_no_cluster_crosses_the_split(seed: int) -> None:
    made = corpus(seed)
    where, clusters = made.split(), made.clusters()
    assert {where[copy] == where[original] for copy, original in made.planted.items()} == {True}
    for one, other in itertools.combinations(made.texts, 2):
        if clusters[one] == clusters[other]:
            assert where[one] == where[other]


@pytest.mark.parametrize("seed", SEEDS)
def test_clusters_are_those_of_comparing_every_pair(seed: int) -> None:
    made = corpus(seed)
    shingles = {name: shingles_of(text) for name, text in made.texts.items()}
    clusters = made.clusters()
    for one, other in itertools.combinations(made.texts, 2):
        if jaccard(shingles[one], shingles[other]) >= SIMILARITY:
            assert clusters[one] == clusters[other]
    assert len(set(clusters.values())) == len(made.texts) - len(made.planted), "and nothing else is joined"


@pytest.mark.parametrize("seed", SEEDS)
def test_adding_removing_and_renaming_documents_moves_no_other(seed: int) -> None:
    rng, made = random.Random(1000 + seed), corpus(seed)
    before = made.split()
    added = Corpus(made.texts | {f"new-{number}": prose(rng) for number in range(10)}, made.planted).split()
    assert {name: added[name] for name in before} == before
    clusters = made.clusters()
    gone = set(rng.sample(sorted(set(clusters.values())), 5))  # with its near-duplicates
    removed = Corpus({name: text for name, text in made.texts.items() if clusters[name] not in gone}, {}).split()
    assert removed == {name: split for name, split in before.items() if clusters[name] not in gone}
    names = {name: f"renamed/{rng.random()}" if rng.random() < 0.3 else name for name in made.texts}
    renamed = Corpus({names[name]: text for name, text in made.texts.items()}, {}).split()
    assert {name: renamed[names[name]] for name in before} == before


@pytest.mark.parametrize("similarity", [0.3, 0.5, 0.7, 0.95, 1.0])
def test_pairs_are_found_at_any_similarity_that_is_asked_for(similarity: float) -> None:
    rng = random.Random(7)
    text = [f"w{rng.random():.6f}" for _ in range(400)]
    kept = 400 if similarity == 1.0 else round(400 * (2 * similarity / (1 + similarity))) + 8
    other = text[: min(400, kept)] + [f"x{rng.random():.6f}" for _ in range(max(0, 400 - kept))]
    texts = {"a": " ".join(text), "b": " ".join(other)}
    found = jaccard(*(shingles_of(one) for one in texts.values()))
    assert found >= similarity
    assert near_duplicates(texts, similarity) == {"a": "a", "b": "a"}
    assert near_duplicates(texts, min(1.0, found + 1e-9)) == {"a": "a", "b": "b" if found < 1 else "a"}


def test_texts_without_a_character_are_like_no_other() -> None:
    assert near_duplicates({"a": "", "b": " \n", "c": "x", "d": "X"}, 0.85) == {"a": "a", "b": "b", "c": "c", "d": "c"}
