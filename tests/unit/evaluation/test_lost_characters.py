"""Promises about lost characters: those that the base reads and the tuned model does not, and no others."""

from scribetune.evaluation import lost_characters
from scribetune.evaluation.lost_characters import LostCharacter
from scribetune.evaluation.scoring import PredictedSet
from scribetune.text import sharegpt


def lost(reference: str, base: str, tuned: str) -> list[LostCharacter]:
    record = {"id": "p1", **sharegpt.answered("<image>\n", reference)}
    return lost_characters.find(PredictedSet([record], [{"id": "p1", "text": base}], [{"id": "p1", "text": tuned}]))


def test_a_character_that_only_the_base_reads_is_lost() -> None:
    assert lost("größe 龘 7", "größe 龘 7", "grosse 龙 7") == [
        LostCharacter("ß", 1, 1, 0), LostCharacter("ö", 1, 1, 0), LostCharacter("龘", 1, 1, 0),
    ]  # fmt: skip


def test_what_the_base_never_read_or_the_tuned_model_mostly_reads_is_not() -> None:
    assert lost("größe", "grose", "grose") == []
    assert lost("abc abc abc", "abc abc abc", "abc abc ab") == []
    assert lost("abc", "abc", "# abc") == [], "Markdown is no reading"
    assert lost("aaaa b", "aaaa b", "b") == [LostCharacter("a", 4, 4, 0)]
