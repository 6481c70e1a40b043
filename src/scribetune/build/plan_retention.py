"""The PDFs that the retention set is made of, where the configuration names a folder."""

from collections.abc import Collection
from pathlib import Path

from scribetune.core.errors import UserError
from scribetune.core.file_hashes import FileHashes
from scribetune.documents.inputs import find_documents, is_image, shown_path


def retention_pdfs(folder: Path, learned: Collection[str]) -> list[str]:
    """Return the PDFs below a folder, sorted.

    Args:
        folder: retention.folder.
        learned: SHA-256 of the input documents: what is learned from shows no forgetting.

    Raises:
        UserError: The folder is missing or has no PDF, or has a document that the build learns from.
    """
    if not folder.is_dir():
        raise UserError(
            "retention.folder is no folder", value=str(folder), accepted="an existing folder with PDFs, at any depth",
            todo="create it, or empty retention.folder, and the built-in pages are taken",
        )  # fmt: skip
    paths = [
        one.path.as_posix() for one in find_documents(folder).documents if not (one.fault or is_image(one.path.name))
    ]
    if not paths:
        raise UserError(
            "retention.folder has no PDF", value=str(folder), accepted="PDFs with a text layer, at any depth",
            todo="put some there, or empty retention.folder, and the built-in pages are taken",
        )  # fmt: skip
    with FileHashes(Path()) as hashes:
        both = [path for path in paths if hashes.sha256(path) in learned]
    if both:
        raise UserError(
            "A PDF of retention.folder is an input document too: what is learned from shows no forgetting",
            value=shown_path(both[0]), accepted="PDFs that are not below documents.raw",
            todo="take it out of one of the two folders",
        )  # fmt: skip
    return sorted(paths)
