"""What a model is asked, as the configuration says it: its section `task`."""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from scribetune.core.config_section import Section

ONLY_DECLARES = True

PromptName = Literal[
    "free_ocr", "markdown", "grounding", "ocr", "figure", "describe", "locate", "table", "formula", "chart"
]
"""Names of prompts; a family has some of them."""


_WITH_BOXES = frozenset({"grounding", "ocr", "locate"})
_Weight = Annotated[float, Field(ge=0.0, le=1000.0)]


class Mix(Section):
    """Weights by which training pages draw their prompts; all 0: every page has task.prompt."""

    free_ocr: _Weight = 0.0
    """The page's text: its label."""
    markdown: _Weight = 0.0
    """The whole document: its label. Asked in the same words as grounding: only one of the two."""
    grounding: _Weight = 0.0
    """The label with each block's box."""
    ocr: _Weight = 0.0
    """Texts with their boxes, one after another."""
    locate: _Weight = 0.0
    """Where a short text of the page stands."""
    figure: _Weight = 0.0
    """What a figure shows, as people wrote it: data/corrections/answers/figure/<document>/p0001.md."""
    describe: _Weight = 0.0
    """The page in words, as people wrote it: data/corrections/answers/describe/<document>/p0001.md."""
    table: _Weight = 0.0
    """The page's tables alone, for families that have a prompt for tables."""

    @property
    def weights(self) -> dict[str, float]:
        """Name of a prompt → its weight, of those that are drawn."""
        return {name: weight for name in type(self).model_fields if (weight := float(getattr(self, name))) > 0}


class Task(Section):
    """What the model is asked to do."""

    prompt: PromptName = "free_ocr"
    """The family's prompt for the task (docs/models.md); one string in training, evaluation and serving. No
    family has all of them. grounding: asked as markdown is, answered with each block's box (docs/grounding.md)."""
    term: str = Field(default="", max_length=200)
    """What the prompt `locate` looks for."""
    grounding_cells: bool = False
    """With the prompt grounding: a box for each cell of a table too, behind the table's own."""
    mix: Mix = Mix()
    """Training pages are asked otherwise too; validation and test keep task.prompt."""

    @property
    def prompts(self) -> tuple[PromptName, ...]:
        """Names of all prompts of a build, that of the task first."""
        others = [name for name in get_args(PromptName) if name in self.mix.weights and name != self.prompt]
        return (self.prompt, *others)

    @property
    def needs_boxes(self) -> bool:
        """Whether answers have boxes that are made of the labels'."""
        return self.prompt == "grounding" or bool(_WITH_BOXES & set(self.mix.weights))

    @model_validator(mode="after")
    def one_question_has_one_answer(self) -> "Task":
        """Refuse a mix that leaves the task's own prompt out, or asks the same words for different answers."""
        weights = self.mix.weights
        if weights and self.prompt not in weights:
            raise ValueError(
                f"task.mix has no weight for task.prompt = {self.prompt}, which validation and test ask (accepted: a "
                f"weight above 0; found: {', '.join(sorted(weights))})"
            )
        if {"markdown", "grounding"} <= set(weights):
            raise ValueError(
                "task.mix.markdown and task.mix.grounding are asked in the same words, and answered without and with "
                "boxes (accepted: a weight above 0 for one of them)"
            )
        return self

    @model_validator(mode="after")
    def term_is_for_locate(self) -> "Task":
        """Refuse a term that no prompt has a place for, and one that would be read as a mark."""
        if (self.prompt == "locate") != bool(self.term.strip()):
            raise ValueError(
                f"task.prompt = {self.prompt} and task.term = {self.term!r} do not go together (accepted: a term with "
                "the prompt locate, none with any other)"
            )
        if any(mark in self.term for mark in ("<|", "|>", "<image>", "\n", "{")):
            raise ValueError(f"task.term = {self.term!r} has marks of a prompt in it (accepted: plain words)")
        return self
