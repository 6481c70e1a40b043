"""What sections of the configuration are: immutable, closed to unknown keys, with keys that decide or do not."""

import os
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

ONLY_DECLARES = True

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Tokens = Annotated[int, Field(ge=1, le=1_048_576)]
Place = Annotated[str, AfterValidator(os.path.expanduser)]
FREE: dict[str, Any] = {"decides": False}
"""Marks the field of a key that decides about no result (`json_schema_extra`): changing it re-runs nothing."""


def decides(field: FieldInfo) -> bool:
    """Tell whether a key decides about a result; those that do not are marked with `FREE` where they are declared."""
    return field.json_schema_extra != FREE


class Section(BaseModel):
    """A group of keys: immutable, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    def decisive(self) -> dict[str, Any]:
        """Return the keys that decide about a result, as JSON."""
        values = self.model_dump(mode="json")
        for key, field in type(self).model_fields.items():
            if not decides(field):
                values.pop(key, None)
            elif isinstance(held := self.__dict__.get(key), Section):
                values[key] = held.decisive()
        return {key: value for key, value in values.items() if value != {}}
