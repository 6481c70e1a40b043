"""Model families: the registry, and where a base model lies. Nothing here imports torch or transformers.

A base model is named by a folder or by a hub id. A folder is looked up in the search roots (the working directory,
then the repository); a hub id needs the revision of the repository, so that a rebuild gets the same weights.

interface       what a model family has to say: the one class that a new family fills in
modes           ways of cutting pages into views, by name
native          what families with a native transformers class have in common
deepseek_ocr2   DeepSeek-OCR-2 (model_type `deepseek_ocr2`)
deepseek_ocr    DeepSeek-OCR (model_type `deepseek_ocr`; its authors: `DeepseekOCR`)
deepseek_ocr_model  its class, over parts that transformers has
deepseek_ocr_processor  its tokenizer and views
deepseek_vl2    DeepSeek-VL2, tiny (model_type `deepseek_vl2`; its authors: `deepseek_vl_v2`)
deepseek_vl2_model  its class, over parts that transformers has
deepseek_vl2_config  its config.json in its authors' form, and back
sam_encoder     SAM, the first part of its encoder, without gradients: quicker on a GPU
view_attention  attention of its query encoder, view by view
token_grid      families that see a page as one grid of tokens and are asked through a chat template
page_processor  their image processor, tokenizer and chat template
qwen_vl         Qwen2.5-VL and Qwen3-VL (dense, and mixture of experts)
paddleocr_vl    PaddleOCR-VL
glm_ocr         GLM-OCR
lighton_ocr     LightOnOCR
folders         folders and hub repositories that base models lie in
unfit           what is given as a base model and is none: adapters, quantised models, single files
tensor_names    weights of another model than config.json describes: refused by the names of their tensors
authors_config  config.json of the DeepSeek models in their authors' form, which vLLM and others read
remote_code     models that no family handles, and their Python code: refused in words
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scribetune.core.config import BaseModelChoice
from scribetune.core.config_task import Task
from scribetune.core.errors import UserError
from scribetune.models.families import authors_config, folders, modes, remote_code, unfit
from scribetune.models.families.deepseek_ocr import DeepseekOcr
from scribetune.models.families.deepseek_ocr2 import DeepseekOcr2
from scribetune.models.families.deepseek_vl2 import DeepseekVl2
from scribetune.models.families.glm_ocr import GlmOcr
from scribetune.models.families.interface import (
    PLACEHOLDER,
    TERM,
    Family,
    ImageTokenError,
    PageCost,
    Scope,
    expected_trainable,
)
from scribetune.models.families.lighton_ocr import LightOnOcr
from scribetune.models.families.paddleocr_vl import PaddleOcrVL
from scribetune.models.families.qwen_vl import Qwen3VL, Qwen3VLMoe, Qwen25VL

__all__ = [
    "FAMILIES",
    "TERM",
    "Family",
    "ImageTokenError",
    "PageCost",
    "Scope",
    "base_model_files",
    "beside_page",
    "expected_trainable",
    "family_of",
    "load_processor",
    "resolve",
]

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.model_type: family
        for family in (
            *(DeepseekOcr2(), DeepseekOcr(), DeepseekVl2(), Qwen25VL(), Qwen3VL(), Qwen3VLMoe()),
            *(PaddleOcrVL(), GlmOcr(), LightOnOcr()),
        )
    }
)
"""Every supported family by the `model_type` of its config.json."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REVISION = re.compile(r"[0-9a-f]{40}")


def base_model_files(name: str, search: Sequence[Path]) -> list[Path]:
    """List the files of a base model's folder (`base_model.name`) that loading it reads, sorted; [] for a hub id.

    A relative folder is looked up in the roots `search`, in order; paths come as `root / name / file`.

    Raises:
        UserError: A folder that does not exist, or holds no config.json or no *.safetensors.
    """
    folder = _find_folder(name, search)
    return [] if folder is None else folders.model_files(folder)


def resolve(choice: BaseModelChoice, search: Sequence[Path]) -> str:
    """Check the choice of a base model without loading it, and return the folder or the hub id to load.

    Raises:
        UserError: A folder that is missing, incomplete, quantised or of no supported family, an adapter, or a hub id
            without a revision.
    """
    folder = _find_folder(choice.name, search)
    if folder is None:
        _check_revision(choice.name, choice.revision)
        return choice.name
    folders.model_files(folder)
    family_of(folder, choice.family)
    unfit.refuse_quantized(folder, str(folder))
    return str(folder)


def family_of(folder: Path, wanted: str = "auto") -> Family:
    """Return the family of the model in a local folder, read off its config.json; `wanted` is `base_model.family`.

    Raises:
        UserError: config.json cannot be read, names no supported family, or another one than `wanted`.
    """
    path = folder / "config.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        found = settings.get("model_type")
        found = authors_config.native_type(settings) or found
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(
            "The base model's config.json cannot be read", value=str(path), accepted=unfit.ACCEPTED, todo=f"{error}"
        ) from error
    if found not in FAMILIES:
        supported = [f"{name} ({family.title})" for name, family in sorted(FAMILIES.items())]
        raise remote_code.refuse(str(folder), settings, supported)
    if wanted not in ("auto", found):
        raise UserError(
            f"base_model.family does not fit the model in {folder}, whose model_type is {found!r}",
            value=wanted,
            accepted=f"auto or {found}",
            todo="set base_model.family to auto",
        )
    return FAMILIES[found]


def local_folder(name: str, revision: str | None) -> Path:
    """Return the folder of a base model, fetching a hub id's pinned revision first (safetensors and text files only).

    Raises:
        UserError: Neither an existing folder nor a hub id with revision, or the hub does not have it.
    """
    folder = _find_folder(name, [Path()])
    if folder is not None:
        folders.model_files(folder)
        return folder
    _check_revision(name, revision)
    return folders.fetch(name, str(revision))


def load_processor(family: Family, folder: Path, mode: str = modes.AUTO) -> Any:
    """Load the processor of a model, cutting pages as `base_model.mode` says; "auto": as its folder does.

    Raises:
        UserError: The family has no such mode.
    """
    modes.require(family.title, family.modes, mode)
    processor = family.load_processor(folder)
    return processor if mode == modes.AUTO else family.in_mode(processor, family.modes[mode])


def prompt_for(choice: BaseModelChoice, task: str, search: Sequence[Path], term: str = "") -> str:
    """Return the prompt of a task for the chosen base model: see `asked_of`."""
    return asked_of(choice, task, search, term)[1]


def asked_of(choice: BaseModelChoice, task: str, search: Sequence[Path], term: str = "") -> tuple[Family, str]:
    """Return the family of the chosen base model and its prompt of a task, without loading it.

    A hub id's family is read off its config.json, which is the only file fetched for it.

    Raises:
        UserError: As `resolve` and `family_of`; or the family has no prompt for the task, or not the chosen mode.
    """
    if choice.family != "auto":
        family = FAMILIES[choice.family]
    else:
        where = resolve(choice, search)
        folder = _find_folder(choice.name, search)
        fetched = folders.fetch_config(where, choice.revision) if folder is None else folder
        family = family_of(fetched)
        unfit.refuse_quantized(fetched, choice.name)
    modes.require(family.title, family.modes, choice.mode)
    return family, prompt_of(family, task, term)


def prompt_of(family: Family, task: str, term: str = "") -> str:
    """Return a family's prompt for a task; `term` is what `locate` looks for.

    Raises:
        UserError: The family has no prompt for the task.
    """
    prompts: Mapping[str, str] = {str(name): text for name, text in family.prompts.items()}
    if task not in prompts:
        raise UserError(
            f"{family.title} has no prompt for the task",
            value=task,
            accepted=", ".join(sorted(prompts)),
            todo="set task.prompt",
        )
    return prompts[task].replace(TERM, term)


def beside_page(prompt: str) -> str:
    """Return what a prompt says beside the page: servers put the image's placeholder there themselves."""
    return prompt.removeprefix(PLACEHOLDER).removeprefix("\n")


def prompts_of(family: Family, task: Task) -> dict[str, str]:
    """Return a family's prompts of a task and of its mix by name, that of the task first.

    Where `locate` is but a part of the mix, its text has `TERM` in the place of what is looked for.

    Raises:
        UserError: The family has no prompt for one of them.
    """
    return {name: prompt_of(family, name, task.term or TERM) for name in task.prompts}


def _find_folder(name: str, search: Sequence[Path]) -> Path | None:
    """Return the folder of that name, None for what must be a hub id; a missing folder is a UserError."""
    path = Path(name).expanduser()
    for file in (path,) if path.is_absolute() else [root / path for root in search]:
        if file.is_file():
            raise unfit.single_file(file)
    if path.is_absolute():
        if path.is_dir():
            return path
    else:
        for root in search:
            if (root / path).is_dir():
                return root / path
        # "models/tinny" looks like a hub id too: where its first part is a folder here, a folder was meant.
        looks_local = name.startswith((".", "~")) or any(
            (root / path.parts[0]).is_dir() for root in search if path.parts
        )
        if _HUB_ID.fullmatch(name) and not looks_local:
            return None
    looked_in = "" if path.is_absolute() else " in " + ", ".join(str(root.resolve()) for root in search)
    raise UserError(
        f"The base model's folder does not exist{looked_in}",
        value=name,
        accepted=unfit.ACCEPTED,
        todo=f"set base_model.name to one of these{unfit.near(path, search)}",
    )


def _check_revision(name: str, revision: str | None) -> None:
    if not _REVISION.fullmatch(revision or ""):
        raise UserError(
            f"The base model {name} comes from a model hub and needs base_model.revision, the commit to pin",
            value=revision,
            accepted="40 hexadecimal digits",
            todo="copy the commit from the model's file listing, or give a local folder as base_model.name",
        )
