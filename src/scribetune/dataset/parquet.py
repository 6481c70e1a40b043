"""Parquet files with images in them, which `datasets.load_dataset` opens without a network: images decoded, text exact.

An image is in them byte for byte as the build has it. The same records give the same bytes (with the same pyarrow).
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from scribetune.dataset import formats
from scribetune.dataset.formats import Record

_GROUP_BYTES = 32 * 2**20
"""Images of a row group, which is held in memory, take about this; a reader fetches a group as a whole."""
_GROUP_ROWS = 1_000


def features() -> Any:
    """Return the columns, as `datasets.Features`: what is said of a page, its text, `messages` and `images`."""
    from datasets import Features, Image, List, Value

    part = {"type": Value("string"), "text": Value("string")}
    return Features(
        {field: Value("int32" if field == "page" else "string") for field in formats.FIELDS}
        | {
            "text": Value("string"),
            "messages": List({"role": Value("string"), "content": List(part)}),
            "images": List(Image()),
        }
    )


def row(record: Record, image: bytes) -> dict[str, Any]:
    """Return a record and its image's content as a row of the table."""
    known = formats.trl(record)
    images = [{"bytes": image, "path": record["images"][0]}]
    text = formats.texts_of(record)[1]
    return {**formats.described(record), "text": text, "messages": known["messages"], "images": images}


def write(
    folder: Path,
    split: str,
    records: Sequence[Record],
    read_image: Callable[[Record], bytes],
    sizes: Sequence[int],
    shard_bytes: int,
) -> list[str]:
    """Write the records of a split as `<split>-00000-of-00002.parquet`, and return the names of the files.

    Args:
        folder: Where to; it is there.
        split: Name of the split.
        records: Its records, in order.
        read_image: Returns the content of a record's image.
        sizes: Bytes of each record's image, by which they are shared out.
        shard_bytes: About how much of images a file holds.
    """
    parts = list(_parts(sizes, shard_bytes)) or [range(0)]
    names = [f"{split}-{number:05d}-of-{len(parts):05d}.parquet" for number in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        _write_file(folder / name, [records[at] for at in part], read_image, [sizes[at] for at in part])
    return names


def _write_file(
    path: Path, records: Sequence[Record], read_image: Callable[[Record], bytes], sizes: Sequence[int]
) -> None:
    import pyarrow
    from pyarrow import parquet

    schema = features().arrow_schema
    # Images are compressed already; text is not.
    compression = dict.fromkeys(_columns(schema), "zstd") | {"images.list.element.bytes": "none"}
    with parquet.ParquetWriter(path, schema, compression=compression, write_page_index=True) as writer:
        for group in _parts(sizes, _GROUP_BYTES, _GROUP_ROWS):
            rows = [row(records[at], read_image(records[at])) for at in group]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))


def _columns(schema: Any) -> list[str]:
    """Return the names of Parquet's own columns, the leaves of nested ones."""
    import pyarrow
    from pyarrow import parquet

    sink = pyarrow.BufferOutputStream()
    parquet.write_table(schema.empty_table(), sink)
    leaves = parquet.ParquetFile(pyarrow.BufferReader(sink.getvalue())).schema
    return [leaves.column(number).path for number in range(len(leaves))]


def _parts(sizes: Sequence[int], most_bytes: int, most_rows: int = 2**31) -> Iterator[range]:
    """Share positions out, in order: each part takes so many bytes and rows at most, but one position at least."""
    start, taken = 0, 0
    for at, size in enumerate(sizes):
        if at > start and (taken + size > most_bytes or at - start >= most_rows):
            yield range(start, at)
            start, taken = at, 0
        taken += size
    if len(sizes) > start:
        yield range(start, len(sizes))
