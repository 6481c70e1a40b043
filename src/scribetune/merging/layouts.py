"""The two sets of names of a model's tensors: the native class's own, and the original ones that vLLM reads.

transformers knows how to get from one to the other: it loads original checkpoints by a mapping (rename, stack experts)
and saves by its reverse (`save_original_format`). Here the same mapping is run one group of tensors at a time.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch

from scribetune.core.errors import UserError, counted
from scribetune.merging.checkpoint import Checkpoint, Outline
from scribetune.models.families.interface import LayoutName


@dataclass(frozen=True)
class Group:
    """Tensors that belong together: those of the files, and the native ones they make."""

    keys: tuple[str, ...]  # names in the files
    natives: tuple[Outline, ...]  # what they make: name, number format and shape of the native tensors


class Layouts:
    """Names and shapes of the tensors of one architecture (a `skeleton`), and the way between its two layouts."""

    def __init__(self, skeleton: Any) -> None:
        from transformers.conversion_mapping import get_model_conversion_mapping
        from transformers.core_model_loading import PrefixChange, WeightConverter, WeightRenaming

        self._skeleton = skeleton
        self._state = dict(skeleton.state_dict())
        self.shapes: Mapping[str, tuple[int, ...]] = {name: tuple(value.shape) for name, value in self._state.items()}
        """Shape of every native tensor of the model, buffers included."""
        self.tied: Mapping[str, str] = dict(getattr(skeleton, "all_tied_weights_keys", None) or {})
        """Tensors that are others under a second name: name → the other's."""
        loading = get_model_conversion_mapping(skeleton)
        self._renamings = [one for one in loading if isinstance(one, WeightRenaming)]
        self._converters = [one for one in loading if isinstance(one, WeightConverter)]
        # As transformers itself saves a model that was not loaded in the original layout.
        saving = get_model_conversion_mapping(skeleton, add_legacy=False)
        saving = [one for one in saving if not isinstance(one, PrefixChange)]
        # Kept where transformers looks for it first: otherwise it walks the whole model for every group.
        skeleton._weight_conversions = saving or None
        reversed_mapping = [one.reverse_transform() for one in reversed(saving)]
        self._back_renamings = [one for one in reversed_mapping if isinstance(one, WeightRenaming)]
        self._back_converters = [one for one in reversed_mapping if isinstance(one, WeightConverter)]

    def groups(self, entries: Mapping[str, Outline]) -> list[Group]:
        """Sort the tensors of a checkpoint, in either layout, into groups that make native tensors.

        The groups are in the natural order of the names; a tensor that the model does not know is a group of its own.
        """
        from transformers.core_model_loading import dot_natural_key

        found: dict[str, list[str]] = {}
        for key in sorted(entries, key=dot_natural_key):
            found.setdefault(self._native_name(key)[0], []).append(key)
        groups = []
        for keys in found.values():
            made = self.to_native({key: _empty(entries[key]) for key in keys})
            groups.append(Group(tuple(keys), _outlines(made)))
        return groups

    def to_native(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Turn the tensors of one group of a checkpoint, in their order, into native ones."""
        names = {key: self._native_name(key) for key in tensors}
        native, pattern = next(iter(names.values()))
        if pattern is None:
            (tensor,) = tensors.values()
            return {native: tensor}
        # Copied, since a converter keeps what it is given until it converts.
        converter = deepcopy(next(one for one in self._converters if pattern in one.source_patterns))
        for key, tensor in tensors.items():
            converter.add_tensor(native, key, str(names[key][1]), tensor)  # type: ignore[arg-type]
        made = converter.convert(native, model=self._skeleton, config=self._skeleton.config)
        return {name: _single(value) for name, value in made.items()}

    def originals(self, natives: Sequence[Outline]) -> list[tuple[tuple[str, ...], tuple[Outline, ...]]]:
        """Return native tensors that become original ones together, and what they become, in natural order."""
        from transformers.core_model_loading import dot_natural_key, rename_source_key

        found: dict[str, list[Outline]] = {}
        for native in sorted(natives, key=lambda one: dot_natural_key(one.key)):
            original, _ = rename_source_key(native.key, self._back_renamings, self._back_converters, reverse=True)
            found.setdefault(original, []).append(native)
        return [
            (tuple(one.key for one in group), _outlines(self.to_original({one.key: _empty(one) for one in group})))
            for group in found.values()
        ]

    def to_original(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Turn the native tensors of one group into original ones, as `save_pretrained` does."""
        from transformers.core_model_loading import revert_weight_conversion

        return {key: _single(value) for key, value in revert_weight_conversion(self._skeleton, dict(tensors)).items()}

    def _native_name(self, key: str) -> tuple[str, str | None]:
        """Return the native name of a file's tensor and the converter's pattern that made it, as the loader finds them.

        The loader's own rule: where the new name is not the model's, but the old one is, nothing was to be renamed.
        """
        from transformers.core_model_loading import rename_source_key

        prefix = self._skeleton.base_model_prefix
        name, pattern = rename_source_key(key, self._renamings, self._converters, prefix, self._state)
        if name not in self._state and key in self._state:
            name, pattern = rename_source_key(key, [], [], prefix, self._state)
        return (name, pattern) if name in self._state else (key, None)


class ModelFiles:
    """A model's checkpoint, seen through its native tensors.

    Raises:
        UserError: The checkpoint lacks tensors of the model, or has them in other shapes.
    """

    def __init__(self, checkpoint: Checkpoint, layouts: Layouts) -> None:
        self.checkpoint, self.layouts = checkpoint, layouts
        outlines = {key: Outline(key, entry.dtype, entry.shape) for key, entry in checkpoint.entries.items()}
        self.groups = layouts.groups(outlines)
        self.natives: Mapping[str, Outline] = {one.key: one for group in self.groups for one in group.natives}
        """Every native tensor that the files hold or make, those unknown to the model included."""
        self._group_of = {one.key: group for group in self.groups for one in group.natives}
        missing = sorted(set(layouts.shapes) - set(self.natives) - set(layouts.tied))
        if missing:
            due = counted(len(layouts.shapes), "tensor")
            raise UserError(
                f"The model in {checkpoint.folder} lacks {len(missing)} of its {due}",
                value=missing[0],
                accepted="weights and config.json of the same model",
                todo="fetch the model again, as one whole folder",
            )
        reshaped = [
            (name, shape, self.natives[name].shape)
            for name, shape in layouts.shapes.items()
            if name in self.natives and shape != self.natives[name].shape
        ]
        if reshaped:
            many = counted(len(reshaped), "tensor")
            raise UserError(
                f"{checkpoint.folder} has {many} of another shape than its config.json calls for",
                value=f"{reshaped[0][0]}: {reshaped[0][2]} instead of {reshaped[0][1]}",
                accepted="weights and config.json of the same model",
                todo="fetch the model again, as one whole folder",
            )
        self._kept: tuple[Group, dict[str, torch.Tensor]] | None = None

    @property
    def layout(self) -> LayoutName | None:
        """How the files name their tensors; None for a mixture of both, which loads but which nothing else reads."""
        known = [group for group in self.groups if group.natives[0].key in self.layouts.shapes]
        if all(group.keys == (group.natives[0].key,) for group in known):
            return "transformers"
        keys = {key for group in known for key in group.keys}
        originals = self.layouts.originals([one for group in known for one in group.natives])
        return "original" if keys == {one.key for _, outlines in originals for one in outlines} else None

    def group_of(self, native: str) -> Group:
        """Return the group that makes a native tensor."""
        return self._group_of[native]

    def read(self, native: str) -> torch.Tensor:
        """Return one native tensor, on the CPU; UserError where a file cannot be read."""
        group = self._group_of[native]
        if self._kept is not None and self._kept[0] is group:
            return self._kept[1][native]
        self._kept = None  # before reading: two groups never lie in memory side by side
        made = self.layouts.to_native({key: self.checkpoint.read(key) for key in group.keys})
        # A group of one tensor is not asked for twice in a row.
        self._kept = (group, made) if len(made) > 1 else None
        return made[native]


def _empty(outline: Outline) -> torch.Tensor:
    return torch.empty(outline.shape, dtype=outline.dtype, device="meta")


def _outlines(tensors: Mapping[str, torch.Tensor]) -> tuple[Outline, ...]:
    return tuple(Outline(name, value.dtype, tuple(value.shape)) for name, value in tensors.items())


def _single(value: Any) -> torch.Tensor:
    found: torch.Tensor = value[0] if isinstance(value, list) else value
    return found
