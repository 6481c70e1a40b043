"""The files generated from the configuration model: YAML presets, JSON schema, and the table in config/README.md."""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from scribetune.build.refusals import refusals
from scribetune.core import files
from scribetune.core.config import TINY_PRESET, Config, flatten, keys
from scribetune.core.config_messages import accepted
from scribetune.core.config_section import Section, decides
from scribetune.core.errors import UserError
from scribetune.core.old_names import with_new_names
from scribetune.core.yaml_files import read_values

REGENERATE = "scribetune config --write"
"""The command that brings the generated files up to date; named in the drift test's message."""

_TABLE_START = "<!-- keys: generated, see above -->"
_TABLE_END = "<!-- end of keys -->"


def require_readable(*paths: Path) -> None:
    """Say where configuration files are no YAML, or give a key twice, which Snakemake does not; pipes were read by it.

    Raises:
        SystemExit: One is not, with the message.
    """
    with refusals():
        for path in paths:
            if path.is_file() or not path.exists():
                read_values(path)


def link_is_broken(folder: Path) -> bool:
    """Tell whether config.yaml should be a link to the repository's params.yaml and is a file that says something else.

    DVC looks for parameters in params.yaml, so that is the file; tools that write a new file in place of the old one
    (`sed -i`) cut the link.
    """
    config, params = folder / "config.yaml", folder.resolve().parent / "params.yaml"
    return config.is_file() and params.is_file() and config.read_bytes() != params.read_bytes()


def mend_link(folder: Path) -> None:
    """Make config.yaml a link to params.yaml again; what it says, edited last, is kept."""
    config, params = folder / "config.yaml", folder.resolve().parent / "params.yaml"
    files.write_bytes(params, config.read_bytes())
    config.unlink()
    config.symlink_to(Path("..", params.name))


def is_current(path: Path, text: str) -> bool:
    """Tell whether a generated file is as it should be.

    The values in a YAML file are the user's, and DVC writes it in another layout (`dvc exp run -S`): there, the keys
    and the comments count.

    Args:
        path: The file.
        text: What `rendered` says of it.
    """
    if not path.exists():
        return False
    there = path.read_text(encoding="utf-8")
    if there == text or path.suffix != ".yaml":
        return there == text
    try:
        return _keys_and_comments(there) == _keys_and_comments(text)
    except yaml.YAMLError:
        return False


def _keys_and_comments(text: str) -> tuple[list[str], list[str]]:
    values = yaml.safe_load(text)
    keys = flatten(values) if isinstance(values, dict) else ()
    return sorted(keys), [line.strip() for line in text.split("\n") if line.lstrip().startswith("#")]


def _values_in(path: Path) -> dict[str, Any]:
    """Return what a configuration file says, by the new names of its keys; nothing where it cannot be read."""
    try:
        return flatten(with_new_names(read_values(path))[0])
    except UserError:
        return {}


VL2_TINY_PRESET: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "pages": {"long_side_px": 3508},
        "base_model": {"name": "deepseek-ai/deepseek-vl2-tiny"},
        "task": {"prompt": "markdown"},
        "train": {"max_tokens": 4096, "lora": {"scope": "experts"}},
        "generate": {"max_new_tokens": 4096},
    }
)
"""What a full-size DeepSeek-VL2-tiny needs otherwise than the defaults."""


def rendered(folder: Path, *, keep_values: bool = False) -> dict[Path, str]:
    """Return {file: what it should hold} for every generated file below a configuration folder.

    Args:
        folder: The configuration folder.
        keep_values: Of the values in its YAML files, keep those that are there; else they are the preset's.
    """
    readme = folder / "README.md"
    config, full_size = folder / "config.yaml", folder / "deepseek-ocr-2.yaml"
    small_talk = folder / "deepseek-vl2-tiny.yaml"
    return {
        config: preset_yaml(
            "The build's configuration: the preset for the embedded model, on one CPU core.",
            TINY_PRESET,
            _values_in(config) if keep_values else {},
        ),
        full_size: preset_yaml(
            "A full-size model on a GPU: snakemake --configfile config/deepseek-ocr-2.yaml …\n"
            "Set base_model.name to a local folder, or keep the hub id and pin base_model.revision to a commit.",
            {},
            _values_in(full_size) if keep_values else {},
        ),
        small_talk: preset_yaml(
            "DeepSeek-VL2-tiny on a GPU: snakemake --configfile config/deepseek-vl2-tiny.yaml …\n"
            "Set base_model.name to a local folder, or keep the hub id and pin base_model.revision to a commit. Scope\n"
            "experts is q, k, v, o, gate, up and down of each layer, routed experts too. 3508 px: A4 at 300 dpi. The\n"
            "model was trained for 4096 tokens: page, prompt and answer; its prompt is Chinese.",
            VL2_TINY_PRESET,
            _values_in(small_talk) if keep_values else {},
        ),
        folder / "schema.json": json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n",
        readme: with_key_table(readme.read_text(encoding="utf-8") if readme.exists() else ""),
    }


def preset_yaml(purpose: str, preset: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any] | None = None) -> str:
    """Write every key with its description; where the preset differs from the default, the default is named.

    Args:
        purpose: First lines of the file.
        preset: {section: {key: value}} that differs from the defaults.
        values: {"section.key": value} that a user set instead; the comments stay the preset's.
    """
    lines = [f"# {line}" for line in purpose.split("\n")]
    lines.append(f"# Generated from src/scribetune/core/config.py by `{REGENERATE}`; edit the values freely.")
    lines += _section_lines(Config, flatten(preset), values or {})
    return "\n".join(lines) + "\n"


def _section_lines(
    section: type[Section], preset: Mapping[str, Any], values: Mapping[str, Any], name: str = "", indent: str = ""
) -> list[str]:
    lines: list[str] = []
    for key, field in section.model_fields.items():
        full_name = f"{name}.{key}".removeprefix(".")
        default = field.get_default(call_default_factory=True)
        if isinstance(default, Section):
            lines += [] if indent else [""]
            lines += [f"{indent}# {type(default).__doc__}", f"{indent}{key}:"]
            lines += _section_lines(type(default), preset, values, full_name, f"{indent}  ")
            continue
        value = preset.get(full_name, default)
        comment = _described(field)
        if (values_accepted := accepted(field)) != "text":
            comment += f" Accepted: {values_accepted}."
        if value != default:
            comment += f" (preset; the default is {_scalar(default)})"
        lines += [f"{indent}# {line}" for line in textwrap.wrap(comment, 114 - len(indent), break_on_hyphens=False)]
        lines.append(f"{indent}{key}: {_scalar(values.get(full_name, value))}")
    return lines


def _described(field: FieldInfo) -> str:
    return (field.description or "") + " Re-runs nothing." * (not decides(field))


def _scalar(value: object) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, width=1000).strip()
    return text.removesuffix("...").strip()


def with_key_table(readme: str) -> str:
    """Return the README with its table of keys brought up to date (appended where there is none)."""
    rows = ["| key | default | accepted | what it is |", "|---|---|---|---|"]
    for section, key, field in keys():
        default = _scalar(field.get_default(call_default_factory=True))
        cells = (f"`{section}.{key}`", f"`{default}`", accepted(field), _described(field).replace("<", "&lt;"))
        rows.append("| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |")
    table = f"{_TABLE_START}\n" + "\n".join(rows) + f"\n{_TABLE_END}"
    if _TABLE_START not in readme:
        return readme.rstrip("\n") + ("\n\n" if readme else "") + table + "\n"
    before, _, rest = readme.partition(_TABLE_START)
    return before + table + rest.partition(_TABLE_END)[2]
