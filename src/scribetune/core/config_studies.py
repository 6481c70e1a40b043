"""Sections of the configuration about a model besides its verdict: what it forgot, and what more pages would buy."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from scribetune.core.config_section import Place, Section, Seed

ONLY_DECLARES = True


class Retention(Section):
    """Plain-text pages outside the user's domain, never trained on, scored beside the test pages: forgetting shows."""

    count: int = Field(default=12, ge=1, le=10_000)
    """Number of pages; of a folder, the most that are taken."""
    folder: Place = ""
    """A folder of PDFs of your own that stand in for them: what the model must not forget. None of them is learned
    from. Their text layers are what they are measured by."""
    seed: Seed = 11
    """Seed of their content."""
    languages: tuple[Literal["en", "zh"], ...] = Field(default=("en", "zh"), min_length=1)
    """Languages, in turn."""


class LearningCurve(Section):
    """What more pages would buy: the target `learning_curve` trains on parts of the training documents."""

    percents: tuple[Annotated[int, Field(ge=1, le=100)], ...] = Field(default=(10, 20, 40, 70, 100), min_length=1)
    """Shares of the training documents in percent, at least three; each holds the smaller ones. Only what is missing is
    trained."""
    seeds: tuple[Seed, ...] = Field(default=(1, 2), min_length=1)
    """One training per share and seed: another choice and order of documents, another initialisation."""
    more_pages: int = Field(default=100, ge=1, le=10_000_000)
    """The number of further pages whose worth is told."""

    @field_validator("percents")
    @classmethod
    def shares_differ(cls, percents: tuple[int, ...]) -> tuple[int, ...]:
        """Refuse fewer than three shares: a line goes through any two points."""
        if len(set(percents)) < 3:
            raise ValueError(f"learning_curve.percents = {list(percents)} (accepted: at least three different shares)")
        return tuple(sorted(set(percents)))

    @field_validator("seeds")
    @classmethod
    def seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        """Take each seed once."""
        return tuple(sorted(set(seeds)))
