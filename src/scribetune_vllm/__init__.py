"""A plugin of vLLM that serves models of the native class of DeepSeek-OCR-2, of any size.

vLLM's own class for DeepSeek-OCR-2 has the full-size encoder written into it and reads the authors' names; its
Transformers backend builds the native class, but lacks what tells it how many tokens a page is. vLLM finds `register`
by the entry point `vllm.general_plugins`, in each of its processes. Pages are prepared, and the encoder run, by the
code that the build reads pages with.

pages      page images in, tensors and the number of their tokens out
model      the model: vLLM's Transformers backend, with the build's encoder and names of tensors
guard      the n-gram guard against loops, for every request
ngrams     its rule: which tokens may not come next
operators  torchvision without its compiled part, which a CPU has none of
"""

ARCHITECTURE = "DeepseekOcr2ForConditionalGeneration"
"""As config.json names the native class."""


def register() -> None:
    """Tell vLLM which class serves the architecture; imports neither the class nor torch."""
    from vllm import ModelRegistry

    ModelRegistry.register_model(ARCHITECTURE, "scribetune_vllm.model:ServedDeepseekOcr2")
