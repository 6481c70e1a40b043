"""The section `documents` of the configuration, and where its documents lie: in a folder, or in object storage."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from scribetune.core.config_section import Place, Section

ONLY_DECLARES = True

COPIES = "work/s3"
"""Folder of the local copies of documents in object storage."""
_SCHEME = "s3://"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")


@dataclass(frozen=True)
class Stored:
    """A place in object storage: all objects whose key begins with a folder's name."""

    bucket: str
    prefix: str  # without a slash at either end; "" for the whole bucket

    @property
    def url(self) -> str:
        """The place as it is configured."""
        return f"{_SCHEME}{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    @property
    def folder(self) -> str:
        """Where its copies lie, relative to the working directory."""
        return "/".join(filter(None, (COPIES, self.bucket, self.prefix)))


def stored(raw: str) -> Stored | None:
    """Return the place in object storage that `documents.raw` names; None where it names a folder.

    Raises:
        ValueError: An address that is none. The message has no part of it: people put passwords into addresses.
    """
    scheme, mark, rest = raw.partition("://")
    if not mark:
        return None
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.rstrip("/")
    parts = prefix.split("/") if prefix else []
    if scheme != "s3" or not _BUCKET.fullmatch(bucket) or any(part in ("", ".", "..") for part in parts):
        raise ValueError(
            f"documents.raw begins with {scheme[:10]}:// and is no place that documents are read from (accepted: a "
            "folder, or s3://BUCKET/PREFIX; credentials and another server than Amazon's by the variables and files "
            "that the AWS command line reads, docs/storage.md)"
        )
    return Stored(bucket, prefix)


def _checked(raw: str) -> str:
    stored(raw)
    return raw


class Documents(Section):
    """Which documents are read, and how they are grouped into jobs."""

    raw: Annotated[Place, AfterValidator(_checked)] = "data/raw"
    """Folder of PDFs and images, at any depth, or s3://BUCKET/PREFIX (docs/storage.md). While data/raw holds none, a
    sample corpus is built and used instead."""
    sheet: Place = "config/documents.csv"
    """Optional CSV: path (relative to raw), category, language, licence, split, password_variable."""
    per_shard: int = Field(default=250, ge=1, le=100_000)
    """About how many documents one job works on."""
    timeout_s_per_page: float = Field(default=30.0, gt=0, le=3600)
    """A page that takes more processor time, or does nothing for ten times as long, is given up, with a row that says
    so; after three such pages its document is."""
    memory_mb: int = Field(default=1536, ge=256, le=1_048_576)
    """Most memory, in MiB, that a document may take (Linux); with libraries a worker process stays below 2 GiB."""
    max_megapixels: float = Field(default=250.0, gt=0, le=10_000)
    """A page with an image of more million pixels on it is not rendered, and has a row that says so."""
    max_pages: int = Field(default=10_000, ge=1, le=1_000_000)
    """A document with more pages is not read, and has a row that says so."""

    @property
    def folder(self) -> str:
        """The folder that documents are read from: `raw`, or that of the copies of what it names."""
        place = stored(self.raw)
        return self.raw if place is None else place.folder
