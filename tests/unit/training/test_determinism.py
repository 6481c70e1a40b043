"""What is asked of torch for trainings that are the same twice."""

import os
from collections.abc import Iterator

import pytest
import torch

from scribetune.training import determinism

_WORKSPACES = "CUBLAS_WORKSPACE_CONFIG"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    mode = torch.get_deterministic_debug_mode()
    attention = torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]
    yield
    torch.set_deterministic_debug_mode(mode)
    torch.backends.cuda.enable_cudnn_sdp(attention)


def test_the_workspaces_are_set_while_the_first_product_is_made_and_not_for_every_later_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(_WORKSPACES, raising=False)
    seen = []
    monkeypatch.setattr(determinism, "_multiply", lambda device: seen.append((device, os.environ.get(_WORKSPACES))))
    determinism.ask("cuda", wanted=True)
    assert seen == [("cuda", ":4096:8")]
    assert _WORKSPACES not in os.environ


def test_workspaces_that_the_user_has_set_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_WORKSPACES, ":16:8")
    monkeypatch.setattr(determinism, "_multiply", lambda device: pytest.fail(f"a product on {device}"))
    determinism.ask("cuda", wanted=True)
    assert os.environ[_WORKSPACES] == ":16:8"
