"""Promises about where documents lie: a folder, or a place in object storage that is told by its address."""

import pytest

from scribetune.core import config
from scribetune.core.config_documents import stored
from scribetune.core.errors import UserError


@pytest.mark.parametrize(
    ("raw", "url", "folder"),
    [
        ("s3://bucket", "s3://bucket", "work/s3/bucket"),
        ("s3://bucket/", "s3://bucket", "work/s3/bucket"),
        ("s3://my.bucket-1/reports/2024/", "s3://my.bucket-1/reports/2024", "work/s3/my.bucket-1/reports/2024"),
        ("s3://bucket/报告/a b", "s3://bucket/报告/a b", "work/s3/bucket/报告/a b"),
    ],
)
def test_an_address_has_one_folder_of_copies(raw: str, url: str, folder: str) -> None:
    place = stored(raw)
    assert place is not None
    assert (place.url, place.folder) == (url, folder)
    assert config.load({"documents": {"raw": raw}}).documents.folder == folder


@pytest.mark.parametrize("raw", ["data/raw", "/data/s3:/x", "C:/papers", "s3:/bucket"])
def test_a_folder_is_itself(raw: str) -> None:
    assert stored(raw) is None
    assert config.load({"documents": {"raw": raw}}).documents.folder == raw


@pytest.mark.parametrize(
    "raw",
    [
        "s3://", "s3:///prefix", "s3://AKIA:hidden@bucket/x", "s3://bucket/a//b", "s3://bucket/../x", "s3://bucket/./x",
        "gs://hidden/x", "https://user:hidden@server/x", "S3://bucket",
    ],
)  # fmt: skip
def test_any_other_address_is_refused_and_not_repeated(raw: str) -> None:
    with pytest.raises(UserError, match=r"documents\.raw begins with .*s3://BUCKET/PREFIX") as refused:
        config.load({"documents": {"raw": raw}})
    assert "hidden" not in str(refused.value)
