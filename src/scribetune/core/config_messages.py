"""What a configuration key accepts, and what is wrong with a configuration, in words."""

import difflib
import json
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import AfterValidator, BaseModel, ValidationError
from pydantic.fields import FieldInfo

AROUND_A_JOB = True
"""It words refusals, which happen before a job."""

_Keys = Callable[..., Iterable[tuple[str, str, FieldInfo]]]
_MOST_CHARACTERS = 100


def accepted(field: FieldInfo) -> str:
    """Return in words what a key accepts: "integer from 1 to 1000, or auto"."""
    words = _in_words(field.annotation, field.metadata)
    return f"{words} such as {field.examples[0]}" if field.examples else words


def _in_words(annotation: Any, limits: Sequence[Any]) -> str:
    if get_origin(annotation) in (Union, types.UnionType):
        arms = get_args(annotation)
        choices = [choice for arm in arms for choice in _choices(arm)]
        others = [_in_words(arm, ()) for arm in arms if not _choices(arm)]
        return ", or ".join([*others, *([_either(choices)] if choices else [])])
    if get_origin(annotation) is Annotated:
        plain, *marks = get_args(annotation)
        return _in_words(plain, [each for mark in marks for each in getattr(mark, "metadata", [mark])])
    not_empty = any(isinstance(limit, MinLen) for limit in limits)
    if choices := _choices(annotation):
        words = _either(choices)
    elif get_origin(annotation) is tuple:
        words = f"list of {_in_words(get_args(annotation)[0], ())}" + ", at least one" * not_empty
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        words = "{" + ", ".join(annotation.model_fields) + "}"
    elif annotation in (int, float):
        words = ("integer " if annotation is int else "number ") + _range(limits)
    else:
        is_path = any(isinstance(limit, AfterValidator) for limit in limits)
        words = ("path" if is_path else "text") + ", not empty" * not_empty
    return words


def _choices(annotation: Any) -> list[str]:
    """Return the values of what accepts a few only, as they are written in YAML."""
    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation)]
    return {bool: ["true", "false"], types.NoneType: ["null"]}.get(annotation, [])


def _either(choices: Sequence[str]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last


def _range(limits: Sequence[Any]) -> str:
    low = high = ""
    for limit in limits:
        match limit:
            case Ge(ge=number):
                low = f"from {number:.12g}"
            case Gt(gt=number):
                low = f"above {number:.12g},"
            case Le(le=number):
                high = f"{'up ' if low.startswith('above') else ''}to {number:.12g}"
            case Lt(lt=number):
                low, high = low.removesuffix(",") + ",", f"below {number:.12g}"
    return f"{low} {high}".strip(" ,")


def findings(error: ValidationError, root: type[BaseModel], keys: _Keys) -> list[str]:
    """Return a line for everything that is wrong with a configuration: the key as people write it, the value, the rest.

    Args:
        error: What pydantic found.
        root: The class that was validated.
        keys: Gives (section, key, field) for every key below a section.
    """
    lines: dict[str, str] = {}
    for finding in error.errors():
        place = _place(finding["loc"], root)
        lines.setdefault(place.name, _line(finding, place, root, keys))
    # Where an item of a list is refused, pydantic finds fault with the list as well.
    return [line for name, line in lines.items() if not any(other.startswith(f"{name}[") for other in lines)]


@dataclass(frozen=True)
class _Place:
    """Where in a configuration something is wrong."""

    name: str  # "evaluation.benchmarks[0].name"
    key: str  # its last part, which has dots in it where somebody wrote them
    section: type[BaseModel]  # the innermost group of keys around it
    field: FieldInfo | None  # None where there is no such key


def _place(location: Sequence[int | str], root: type[BaseModel]) -> _Place:
    """Return the place that pydantic names; of the kinds that a key accepts, which it names too, nothing is kept."""
    name, key, section, field = "", "", root, None
    inner: type[BaseModel] | None = root
    for part in location:
        if isinstance(part, int) and field is not None:
            name, inner = f"{name}[{part}]", _section_of(field)
        elif inner is not None:
            name, key, section = f"{name}.{part}".removeprefix("."), str(part), inner
            field = section.model_fields.get(key)
            inner = None if field is None or get_origin(field.annotation) is tuple else _section_of(field)
        else:
            break
    return _Place(name, key, section, field)


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the group of keys that a field holds, or holds a list of; None for a value."""
    kind = next(iter(get_args(field.annotation)), field.annotation)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _line(finding: Mapping[str, Any], place: _Place, root: type[BaseModel], keys: _Keys) -> str:
    if finding["type"] == "extra_forbidden":
        return _unknown_key(place, finding["input"], root, keys)
    if finding["type"] == "value_error":
        return str(finding["ctx"]["error"])  # of a validator, which names keys and values itself
    if place.field is None:
        return f"{place.name}: {finding['msg']}"
    if finding["type"] == "missing":
        return f"{place.name} is missing (accepted: {accepted(place.field)})"
    value = _shown(finding["input"])
    section = _section_of(place.field)
    if finding["type"] == "model_type" and section is not None:
        names = ", ".join(section.model_fields)
        return f"{place.name} = {value} is no group of keys (accepted: some of {names}; or leave {place.name} out)"
    pattern = f", as {place.field.metadata[0].pattern}" if finding["type"] == "string_pattern_mismatch" else ""
    return f"{place.name} = {value} (accepted: {accepted(place.field)}{pattern})"


def _unknown_key(place: _Place, value: object, root: type[BaseModel], keys: _Keys) -> str:
    """Say that there is no such key, which one may have been meant, and which there are."""
    allowed = list(place.section.model_fields)
    if "." in place.key and any(f"{section}.{key}.".startswith(f"{place.name}.") for section, key, _ in keys(root)):
        return _without_dots(place.name, value)
    if value is None and (meant := [name for name in allowed if place.key.startswith((f"{name}=", f"{name}:"))]):
        wanted = f"{meant[0]}: {place.key[len(meant[0]) + 1 :]}"
        return f"unknown key {place.name!r}. Did you mean {wanted!r}, with a colon and a blank?"
    # A key that is in a group is found by its own name too, and so is a group in a group.
    below = [(group, key) for group, key, _ in keys(place.section)]
    known = {key: f"{group}.{key}" for group, key in below} | {group.rpartition(".")[2]: group for group, _ in below}
    known |= {name: name for name in allowed}
    close = difflib.get_close_matches(place.key, known, n=1)
    hint = f" Did you mean {known[close[0]].removeprefix('.')!r}?" if close else ""
    return f"unknown key {place.name!r}.{hint} Accepted here: {', '.join(allowed)}"


def _without_dots(name: str, value: object) -> str:
    """Say how a key is written that was given with dots: here a dot is not taken for a group in a group."""
    first, *others = name.split(".")
    inner = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    for part in reversed(others):
        inner = f"{{{part}: {inner}}}"
    return (
        f"{name!r} is written {first}: {inner} in a file, --config '{first}={inner}' on Snakemake's command line; "
        f"scribetune build --set {name}=… takes the dots"
    )


def _shown(value: object) -> str:
    text = "null (nothing)" if value is None else repr(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
