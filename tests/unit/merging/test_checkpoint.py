"""Safetensors checkpoints, read and written tensor by tensor."""

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from scribetune.core.errors import UserError
from scribetune.core.files import sha256_file
from scribetune.merging import checkpoint
from scribetune.merging.checkpoint import Checkpoint, Outline, ShardWriter

TENSORS = {
    "matrix": torch.arange(24, dtype=torch.float32).reshape(4, 6),
    "scalar": torch.tensor(2.5),
    "half": torch.linspace(-1, 1, 15).to(torch.bfloat16).reshape(3, 5),
    "flags": torch.tensor([True, False, True]),
    "counts": torch.tensor([1, 2**40]),
    "nothing": torch.empty((0, 3)),
}


def write(folder: Path, tensors: dict[str, torch.Tensor], shard_bytes: int = 10**9) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    outlines = [Outline(key, value.dtype, tuple(value.shape)) for key, value in tensors.items()]
    with ShardWriter(folder, outlines, shard_bytes) as writer:
        for key, value in tensors.items():
            writer.write(key, value)
        writer.close()


def test_what_is_written_is_read_back_bit_for_bit_by_the_reference_reader_too(tmp_path: Path) -> None:
    # Wide numbers first, as the merge writes them: the reference reader needs aligned tensors.
    ordered = dict(sorted(TENSORS.items(), key=lambda item: -item[1].dtype.itemsize))
    write(tmp_path, ordered)
    found = Checkpoint(tmp_path)
    reference = load_file(tmp_path / checkpoint.SINGLE)
    assert set(found.entries) == set(reference) == set(TENSORS)
    for key, value in TENSORS.items():
        for one in (found.read(key), reference[key]):
            assert one.dtype == value.dtype and one.shape == value.shape and torch.equal(one, value)


def test_what_the_reference_writes_is_read(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / checkpoint.SINGLE)
    found = Checkpoint(tmp_path)
    assert all(torch.equal(found.read(key), value) for key, value in TENSORS.items())


def test_no_file_is_larger_than_asked_for_and_the_index_names_every_tensor(tmp_path: Path) -> None:
    tensors = {f"layer.{number}": torch.full((40,), float(number)) for number in range(20)}
    write(tmp_path / "one", tensors, 1000)
    write(tmp_path / "two", tensors, 1000)
    files = sorted((tmp_path / "one").glob("*.safetensors"))
    assert len(files) > 3 and all(path.stat().st_size <= 1000 for path in files)
    assert files[0].name == f"model-00001-of-{len(files):05d}.safetensors"
    index = json.loads((tmp_path / "one" / checkpoint.INDEX).read_text(encoding="utf-8"))
    assert index["metadata"] == {"total_parameters": 800, "total_size": 3200}
    assert {key: path.name for path in files for key in load_file(path)} == index["weight_map"]
    for path in (tmp_path / "one").iterdir():
        assert sha256_file(path) == sha256_file(tmp_path / "two" / path.name)
    assert all(torch.equal(Checkpoint(tmp_path / "one").read(key), value) for key, value in tensors.items())


def test_a_tensor_out_of_turn_or_of_another_shape_is_an_error(tmp_path: Path) -> None:
    outlines = [Outline("a", torch.float32, (2,)), Outline("b", torch.float32, (2,))]
    with ShardWriter(tmp_path, outlines, 10**9) as writer:
        with pytest.raises(ValueError, match=r"b .* comes where"):
            writer.write("b", torch.zeros(2))
        with pytest.raises(ValueError, match=r"a .* comes where"):
            writer.write("a", torch.zeros(2, 1))
        writer.write("a", torch.zeros(2))
        with pytest.raises(ValueError, match="1 tensor never written, b first"):
            writer.close()


@pytest.mark.parametrize("cut", [3, 60, -1])
def test_a_file_that_is_cut_off_is_told_in_words(tmp_path: Path, cut: int) -> None:
    write(tmp_path, TENSORS)
    path = tmp_path / checkpoint.SINGLE
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError, match=r"cut off or damaged.*(?s:.*)model.safetensors.*(?s:.*)fetch or make"):
        Checkpoint(tmp_path)


@pytest.mark.parametrize("header", [b"no json", b"[1]", b'{"a": {"dtype": "F32"}}'])
def test_a_damaged_header_is_told_in_words(tmp_path: Path, header: bytes) -> None:
    (tmp_path / checkpoint.SINGLE).write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(UserError, match="its header is no safetensors header"):
        Checkpoint(tmp_path)


def test_an_unknown_number_format_is_named(tmp_path: Path) -> None:
    header = b'{"a": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}'
    (tmp_path / checkpoint.SINGLE).write_bytes(struct.pack("<Q", len(header)) + header + b"x")
    with pytest.raises(UserError, match=r"number format of a is not known: 'F4'"):
        Checkpoint(tmp_path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no weights that transformers would find"):
        Checkpoint(tmp_path)
    write(tmp_path, {"a": torch.zeros(400), "b": torch.zeros(400)}, 2000)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(
        UserError, match=r"names 2 files, of which 1 cannot be found: 'model-00002-of-00002.safetensors'"
    ):
        Checkpoint(tmp_path)
    (tmp_path / checkpoint.INDEX).write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="not an index"):
        Checkpoint(tmp_path)


def test_a_file_that_vanishes_or_shrinks_while_it_is_read_is_told_in_words(tmp_path: Path) -> None:
    write(tmp_path, {"a": torch.zeros(400)})
    found, path = Checkpoint(tmp_path), tmp_path / checkpoint.SINGLE
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="it ends inside a"):
        found.read("a")
    path.unlink()
    with pytest.raises(UserError, match=r"could not be read or written \(No such file"):
        found.read("a")


def test_a_full_disk_is_told_in_words(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / checkpoint.SINGLE).symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"The disk is full(?s:.*)free some space"):
        write(tmp_path, {"a": torch.zeros(400)})
