"""The configuration: one model with types, defaults and descriptions; everything else is generated from it.

`config/config.yaml` (the preset for the embedded model), `config/deepseek-ocr-2.yaml` (a full-size model on a GPU),
`config/schema.json` and the table in `config/README.md` come from `scribetune config --write`; a test compares them.
"""

import difflib
import logging
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from scribetune.errors import UserError

logger = logging.getLogger(__name__)

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """A group of keys: immutable, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class Documents(Section):
    """Which PDFs are read, and how they are grouped into jobs."""

    raw: str = "data/raw"
    """Folder of PDFs, at any depth. While data/raw holds none, a sample corpus is built and used instead."""
    sheet: str = "config/documents.csv"
    """Optional CSV: path (relative to raw), category, language, licence, split, password_variable."""
    per_shard: int = Field(default=250, ge=1)
    """About how many documents one job works on."""
    timeout_s_per_page: float = Field(default=30.0, gt=0)
    """A page that takes longer is given up, with a row that says so; after three such pages its document is."""
    memory_mb: int = Field(default=1536, ge=256)
    """Most memory, in MiB, that a document may take (Linux); with libraries a worker process stays below 2 GiB."""
    max_megapixels: float = Field(default=250.0, gt=0)
    """A page with an image of more million pixels on it is not rendered, and has a row that says so."""
    max_pages: int = Field(default=10_000, ge=1, le=1_000_000)
    """A document with more pages is not read, and has a row that says so."""


class Samples(Section):
    """The sample corpus that stands in while data/raw is empty."""

    count: int = Field(default=104, ge=3)
    """Number of documents."""
    seed: int = 20
    """Seed of the templates' content."""
    languages: tuple[Literal["en", "zh"], ...] = Field(default=("en", "zh"), min_length=1)
    """Languages of the templates, in turn."""
    designs: int = Field(default=1, ge=0)
    """House styles per language, in turn; 0: every document has a look of its own."""


class Pages(Section):
    """Page images."""

    long_side_px: int = Field(default=2304, ge=64, le=8192)
    """Length of the longer side in pixels. DeepSeek-OCR-2 sees at most 2304; the embedded model sees 768."""
    color: Literal["auto", "gray", "rgb"] = "auto"
    """auto: gray where a page has no colour."""


class Labels(Section):
    """Markdown labels."""

    headers_footers: Literal["keep", "drop"] = "keep"
    """Whether running headers, footers and page numbers stay in the label."""
    tables: Literal["markdown", "html"] = "markdown"
    """markdown: tables as Markdown where they fit, as HTML where cells span; html: always HTML."""
    formulas: Literal["alt", "text"] = "alt"
    """alt: LaTeX of what the PDF's tags carry (LaTeX or MathML: /Alt, associated files, …); text: Unicode fragments."""
    tags: Literal["use", "ignore"] = "use"
    """use: headings, lists and tables as a tagged (accessible) PDF says them, where its tags cover the page."""
    agreement: Literal["none", "tesseract"] = "none"
    """tesseract: read each page image by OCR too and compare words (about a second per page); none: do not."""
    agreement_languages: str = Field(default="eng", pattern=r"^\w+(\+\w+)*$")
    """Languages that Tesseract is to read, joined by +: eng+chi_sim."""
    corrections: str = "data/corrections"
    """Folder of labels by people or a teacher model (<document>/p0001.md), which override machine labels."""


class Selection(Section):
    """Quality gates: which pages are good enough to learn from and to be measured on."""

    min_characters: int = Field(default=20, ge=1)
    """Pages whose label has fewer characters are refused."""
    max_characters: int = Field(default=12000, ge=1)
    """Pages whose label has more characters are refused."""
    min_word_recall: Fraction = 0.95
    """Least share of the text layer's words that must be in the label (human labels are exempt)."""
    min_agreement: Fraction = 0.8
    """Least agreement of a label with the OCR of its page, where labels.agreement measured it (people are exempt)."""
    unicode_formulas: Literal["keep", "refuse", "review"] = "keep"
    """Pages with formulas whose LaTeX is not known: kept as characters, refused, or refused with the reason review."""
    max_unmapped_share: Fraction = 0.05
    """Pages with a greater share of glyphs that map to no character are refused (garbage text layer)."""
    max_invisible_share: Fraction = 0.05
    """Pages with a greater share of characters that are not painted at all are refused (an OCR layer over a scan)."""
    max_hidden_share: Fraction = 0.05
    """Pages with a greater share of characters that nobody sees (white, covered, off the page) are refused."""
    duplicate_similarity: float = Field(default=0.85, gt=0.0, le=1.0)
    """Jaccard similarity (MinHash over character 8-grams) from which texts are near-duplicates."""


class Splits(Section):
    """Train, validation and test, by document and duplicate cluster."""

    validation: float = Field(default=0.1, gt=0.0, lt=1.0)
    """Share of documents for validation."""
    test: float = Field(default=0.15, gt=0.0, lt=1.0)
    """Share of documents for the test."""
    seed: int = 0
    """Another seed gives another partition."""

    @model_validator(mode="after")
    def leave_some_for_training(self) -> "Splits":
        """Refuse shares that leave nothing to train on."""
        if self.validation + self.test >= 1.0:
            raise ValueError(f"validation + test must be below 1, found {self.validation + self.test:g}")
        return self


class Retention(Section):
    """Plain-text pages outside the user's domain, never trained on, scored beside the test pages: forgetting shows."""

    count: int = Field(default=12, ge=1)
    """Number of pages."""
    seed: int = 11
    """Seed of their content."""
    languages: tuple[Literal["en", "zh"], ...] = Field(default=("en", "zh"), min_length=1)
    """Languages, in turn."""


class BaseModelChoice(Section):
    """The model that is fine-tuned."""

    name: str = "deepseek-community/DeepSeek-OCR-2"
    """A folder (looked up in the working directory, then in the repository) or a hub id such as owner/name."""
    revision: str | None = None
    """Commit of the hub repository (40 hex digits). Required for a hub id, so that a rebuild gets the same model."""
    family: Literal["auto", "deepseek_ocr2", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe"] = "auto"
    """Which module of families/ handles it; auto reads it off the model's config.json."""
    trust_remote_code: bool = False
    """Consent to run the model repository's own Python code, at one revision. This version runs none and needs none."""


class Task(Section):
    """What the model is asked to do."""

    prompt: Literal["free_ocr", "markdown"] = "free_ocr"
    """The family's prompt for the task; one string in training, evaluation and serving."""


class Train(Section):
    """LoRA training."""

    backend: Literal["auto", "peft", "unsloth"] = "auto"
    """auto: peft, the faster one as measured (docs/benchmarks.md); unsloth needs CUDA and its package."""
    scope: Literal["attention", "language", "experts", "vision"] = "language"
    """Which weights get LoRA: language-model attention; + dense and shared-expert MLPs; + routed experts; + encoder."""
    rank: int = Field(default=16, ge=1, le=1024)
    """LoRA rank r."""
    alpha: int = Field(default=32, ge=1)
    """LoRA alpha; the update is scaled by alpha / rank."""
    dropout: float = Field(default=0.05, ge=0.0, lt=1.0)
    """LoRA dropout."""
    learning_rate: float = Field(default=2e-4, gt=0.0)
    """Peak learning rate."""
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    """Learning-rate schedule after the warm-up."""
    warmup_share: Fraction = 0.1
    """Share of all steps spent warming up."""
    weight_decay: float = Field(default=0.0, ge=0.0)
    """AdamW weight decay."""
    max_gradient_norm: float = Field(default=1.0, gt=0.0)
    """Gradient clipping."""
    epochs: int = Field(default=3, ge=1)
    """Passes over the training pages."""
    effective_batch: int = Field(default=8, ge=1)
    """Pages per optimiser step."""
    micro_batch: int = Field(default=1, ge=1)
    """Pages per forward pass; must divide effective_batch. Halved, and said aloud, where memory runs out."""
    max_tokens: int = Field(default=8192, ge=64)
    """Longest sequence (image and text tokens); longer pages are left out, counted and listed, never cut."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 on a GPU that has it, else float32."""
    augmentation: Literal["none", "scan"] = "none"
    """scan: pages look printed and scanned, differently in every epoch (vision features are then never kept)."""
    gradient_checkpointing: bool | Literal["auto"] = "auto"
    """Recompute activations to save memory; auto: where the forecast says that they would not fit."""
    quantization: Literal["none", "4bit"] = "none"
    """4bit: the language model's frozen matrices in NF4 (QLoRA), experts too; merged into the unquantised weights."""
    optimizer: Literal["adamw", "adamw_8bit"] = "adamw"
    """adamw_8bit: the optimiser's state in 8 bits, on a GPU; a quarter of the adapter's memory less."""
    compile: bool | Literal["auto"] = "auto"
    """Compile layers, which takes about a minute; auto: on a GPU, where the training is long enough."""
    deterministic: bool = True
    """Ask a GPU for kernels that give the same bits in every run; a CPU has no others."""
    cache_vision: bool = True
    """Compute vision features once and reuse them in every epoch (where the scope leaves the encoder frozen)."""
    vision_memory_gb: float = Field(default=16.0, ge=0.0)
    """Vision features up to this size are kept in main memory; more are read from work/vision page by page."""
    vision_disk_gb: float = Field(default=100.0, ge=0.0)
    """Largest size of work/vision, where features wait for the next training; the oldest go first. 0: not kept."""
    cpu_threads: int = Field(default=1, ge=1)
    """Threads of a CPU run; part of what makes two runs give the same adapter."""
    gpus: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Most GPUs of one training; auto: as many as `--resources gpu=N` says, one without it. It re-runs nothing."""
    sharding: Literal["auto", "none", "full"] = "auto"
    """full: several GPUs share the base, each holds a part of every layer; auto: where one cannot hold it whole."""
    checkpoint_steps: int = Field(default=500, ge=1)
    """Most optimiser steps between checkpoints; an interrupted training goes on from the last."""
    checkpoint_minutes: float = Field(default=10.0, ge=0.0)
    """Most minutes between checkpoints; 0: by steps alone."""
    validate_steps: int = Field(default=0, ge=0)
    """Optimiser steps between validations (the last is one too); 0: every epoch or 4,000 pages, whichever is less."""
    validation_pages: int = Field(default=32, ge=0)
    """Validation pages that are really read for the CER, a fixed choice; 0: none, and the loss alone decides."""
    validation_tokens: int = Field(default=1024, ge=1)
    """Most tokens that are read of a validation page; where its label is longer, as many of it are compared."""
    keep: Literal["best", "last"] = "best"
    """best: the adapter of the validation with the lowest CER (then the lowest loss); last: that of the last step."""
    patience: int = Field(default=10, ge=0)
    """Validations in a row without a better one after which training stops; 0: it never stops early."""
    max_skipped_steps: int = Field(default=0, ge=0)
    """Steps whose gradient is not finite that may be skipped, and are counted, before training stops with advice."""
    tensorboard: bool = True
    """Write curves for TensorBoard into work/tensorboard."""
    seed: int = 3407
    """Seed of initialisation, order and dropout."""

    @model_validator(mode="after")
    def micro_batch_divides(self) -> "Train":
        """Refuse a micro batch that the effective batch is not a multiple of."""
        if self.effective_batch % self.micro_batch:
            raise ValueError(
                f"micro_batch ({self.micro_batch}) must divide effective_batch ({self.effective_batch})",
            )
        return self


class Merge(Section):
    """The merged model."""

    layout: Literal["transformers", "original"] = "transformers"
    """Names of the tensors on disk: as in the family's models for transformers, or the original ones that vLLM reads;
    in some families they are the same."""
    precision: Literal["base", "float32", "bfloat16"] = "base"
    """Number format of the merged weights; base: as in the base model."""
    shard_gb: float = Field(default=5.0, gt=0.0, le=50.0)
    """Largest weights file, in gigabytes; a larger model is written in several, with an index."""


class Generate(Section):
    """How pages are read, by the base and the tuned model alike."""

    max_new_tokens: int = Field(default=8192, ge=1)
    """Longest answer; a page that reaches it is marked truncated."""
    temperature: float = Field(default=0.0, ge=0.0)
    """0: greedy decoding."""
    ngram_guard: int = Field(default=30, ge=0)
    """Length of n-grams that must not repeat; 0 switches the guard off."""
    ngram_window: int = Field(default=90, ge=1)
    """How many tokens back the guard looks."""
    batch: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Pages read at once; auto: as many as the memory holds with the longest answers. It changes no text."""
    stop_loops: bool = False
    """End an answer that repeats itself, instead of letting it run to max_new_tokens; the text then ends there."""


class Gate(Section):
    """The verdict: what the tuned model must show to be promoted (`snakemake gate` fails where it does not)."""

    min_cer_gain: float = Field(default=0.0, ge=0.0)
    """The 95 % interval of the mean fall in CER must lie above this: 0 asks that it be clear of 0."""
    min_pages: int = Field(default=6, ge=1)
    """With fewer test pages nothing is promoted: below six, no result is significant at the 5 % level."""
    max_table_f1_loss: Fraction = 0.01
    """Most that the mean table F1 may fall."""
    max_loop_rate_rise: Fraction = 0.0
    """Most that the share of pages on which the model repeats itself may rise."""
    max_retention_cer_rise: float = Field(default=0.03, ge=0.0)
    """Most that the mean CER on the retention pages (outside the domain) may rise."""


class Benchmark(Section):
    """A public benchmark on disk, as an evaluation set (docs/evaluation-sets.md)."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """Names its results: reports/benchmarks/<name>."""
    truth: str = Field(min_length=1)
    """OmniDocBench's JSON, olmOCR-bench's JSONL or the folder of them, or JSONL with {"id", "text"} per page."""
    images: str = ""
    """Folder of the page images or PDFs; without it, the folder that truth is in."""
    kind: Literal["auto", "omnidocbench", "olmocr", "pages"] = "auto"
    """The form of truth; auto reads it off the first records."""
    max_pages: int = Field(default=0, ge=0)
    """Read so many pages at most, a choice that stays the same as pages come and go; 0: all."""


class Evaluation(Section):
    """Public benchmarks that base and tuned model read too (docs/evaluation-sets.md); the verdict leaves them out."""

    benchmarks: tuple[Benchmark, ...] = ()
    """List of {name, truth, images, kind, max_pages}: OmniDocBench, olmOCR-bench or pages of text, on disk."""

    @field_validator("benchmarks")
    @classmethod
    def names_differ(cls, benchmarks: tuple[Benchmark, ...]) -> tuple[Benchmark, ...]:
        """Refuse two benchmarks of one name; upper and lower case are one, as on some disks."""
        names = [benchmark.name.lower() for benchmark in benchmarks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"each benchmark needs a name of its own, found twice: {', '.join(twice)}")
        return benchmarks


class Report(Section):
    """The HTML report."""

    title: str = "scribetune report"
    """Heading of the report."""
    embed_pages: int = Field(default=200, ge=0)
    """Up to this many page images are embedded in the file; the rest are links to data/pages."""


class Config(Section):
    """Everything a build can be told."""

    documents: Documents = Documents()
    samples: Samples = Samples()
    pages: Pages = Pages()
    labels: Labels = Labels()
    selection: Selection = Selection()
    splits: Splits = Splits()
    retention: Retention = Retention()
    base_model: BaseModelChoice = BaseModelChoice()
    task: Task = Task()
    train: Train = Train()
    merge: Merge = Merge()
    generate: Generate = Generate()
    gate: Gate = Gate()
    evaluation: Evaluation = Evaluation()
    report: Report = Report()


TINY_PRESET: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "pages": {"long_side_px": 768},
        "splits": {"validation": 0.06, "test": 0.12},
        "base_model": {"name": "models/tiny"},
        "train": {
            "rank": 32,
            "alpha": 64,
            "dropout": 0.0,
            "learning_rate": 1.5e-3,
            "effective_batch": 1,
            "micro_batch": 1,
            "max_tokens": 4096,
            "gradient_checkpointing": False,
            "checkpoint_steps": 100,
            "validation_pages": 8,
            "validation_tokens": 512,
        },
        "merge": {"precision": "float32"},
        "generate": {"max_new_tokens": 512},
    }
)
"""What config/config.yaml says differently from the defaults, to suit the embedded model on one CPU core."""


def load(values: Mapping[str, Any]) -> Config:
    """Check a mapping (parsed YAML with command-line overrides) and return the configuration.

    Raises:
        UserError: An unknown key, a wrong type or a value out of range; all findings in one message.
    """
    given = dict(values)
    if given.pop("pretraining", None) is not None:  # accepted for one release: it stood in every generated config.yaml
        logger.warning("pretraining is no section of the build any more (pretraining/settings.yaml): take it out")
    try:
        return Config.model_validate(given)
    except ValidationError as error:
        findings = [_explain(finding) for finding in error.errors()]
        raise UserError(
            "The configuration is not valid:\n    " + "\n    ".join(findings),
            todo="correct config/config.yaml, or your --configfile or --config; config/README.md lists all keys",
        ) from error


def _explain(finding: Mapping[str, Any]) -> str:
    location = tuple(str(part) for part in finding["loc"])
    where = ".".join(location)
    if finding["type"] == "extra_forbidden":
        allowed = _allowed_keys(location[:-1])
        close = difflib.get_close_matches(location[-1], allowed, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return f"unknown key {where!r}.{hint} Accepted here: {', '.join(allowed)}"
    return f"{where} = {finding['input']!r}: {finding['msg']}"


def _allowed_keys(location: tuple[str, ...]) -> list[str]:
    model: type[BaseModel] = Config
    for part in location:
        if part.isdecimal():  # the place in a list of sections
            continue
        field = model.model_fields.get(part)
        section = None if field is None else next(iter(get_args(field.annotation)), field.annotation)
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            return []
        model = section
    return list(model.model_fields)


def keys() -> Iterator[tuple[str, str, FieldInfo]]:
    """Yield (section, key, field) for every key, in order."""
    for section, holder in Config.model_fields.items():
        annotation = holder.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for key, field in annotation.model_fields.items():
                yield section, key, field


def restrict(settings: Mapping[str, Mapping[str, Any]]) -> Config:
    """Return a configuration that holds the given keys alone.

    A rule's script gets this, so that it cannot read a key that its rule does not declare: that would be a change
    which re-runs nothing.

    Args:
        settings: {section: {key: value}} as in the rule's `params`.

    Returns:
        A `Config` on which every other key raises AttributeError.
    """
    narrowed = Config.model_validate(dict(settings)).model_copy()
    for name in Config.model_fields:
        if name not in settings:
            narrowed.__dict__.pop(name)
            continue
        section = getattr(narrowed, name).model_copy()
        for key in set(type(section).model_fields) - set(settings[name]):
            section.__dict__.pop(key)
        narrowed.__dict__[name] = section
    return narrowed
