"""Text metrics: CER, WER, NED, BLEU and ROUGE, equal to jiwer, sacrebleu and rouge_score to the last digit.

jiwer 4 with its default transforms defines CER and WER. Its distances come from rapidfuzz, which is called here
directly (no alignment is built, so it is several times faster); tests compare both on every golden case and on random
texts. All functions take whole pages as `str` and compare code points; none normalises unless its name says so.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol

from rapidfuzz.distance import LCSseq, Levenshtein

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics.bleu import BLEU

BleuTokenizer = Literal["13a", "zh", "intl", "char"]
"""Tokenisers of sacrebleu that need no further package."""

_SPACES = re.compile(r"\s\s+")
_HAN = re.compile(r"[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LINE_END = re.compile(r"\r\n?")


@dataclass(frozen=True)
class EditCount:
    """Edits (substitutions, deletions, insertions) and lengths, in characters or in words."""

    edits: int
    reference_length: int
    hypothesis_length: int

    @property
    def rate(self) -> float:
        """Edits / reference length; for an empty reference the number of insertions (0 where both are empty)."""
        return self.edits / self.reference_length if self.reference_length else float(self.edits)


def pooled_rate(counts: Iterable[EditCount]) -> float:
    """Return the corpus rate: all edits / all reference units, as jiwer's list call; long pages weigh more."""
    edits = units = 0
    for count in counts:
        edits += count.edits
        units += count.reference_length
    return edits / units if units else float(edits)


def character_edits(reference: str, hypothesis: str) -> EditCount:
    """Count character edits after jiwer's default transform for CER (white space at both ends stripped)."""
    reference, hypothesis = reference.strip(), hypothesis.strip()
    return EditCount(Levenshtein.distance(reference, hypothesis), len(reference), len(hypothesis))


def word_edits(reference: str, hypothesis: str) -> EditCount:
    r"""Count word edits after jiwer's default transform for WER.

    Runs of two or more white-space characters become one space, ends are stripped, words are split at spaces *only*: a
    single line end or tab does not separate words ("b\nc" is one word), as in jiwer.
    """
    first, second = _numbered(_words(reference), _words(hypothesis))
    return EditCount(Levenshtein.distance(first, second), len(first), len(second))


def _numbered(*sequences: Sequence[str]) -> list[list[int]]:
    """Replace equal words by equal numbers, as jiwer does: rapidfuzz would compare the words of a list by hash."""
    numbers: dict[str, int] = {}
    return [[numbers.setdefault(word, len(numbers)) for word in words] for words in sequences]


def _words(text: str) -> list[str]:
    return [word for word in _SPACES.sub(" ", text).strip().split(" ") if word]


def cer(reference: str, hypothesis: str) -> float:
    """Return the character error rate: Levenshtein(strip(ref), strip(hyp)) / len(strip(ref)); can exceed 1.

    Empty reference: the number of inserted characters; both empty: 0; empty hypothesis: 1.
    """
    return character_edits(reference, hypothesis).rate


def wer(reference: str, hypothesis: str) -> float:
    """Return the word error rate with jiwer's default words; empty cases as for `cer`, in words."""
    return word_edits(reference, hypothesis).rate


def normalised(text: str) -> str:
    r"""Return the text for the normalised CER: NFC, `\n` line ends, decimal digits as 0-9, ZWNJ (U+200C) removed."""
    text = _LINE_END.sub("\n", unicodedata.normalize("NFC", text)).replace("\u200c", "")
    return "".join(
        character if character.isascii() or (digit := unicodedata.decimal(character, None)) is None else str(digit)
        for character in text
    )


def cer_normalised(reference: str, hypothesis: str) -> float:
    """Return the CER of the normalised texts (see `normalised`); reported beside the raw CER, never instead of it."""
    return cer(normalised(reference), normalised(hypothesis))


def ned(reference: str, hypothesis: str) -> float:
    """Return the normalised edit distance: Levenshtein / max(len), within 0 and 1, on the raw texts.

    Both empty: 0 (a page scored so is left out of sums).
    """
    return Levenshtein.distance(reference, hypothesis) / max(len(reference), len(hypothesis), 1)


def is_mostly_han(text: str) -> bool:
    """Tell whether more than half of the letters are Han characters."""
    han = len(_HAN.findall(text))
    return han > 0 and 2 * han > sum(character.isalpha() for character in text)


def bleu_tokenizer(reference: str) -> BleuTokenizer:
    """Choose sacrebleu's tokeniser by the script of the reference: "zh" where it is mostly Han, else "13a"."""
    return "zh" if is_mostly_han(reference) else "13a"


@cache
def _bleu(tokenizer: str, *, effective_order: bool) -> "BLEU":
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=tokenizer, effective_order=effective_order)


def sentence_bleu(reference: str, hypothesis: str, tokenizer: BleuTokenizer | None = None) -> float:
    """Return the BLEU of one page, 0 to 100: sacrebleu's `sentence_bleu` (exp smoothing, effective order)."""
    metric = _bleu(tokenizer or bleu_tokenizer(reference), effective_order=True)
    return float(metric.sentence_score(hypothesis, [reference]).score)


@dataclass(frozen=True)
class CorpusBleu:
    """Corpus BLEU, 0 to 100, and sacrebleu's signature of each tokeniser that was used, sorted."""

    score: float
    signatures: tuple[str, ...]


def corpus_bleu(
    references: Sequence[str], hypotheses: Sequence[str], tokenizer: BleuTokenizer | None = None
) -> CorpusBleu:
    """Return the corpus BLEU.

    BLEU needs one tokenisation per page, and no tokeniser suits every script. So pages are grouped by the tokeniser
    that their reference asks for, sacrebleu counts n-gram matches per group, the counts are added, and sacrebleu's
    formula is applied to the sums. Where all pages are of one script this *is* sacrebleu's corpus BLEU, to the last
    digit.

    Raises:
        ValueError: The lists are empty or differ in length.
    """
    if not references or len(references) != len(hypotheses):
        raise ValueError(f"BLEU needs as many hypotheses as references: {len(hypotheses)} for {len(references)}")
    groups: dict[str, tuple[list[str], list[str]]] = {}
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        group = groups.setdefault(tokenizer or bleu_tokenizer(reference), ([], []))
        group[0].append(reference)
        group[1].append(hypothesis)
    results, signatures = [], []
    for name, (group_references, group_hypotheses) in sorted(groups.items()):
        metric = _bleu(name, effective_order=False)
        results.append(metric.corpus_score(group_hypotheses, [group_references]))
        signatures.append(str(metric.get_signature()))
    if len(results) == 1:
        return CorpusBleu(float(results[0].score), tuple(signatures))
    pooled = metric.compute_bleu(
        correct=[sum(counts) for counts in zip(*(result.counts for result in results), strict=True)],
        total=[sum(totals) for totals in zip(*(result.totals for result in results), strict=True)],
        sys_len=sum(result.sys_len for result in results),
        ref_len=sum(result.ref_len for result in results),
        smooth_method=metric.smooth_method,
        smooth_value=metric.smooth_value,
    )
    return CorpusBleu(float(pooled.score), tuple(signatures))


@dataclass(frozen=True)
class Rouge:
    """F-measures of ROUGE-1, ROUGE-2 and ROUGE-L, each within 0 and 1; 0 where either side has no token."""

    rouge1: float
    rouge2: float
    rougeL: float  # noqa: N815 - the metric's own name


class Tokenizer(Protocol):
    """What rouge_score asks of a tokeniser."""

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` in order."""
        ...


class CharacterTokenizer:
    """Tokeniser for rouge_score: every letter, digit and combining mark of any script is a token, in lower case.

    rouge_score's own tokeniser keeps ASCII letters and digits only, so Chinese or Persian pages have no token at all
    and score 0. Like it, this one drops punctuation and white space.
    """

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of `text` in order."""
        return [
            character
            for character in text.lower()
            if character.isalnum() or (not character.isascii() and unicodedata.category(character)[0] == "M")
        ]


@cache
def _rouge_scorer(*, characters: bool) -> "tuple[Tokenizer, RougeScorer]":
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenizers import DefaultTokenizer

    tokenizer: Tokenizer = CharacterTokenizer() if characters else DefaultTokenizer(use_stemmer=False)
    return tokenizer, RougeScorer(["rouge1", "rouge2"], use_stemmer=False, tokenizer=tokenizer)


def rouge(reference: str, hypothesis: str) -> Rouge:
    """Return ROUGE F-measures over words: rouge_score's tokens (ASCII letters and digits, lower case), no stemmer."""
    return _rouge(reference, hypothesis, characters=False)


def rouge_characters(reference: str, hypothesis: str) -> Rouge:
    """Return ROUGE F-measures over characters (`CharacterTokenizer`): usable in any script."""
    return _rouge(reference, hypothesis, characters=True)


def _rouge(reference: str, hypothesis: str, *, characters: bool) -> Rouge:
    from rouge_score.scoring import fmeasure

    tokenizer, scorer = _rouge_scorer(characters=characters)
    ngrams = scorer.score(reference, hypothesis)
    # rouge_score fills a Python table of len(ref) × len(hyp) for the LCS: seconds for two pages of characters.
    reference_tokens, hypothesis_tokens = tokenizer.tokenize(reference), tokenizer.tokenize(hypothesis)
    longest = 0.0
    if reference_tokens and hypothesis_tokens:
        common = LCSseq.similarity(*_numbered(reference_tokens, hypothesis_tokens))
        longest = float(fmeasure(common / len(hypothesis_tokens), common / len(reference_tokens)))
    return Rouge(float(ngrams["rouge1"].fmeasure), float(ngrams["rouge2"].fmeasure), longest)
