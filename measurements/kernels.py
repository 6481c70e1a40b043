"""What a GPU does: milliseconds of its kernels by kind, and the longest ones; for the other scripts here."""

from typing import Any

import torch

KINDS = {
    "attention": ("flash", "fmha", "attention", "cudnn_generated"),
    "experts": ("group", "ptr_array", "ptrarray"),
    "dense products": ("gemm", "nvjet", "cutlass", "splitk"),
    "optimiser": ("multi_tensor", "adam"),
    "norms": ("rms_norm", "layer_norm", "rmsnorm", "layernorm"),
    "sums of rows": ("embeddingbag", "embedding_bag"),
    "copies": ("memcpy", "copy", "cat", "memset"),
    "gathers, sorts": ("index", "sort", "scatter", "gather", "topk"),
    "softmax, sums": ("softmax", "reduce"),
    "elementwise": ("elementwise", "triton"),
}
"""Parts of the names of kernels; the first that fits counts."""


def profiler() -> Any:
    """Return a profiler of the GPU alone; a context manager."""
    return torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])


def say(profiled: Any, seconds: float, times: int, what: str, longest: int = 22) -> None:
    """Print what a profiler saw of something that was done so many times in so many seconds."""
    kinds: dict[str, list[float]] = {}
    found = []
    for event in profiled.key_averages():
        if event.device_type.name != "CUDA" or event.key.startswith(("##", "Optimizer")):
            continue
        taken, name = event.self_device_time_total / 1000 / times, event.key.lower()
        kind = next((kind for kind, parts in KINDS.items() if any(part in name for part in parts)), "other")
        total = kinds.setdefault(kind, [0.0, 0.0])
        total[0] += taken
        total[1] += event.count / times
        found.append((taken, event.count / times, event.key[:130]))
    busy = sum(taken for taken, _, _ in found)
    print(f"PROFILE {seconds / times * 1e3:.1f} ms a {what} under the profiler, kernels {busy:.1f}")
    for kind, (taken, count) in sorted(kinds.items(), key=lambda item: -item[1][0]):
        print(f"PROFILE   {kind:16} {taken:7.2f} ms {count:6.0f} kernels")
    for taken, count, name in sorted(found, reverse=True)[:longest]:
        print(f"PROFILE     {taken:7.2f} ms {count:5.0f} {name}", flush=True)
