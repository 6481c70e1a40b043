"""The exceptions that a user can do something about: shown as a message, never as a traceback."""


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
