"""The embedding table in main memory: 0.33 GB of a GPU for DeepSeek-OCR-2, of which a page needs a thousandth."""

from typing import Any

import torch


class HostEmbedding(torch.nn.Module):
    """A frozen embedding whose table lies in main memory."""

    def __init__(self, embedding: torch.nn.Embedding) -> None:
        super().__init__()
        # Not a parameter: nothing may move it back, and several processes must find all parameters on their device.
        self._held = [embedding.weight.data.cpu()]
        self._device = embedding.weight.device
        self._prepared: torch.Tensor | None = None

    @property
    def weight(self) -> torch.Tensor:
        """The table (vocabulary, width), in main memory."""
        return self._held[0]

    def prepare(self, ids: torch.Tensor) -> None:
        """Look up ids (…) that lie in main memory and send them off; the next call takes them from there.

        Without it a call has to wait for the device to hand over its ids.
        """
        rows = torch.nn.functional.embedding(ids, self.weight)  # (…, width)
        self._prepared = (rows.pin_memory() if self._device.type == "cuda" else rows).to(
            self._device, non_blocking=True
        )

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return (…, width) on the model's device."""
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared.shape[:-1] == ids.shape:
            return prepared
        return torch.nn.functional.embedding(ids.cpu(), self.weight).to(self._device)


def move_to_host(model: Any) -> HostEmbedding | None:
    """Move a model's embedding table to main memory, and return it; None where it stays: the head is the same table."""
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    if type(embedding) is not torch.nn.Embedding or head is None or head.weight is embedding.weight:
        return None
    moved = HostEmbedding(embedding)
    model.set_input_embeddings(moved)
    return moved
