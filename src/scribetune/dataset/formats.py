"""The records of a build in the forms that other trainers read; images are paths within the dataset's folder.

sharegpt       as data/splits has them; LLaMA-Factory reads these by dataset_info.json
trl            conversational, `messages` of typed parts and `images`
swift          `messages` of texts with `<image>` in the page's place, and `images`

A trainer that finds images by `<image>` in a text would take a page's own "<image>" for one: what it is given has it
escaped, as `text.sharegpt` says. A form of typed parts says what an image is, and has the page's text as it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from scribetune.core.errors import UserError
from scribetune.text import sharegpt

PLACEHOLDER = "<image>"
"""What stands for the page in a ShareGPT question."""
FIELDS = ("id", "document", "page", "category", "language", "label_source", "continues", "image_sha256", "label_sha256")
"""What every record says of its page, besides image and text."""
Record = Mapping[str, Any]


def texts_of(record: Record) -> tuple[str, str]:
    """Return the question without the image's placeholder, and the page's text as it is.

    Raises:
        UserError: The record has no question with one image in it, or no answer.
    """
    question, answer = sharegpt.said(record, "human"), sharegpt.said(record, "gpt")
    if question is None or answer is None or question.count(PLACEHOLDER) != 1 or len(record["images"]) != 1:
        raise UserError(
            "A record has no question with one image, or no answer",
            value=record.get("id"),
            accepted="records as split_documents writes them",
            todo="build the splits again",
        )
    return question.replace(PLACEHOLDER, "").lstrip("\n"), answer


def trl(record: Record) -> dict[str, Any]:
    """Return a record as TRL's trainers read it: `messages` of typed parts, one of which is the image."""
    question, answer = texts_of(record)
    asked = [_part("image"), _part("text", question)]
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": [_part("text", answer)]}]
    return {"id": record["id"], "messages": messages, "images": list(record["images"])}


def swift(record: Record) -> dict[str, Any]:
    """Return a record as ms-swift reads it: `messages` of texts, the image where its placeholder stands."""
    texts_of(record)
    roles = {"human": "user", "gpt": "assistant"}
    messages = [{"role": roles[turn["from"]], "content": turn["value"]} for turn in record["conversations"]]
    return {"id": record["id"], "messages": messages, "images": list(record["images"])}


def dataset_info(name: str, files: Mapping[str, str]) -> dict[str, Any]:
    """Return LLaMA-Factory's dataset_info.json of ShareGPT files; split → path, relative to the folder it lies in."""
    return {
        f"{name}_{split}": {
            "file_name": path,
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", "images": "images"},
            "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"},
        }
        for split, path in files.items()
    }


def described(record: Record) -> dict[str, Any]:
    """Return what a record says of its page (`FIELDS`), "" where it does not."""
    return {field: record.get(field, "") for field in FIELDS}


def characters(records: Sequence[Record]) -> int:
    """Return how many characters of text records have."""
    return sum(len(texts_of(record)[1]) for record in records)


def _part(kind: str, text: str | None = None) -> dict[str, str | None]:
    # All parts have the same keys: a table has one type of its column.
    return {"type": kind, "text": text}
