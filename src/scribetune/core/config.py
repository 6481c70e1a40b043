"""The configuration: one model with types, defaults and descriptions; everything else is generated from it.

`config/config.yaml` (the preset for the embedded model), `config/deepseek-ocr-2.yaml` (a full-size model on a GPU),
`config/schema.json` and the table in `config/README.md` come from `scribetune config --write`; a test compares them.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from scribetune.core import layout, old_names
from scribetune.core.config_documents import Documents
from scribetune.core.config_messages import findings
from scribetune.core.config_section import FREE, Fraction, Place, Section, Seed, Tokens, decides
from scribetune.core.config_studies import LearningCurve, Retention
from scribetune.core.config_task import Task
from scribetune.core.errors import UserError

ONLY_DECLARES = True

logger = logging.getLogger(__name__)

_S = TypeVar("_S", bound=Section)


class Samples(Section):
    """The sample corpus that stands in while data/raw is empty."""

    count: int = Field(default=104, ge=3, le=100_000)
    """Number of documents."""
    seed: Seed = 20
    """Seed of the templates' content."""
    languages: tuple[Literal["en", "zh"], ...] = Field(default=("en", "zh"), min_length=1)
    """Languages of the templates, in turn."""
    designs: int = Field(default=1, ge=0, le=10_000)
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
    """alt: LaTeX of what the PDF's tags carry (/Alt, MathML, …), or else of what is drawn; text: Unicode fragments."""
    tags: Literal["use", "ignore"] = "use"
    """use: headings, lists and tables as a tagged (accessible) PDF says them, where its tags cover the page."""
    table_agreement: Literal["use", "ignore"] = "use"
    """use: read each table a second time, by another method, and say how far it is to be trusted; ignore: do not."""
    agreement: Literal["auto", "rapidocr", "tesseract", "none"] = "auto"
    """rapidocr: read words of each font off a sample of page images, and lines without words; auto: where installed;
    tesseract: read each page by OCR and compare words (about a second per page); none: do not."""
    agreement_languages: str = Field(default="eng", pattern=r"^\w+(\+\w+)*$", examples=["eng+chi_sim"])
    """Languages that Tesseract is to read, joined by +."""
    witnesses: Literal["ask", "none"] = "ask"
    """ask: put each word of a label where the page has it, and count what cannot be read so there; none: do not."""
    corrections: Place = "data/corrections"
    """Folder of labels by people or a teacher model (<document>/p0001.md), which override machine labels."""


class Selection(Section):
    """Quality gates: which pages are good enough to learn from and to be measured on."""

    min_characters: int = Field(default=20, ge=1, le=1_000_000)
    """Pages whose label has fewer characters are refused."""
    max_characters: int = Field(default=12000, ge=1, le=1_000_000)
    """Pages whose label has more characters are refused, or cut (long_pages)."""
    long_pages: Literal["refuse", "split"] = "refuse"
    """split: a page with more characters is cut between blocks, where its image is white; refuse: it is left out."""
    min_word_recall: Fraction = 0.95
    """Least share of the text layer's words that must be in the label (human labels are exempt)."""
    min_word_precision: Fraction = 0.95
    """Least share of a label's words that the text layer must have in their place (human labels are exempt)."""
    min_agreement: Fraction = 0.8
    """Least agreement of a label with the OCR of its page, where labels.agreement measured it (people are exempt)."""
    min_table_trust: Fraction = 0.8
    """Least trust of each of a page's tables, where labels.table_agreement measured it (human labels are exempt)."""
    min_trust: Fraction = 0.85
    """Least trust in a label: the probability that it is right, from all that was checked (people are exempt)."""
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

    @model_validator(mode="after")
    def leave_some_lengths(self) -> "Selection":
        """Refuse limits that refuse every page."""
        if self.min_characters > self.max_characters:
            raise ValueError(
                f"selection.min_characters = {self.min_characters} is above selection.max_characters = "
                f"{self.max_characters}, so that every page would be refused (accepted: at most {self.max_characters})"
            )
        return self


class Splits(Section):
    """Train, validation and test, by document and duplicate cluster."""

    validation: float = Field(default=0.1, gt=0.0, lt=1.0)
    """Share of documents for validation."""
    test: float = Field(default=0.15, gt=0.0, lt=1.0)
    """Share of documents for the test."""
    seed: Seed = 0
    """Another seed gives another partition."""

    @model_validator(mode="after")
    def leave_some_for_training(self) -> "Splits":
        """Refuse shares that leave nothing to train on."""
        if self.validation + self.test >= 1.0:
            raise ValueError(
                f"splits.validation + splits.test = {self.validation:g} + {self.test:g} leave nothing to train on "
                "(accepted: less than 1 together)"
            )
        return self


class BaseModelChoice(Section):
    """The model that is fine-tuned. Python code in its folder is never run."""

    name: str = "deepseek-community/DeepSeek-OCR-2"
    """A folder (looked up in the working directory, then in the repository) or a hub id such as owner/name."""
    revision: str | None = None
    """Commit of the hub repository (40 hex digits). Required for a hub id, so that a rebuild gets the same model."""
    family: Literal[
        "auto",
        "deepseek_ocr2",
        "deepseek_ocr",
        "deepseek_vl2",
        "qwen2_5_vl",
        "qwen3_vl",
        "qwen3_vl_moe",
        "paddleocr_vl",
        "glm_ocr",
        "lighton_ocr",
    ] = "auto"
    """Which module of families/ handles it; auto reads it off the model's config.json."""
    mode: Literal["auto", "tiny", "small", "base", "large", "gundam"] = "auto"
    """How it sees a page, where it has modes (docs/models.md): one view, or with tiles; auto: as its folder says."""


class Lora(Section):
    """The adapter."""

    scope: Literal["attention", "language", "experts", "vision"] = "language"
    """Which weights get LoRA: language-model attention; + dense and shared-expert MLPs; + routed experts; + encoder."""
    rank: int = Field(default=16, ge=1, le=1024)
    """LoRA rank r."""
    alpha: int = Field(default=32, ge=1, le=16_384)
    """LoRA alpha; the update is scaled by alpha / rank."""
    dropout: float = Field(default=0.05, ge=0.0, lt=1.0)
    """LoRA dropout."""


class Optimization(Section):
    """How the adapter follows its gradients."""

    optimizer: Literal["adamw", "adamw_8bit"] = "adamw"
    """adamw_8bit: the optimiser's state in 8 bits, on a GPU; a quarter of the adapter's memory less."""
    learning_rate: float = Field(default=2e-4, gt=0.0, le=1.0)
    """Peak learning rate."""
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    """Learning-rate schedule after the warm-up."""
    warmup_share: Fraction = 0.1
    """Share of all steps spent warming up."""
    weight_decay: float = Field(default=0.0, ge=0.0, le=10.0)
    """AdamW weight decay."""
    max_gradient_norm: float = Field(default=1.0, gt=0.0, le=1e9)
    """Gradient clipping."""
    max_skipped_steps: int = Field(default=0, ge=0, le=100_000)
    """Steps whose gradient is not finite that may be skipped, and are counted, before training stops with advice."""


class Validation(Section):
    """Pages that are read in the course of a training, and what follows from it."""

    steps: int = Field(default=0, ge=0, le=10_000_000)
    """Optimiser steps between validations (the last is one too); 0: every epoch or 4,000 pages, whichever is less."""
    pages: int = Field(default=32, ge=0, le=100_000)
    """Validation pages that are really read for the CER, a fixed choice; 0: none, and the loss alone decides."""
    tokens: Tokens = 1024
    """Most tokens that are read of a validation page; where its label is longer, as many of it are compared."""
    keep: Literal["best", "last"] = "best"
    """best: the adapter of the validation with the lowest CER (then the lowest loss); last: that of the last step."""
    patience: int = Field(default=10, ge=0, le=100_000)
    """Validations in a row without a better one after which training stops; 0: it never stops early."""


class Checkpoints(Section):
    """What an interrupted training goes on from."""

    steps: int = Field(default=500, ge=1, le=10_000_000, json_schema_extra=FREE)
    """Most optimiser steps between checkpoints."""
    minutes: float = Field(default=10.0, ge=0.0, le=10_080.0, json_schema_extra=FREE)
    """Most minutes between checkpoints; 0: by steps alone."""


class Machine(Section):
    """How a training uses the machine that it runs on."""

    backend: Literal["auto", "peft", "unsloth"] = "auto"
    """auto: peft, the faster one as measured (docs/benchmarks.md); unsloth needs CUDA and its package."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 on a GPU that has it, else float32."""
    micro_batch: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = "auto"
    """Pages per forward pass; must divide effective_batch. Halved, and said aloud, where memory runs out. auto: on a
    GPU as many as fit by forecast, up to 8, with the same effective batch; 1 on a CPU."""
    gradient_checkpointing: bool | Literal["auto"] = "auto"
    """Recompute activations to save memory; auto: where the forecast says that they would not fit."""
    quantization: Literal["none", "4bit"] = "none"
    """4bit: the language model's frozen matrices in NF4 (QLoRA), experts too; merged into the unquantised weights."""
    compile: bool | Literal["auto"] = "auto"
    """Compile layers, which takes about a minute; auto: on a GPU, where the training is long enough."""
    deterministic: bool = True
    """Ask a GPU for kernels that give the same bits in every run; a CPU has no others."""
    cpu_threads: int = Field(default=1, ge=1, le=1024)
    """Threads of a CPU run; part of what makes two runs give the same adapter."""
    gpus: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = Field(default="auto", json_schema_extra=FREE)
    """Most GPUs of one training; auto: as many as `--resources gpu=N` says, one without it."""
    sharding: Literal["auto", "none", "full"] = Field(default="auto", json_schema_extra=FREE)
    """full: several GPUs share the base, each holds a part of every layer; auto: where one cannot hold it whole."""
    cache_vision: bool = True
    """Compute vision features once and reuse them in every epoch (where the scope leaves the encoder frozen)."""
    vision_memory_gb: float = Field(default=16.0, ge=0.0, le=100_000.0, json_schema_extra=FREE)
    """Vision features up to this size are kept in main memory; more are read from work/vision page by page."""
    vision_disk_gb: float = Field(default=100.0, ge=0.0, le=1_000_000.0, json_schema_extra=FREE)
    """Largest size of work/vision, where features wait for the next training; the oldest go first. 0: not kept."""


class Train(Section):
    """LoRA training."""

    epochs: int = Field(default=3, ge=1, le=1000)
    """Passes over the training pages."""
    effective_batch: int = Field(default=8, ge=1, le=4096)
    """Pages per optimiser step."""
    max_tokens: int = Field(default=8192, ge=64, le=1_048_576)
    """Longest sequence (image and text tokens); longer pages are left out, counted and listed, never cut."""
    replay: float = Field(default=0.0, ge=0.0, le=0.5)
    """Share of the pages of a batch that are plain text outside the domain, so that less is forgotten; 0: none."""
    augmentation: Literal["none", "scan"] = "none"
    """scan: pages look printed and scanned, differently in every epoch (vision features are then never kept)."""
    tensorboard: bool = Field(default=True, json_schema_extra=FREE)
    """Write curves for TensorBoard into work/tensorboard."""
    seed: Seed = 3407
    """Seed of initialisation, order and dropout."""
    lora: Lora = Lora()
    optimization: Optimization = Optimization()
    validation: Validation = Validation()
    checkpoints: Checkpoints = Checkpoints()
    machine: Machine = Machine()

    @model_validator(mode="after")
    def micro_batch_divides(self) -> "Train":
        """Refuse a micro batch that the effective batch is not a multiple of."""
        if self.machine.micro_batch != "auto" and self.effective_batch % self.machine.micro_batch:
            divisors = [str(n) for n in range(1, self.effective_batch + 1) if self.effective_batch % n == 0]
            raise ValueError(
                f"train.machine.micro_batch = {self.machine.micro_batch} does not divide train.effective_batch = "
                f"{self.effective_batch} (accepted: {', '.join(divisors)}; or another effective_batch)"
            )
        return self


class Merge(Section):
    """The merged model."""

    layout: Literal["transformers", "original"] = "transformers"
    """Names of the tensors and form of config.json: those of transformers, or the authors', which vLLM reads."""
    precision: Literal["base", "float32", "bfloat16"] = "base"
    """Number format of the merged weights; base: as in the base model."""
    shard_gb: float = Field(default=5.0, gt=0.0, le=50.0)
    """Largest weights file, in gigabytes; a larger model is written in several, with an index."""


class Generate(Section):
    """How pages are read, by the base and the tuned model alike."""

    max_new_tokens: Tokens = 8192
    """Longest answer; a page that reaches it is marked truncated."""
    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    """0: greedy decoding."""
    ngram_guard: int = Field(default=30, ge=0, le=10_000)
    """Length of n-grams that must not repeat; 0 switches the guard off."""
    ngram_window: int = Field(default=90, ge=1, le=1_048_576)
    """How many tokens back the guard looks."""
    batch: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = Field(default="auto", json_schema_extra=FREE)
    """Pages read at once; auto: as many as the memory holds with the longest answers. It changes no text."""
    stop_loops: bool = False
    """End an answer that repeats itself, instead of letting it run to max_new_tokens; the text then ends there."""


class Gate(Section):
    """The verdict: what the tuned model must show to be promoted (`snakemake gate` fails where it does not)."""

    min_cer_gain: float = Field(default=0.0, ge=0.0, le=1.0)
    """The 95 % interval of the mean fall in CER must lie above this: 0 asks that it be clear of 0."""
    min_pages: int = Field(default=6, ge=1, le=1_000_000)
    """With fewer test pages nothing is promoted: below six, no result is significant at the 5 % level."""
    max_table_f1_loss: Fraction = 0.01
    """Most that the mean table F1 may fall."""
    max_loop_rate_rise: Fraction = 0.0
    """Most that the share of pages on which the model repeats itself may rise."""
    max_retention_cer_rise: float = Field(default=0.03, ge=0.0, le=100.0)
    """Most that the mean CER on the retention pages (outside the domain) may rise."""


class Parity(Section):
    """What `snakemake parity` compares: the test pages read by the build and through vLLM (docs/serving.md)."""

    max_difference: Fraction = 0.0
    """Most that the texts may differ: edits per character in the mean over pages. 0 asks for equal texts."""
    at_once: int = Field(default=4, ge=1, le=1024)
    """Pages that are asked for at a time."""


class Benchmark(Section):
    """A public benchmark on disk, as an evaluation set (docs/evaluation-sets.md)."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["omnidocbench-v1.6"])
    """Names its results: reports/benchmarks/<name>."""
    truth: Place = Field(min_length=1)
    """OmniDocBench's JSON, olmOCR-bench's JSONL or the folder of them, or JSONL with {"id", "text"} per page."""
    images: Place = ""
    """Folder of the page images or PDFs; without it, the folder that truth is in."""
    kind: Literal["auto", "omnidocbench", "olmocr", "pages"] = "auto"
    """The form of truth; auto reads it off the first records."""
    max_pages: int = Field(default=0, ge=0, le=10_000_000)
    """Read so many pages at most, a choice that stays the same as pages come and go; 0: all."""


class Evaluation(Section):
    """Public benchmarks that base and tuned model read too (docs/evaluation-sets.md); the verdict leaves them out."""

    benchmarks: tuple[Benchmark, ...] = ()
    """OmniDocBench, olmOCR-bench or pages of text, on disk; docs/evaluation-sets.md says what each key is."""

    @field_validator("benchmarks")
    @classmethod
    def names_differ(cls, benchmarks: tuple[Benchmark, ...]) -> tuple[Benchmark, ...]:
        """Refuse two benchmarks of one name; upper and lower case are one, as on some disks."""
        names = [benchmark.name.lower() for benchmark in benchmarks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"evaluation.benchmarks: two of one name, {', '.join(twice)} (accepted: names that differ)"
            )
        return benchmarks


class Report(Section):
    """The HTML report."""

    title: str = ""
    """Heading of the report; empty: the folder of PDFs and the adapter."""
    language: Literal["auto", "en", "zh"] = "auto"
    """Language of report and review page; auto: Chinese where most letters of the labels are Chinese characters."""
    embed_pages: int = Field(default=200, ge=0, le=100_000)
    """Up to this many page images are embedded in the file; the rest are links to data/pages."""
    max_text_similarity: float = Field(default=0.9, gt=0.0, le=1.01)
    """The build fails where a test page's text is so similar to a training page's (Jaccard of three words in a row)."""
    max_image_similarity: float = Field(default=0.995, gt=0.0, le=1.01)
    """The same of their images (correlation at 64 by 64 pixels); 1.01 switches either off."""
    trackers: tuple[Literal["mlflow", "wandb", "tensorboard"], ...] = Field(default=(), json_schema_extra=FREE)
    """Experiment trackers that are told of trainings, scores and adapters (docs/trackers.md)."""


class Dataset(Section):
    """Labels and images as a dataset for others: the target `dataset` (docs/dataset.md)."""

    name: str = Field(default="pages", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """What it is called: on its card, and in LLaMA-Factory as NAME_train."""
    folder: str = layout.DATASET
    """Where it is written, below the folder of the build; what is there is replaced as a whole."""
    formats: tuple[Literal["parquet", "sharegpt", "trl", "swift", "llamafactory"], ...] = Field(
        default=("parquet", "sharegpt", "trl", "swift", "llamafactory"), min_length=1
    )
    """The forms it is written in. All but parquet share a copy of the page images; llamafactory reads sharegpt's."""
    shard_mb: int = Field(default=500, ge=1, le=100_000)
    """About how many megabytes of images one Parquet file holds."""

    @field_validator("folder")
    @classmethod
    def is_its_own(cls, folder: str) -> str:
        """Refuse a folder that is not below the build's, or that holds other results."""
        path = PurePosixPath(folder)
        if path.is_absolute() or ".." in path.parts or path.parts[:1] != ("reports",) or len(path.parts) < 2:
            raise ValueError(f"dataset.folder = {folder} is not below reports/ (accepted: such as reports/dataset)")
        return path.as_posix()


class Results(Section):
    """What becomes of the results of earlier builds in the same folder."""

    replace: tuple[str, ...] = Field(default=(), json_schema_extra=FREE)
    """Consent, for one call: names of the corpus (its folder) or base model whose results may be replaced."""
    keep_gb: float = Field(default=20.0, ge=0.0, le=1_000_000.0, json_schema_extra=FREE)
    """Most that replaced adapters, merged models and reports may take in work/replaced, in GB (10^9 bytes)."""


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
    parity: Parity = Parity()
    evaluation: Evaluation = Evaluation()
    learning_curve: LearningCurve = LearningCurve()
    report: Report = Report()
    dataset: Dataset = Dataset()
    results: Results = Results()


TINY_PRESET: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "pages": {"long_side_px": 768},
        "splits": {"validation": 0.06, "test": 0.12},
        "base_model": {"name": "models/tiny"},
        "train": {
            "effective_batch": 1,
            "max_tokens": 4096,
            "lora": {"rank": 32, "alpha": 64, "dropout": 0.0},
            "optimization": {"learning_rate": 1.5e-3},
            "validation": {"pages": 8, "tokens": 512},
            "checkpoints": {"steps": 100},
            "machine": {"gradient_checkpointing": False},
        },
        "merge": {"precision": "float32"},
        "generate": {"max_new_tokens": 512},
    }
)
"""What config/config.yaml says differently from the defaults, to suit the embedded model on one CPU core."""


def load(values: Mapping[str, Any], *, say: Callable[[str], None] = logger.warning) -> Config:
    """Check a mapping (parsed YAML with command-line overrides) and return the configuration.

    Args:
        values: {section: {key: value}}; old names of keys are accepted.
        say: Gets a message where there are old names.

    Raises:
        UserError: An unknown key, a wrong type or a value out of range; all findings in one message.
    """
    old_names.refuse_consent_to_any_code(values)
    values, notes = old_names.with_new_names(values)
    if notes:
        say("\n    ".join(("Old names of configuration keys, which the next release will refuse:", *notes)))
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise UserError(
            "The configuration is not valid:\n    " + "\n    ".join(findings(error, Config, keys)),
            todo="correct config/config.yaml, or your --configfile or --config; config/README.md lists all keys",
        ) from error


def keys(model: type[Section] = Config, prefix: str = "") -> Iterator[tuple[str, str, FieldInfo]]:
    """Yield (section, key, field) for every key, in order; the section of a group in another is "train.lora"."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from keys(field.annotation, f"{prefix}.{name}".removeprefix("."))
        else:
            yield prefix, name, field


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn nested objects into one level of dotted keys; lists stay values."""
    flat: dict[str, Any] = {}
    for key, item in values.items():
        name = f"{prefix}{key}"
        flat |= flatten(item, f"{name}.") if isinstance(item, Mapping) and item else {name: item}
    return flat


def chosen(config: Config, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the keys of a configuration that a rule reads, for its `params`: those of them that decide.

    Args:
        config: The configuration.
        names: "pages", "pages.color" or "train.machine.precision" each: a section, or one key of it.
    """
    values, found = config.decisive(), dict[str, Any]()
    for name in names:
        *sections, last = name.split(".")
        there, place = values, found
        for section in sections:
            there, place = there[section], place.setdefault(section, {})
        place[last] = there[last]
    return found


def restrict(settings: Mapping[str, Any], whole: Mapping[str, Any] | None = None) -> Config:
    """Return a configuration that holds the given keys alone.

    A rule's script gets this, so that it cannot read a key that its rule does not declare: that would be a change
    which re-runs nothing.

    Args:
        settings: {section: {key: value}} as in the rule's `params`.
        whole: The build's whole configuration, of a script that reads keys which decide about no result as well:
            these are in no rule's `params`.

    Returns:
        A `Config` on which every other key raises AttributeError.
    """
    free = None if whole is None else load(whole, say=lambda _: None)
    return _narrow(Config.model_validate(dict(settings)), settings, free)


def _narrow(section: _S, given: Mapping[str, Any], free: Section | None) -> _S:
    narrowed = section.model_copy()
    for key, field in type(section).model_fields.items():
        held = getattr(section, key)
        its_free = None if free is None else getattr(free, key)
        if not decides(field) and free is not None:
            narrowed.__dict__[key] = its_free
        elif isinstance(held, Section) and (key in given or free is not None):
            narrowed.__dict__[key] = _narrow(held, given.get(key, {}), its_free)
        elif key not in given:
            narrowed.__dict__.pop(key)
    return narrowed
