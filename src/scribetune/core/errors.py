"""The exceptions that a user can do something about: shown as a message, never as a traceback; counts in words."""


class UserError(Exception):
    """Something the user can mend.

    Args:
        what: What failed, as a sentence without a full stop.
        value: The offending value, shown with `repr`.
        accepted: What would have been accepted.
        todo: What to do next.
    """

    def __init__(self, what: str, *, value: object = None, accepted: str = "", todo: str = "") -> None:
        self.what, self.value, self.accepted, self.todo = what, value, accepted, todo
        parts = [what if value is None else f"{what}: {value!r}"]
        if accepted:
            parts.append(f"Accepted: {accepted}")
        if todo:
            parts.append(f"What to do: {todo}")
        super().__init__("\n  ".join(parts))


class DiskFullError(UserError):
    """There is no room for what is to be written: never the fault of the document or page in hand."""


def counted(number: int, noun: str, one: str = "", several: str = "") -> str:
    """Return a number with its noun, and its verb if one is given: "1 tensor", "2,345 entries", "1 line is"."""
    if number != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    verb = one if number == 1 else several
    return f"{number:,} {noun} {verb}".rstrip()
