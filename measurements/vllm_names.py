"""Whether every tensor of a full-size merged model has its place in vLLM's class, without a single weight.

    python measurements/vllm_names.py --vllm SERVING/bin/python
    python measurements/vllm_names.py --vllm SERVING/bin/python --family glm_ocr

The files of a merged model at full size are laid out by this project's own code (names, shapes, config.json):
DeepSeek-OCR-2, DeepSeek-OCR and DeepSeek-VL2 (which wants timm beside vLLM) in the layout `original`, another family in
the sizes that transformers takes for its own where nobody says others. vLLM builds its class from that config.json on
the meta device, and its own loader is given each name with a tensor that has a shape and no numbers. Told are the
tensors, the weights of the class that they fill, and what is left on either side.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import vllm_layout

REPOSITORY = Path(__file__).resolve().parents[1]


def lay_out(folder: Path, family_name: str) -> None:
    """Write configuration, processor and tokenizer, and names and shapes as names.json."""
    import torch
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

    from scribetune.core.files import write_json
    from scribetune.merging.checkpoint import Outline
    from scribetune.merging.layouts import Layouts
    from scribetune.models import families
    from scribetune.models.families import authors_config, deepseek_ocr_model, deepseek_vl2_model, native

    own = {
        deepseek_ocr_model.MODEL_TYPE: deepseek_ocr_model.DeepseekOcrConfig,
        deepseek_vl2_model.MODEL_TYPE: deepseek_vl2_model.DeepseekVl2Config,
    }
    if family_name == "deepseek_ocr2" or family_name in own:
        vllm_layout.write_settings(folder, full_size=True)
    else:
        settings = AutoConfig.for_model(family_name)
        settings.architectures = [MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[type(settings)].__name__]
        settings.save_pretrained(folder)
    if family_name in own:
        written = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        made_of: Any = own[family_name]  # its own keys are not all that it takes
        sizes = made_of(
            text_config=written["text_config"], image_token_id=written["image_token_id"], dtype="bfloat16",
            **{key: written[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")},
        )  # fmt: skip
        write_json(folder / "config.json", authors_config.of_native(sizes.to_dict(), "bfloat16"))
    layouts = Layouts(native.skeleton(folder))
    natives = [
        Outline(name, torch.bfloat16, shape) for name, shape in layouts.shapes.items() if name not in layouts.tied
    ]
    names = {one.key: one.shape for _, group in layouts.originals(natives) for one in group}
    family = families.family_of(folder)
    made = family.authors_config(native.configuration(folder).to_dict(), "bfloat16")
    write_json(folder / "names.json", names)
    if made is not None:
        write_json(folder / "config.json", made)


def inside(folder: Path) -> None:
    """Run in vLLM's environment: build the class without weights, and give its loader every name."""
    os.environ.update(HF_HUB_OFFLINE="1", VLLM_CPU_KVCACHE_SPACE="1")
    import torch
    from vllm.config import set_current_vllm_config
    from vllm.distributed import ensure_model_parallel_initialized, init_distributed_environment
    from vllm.engine.arg_utils import EngineArgs

    settings = EngineArgs(
        model=str(folder), enforce_eager=True, max_model_len=4096, dtype="bfloat16", limit_mm_per_prompt={"image": 1}
    ).create_engine_config()
    about = settings.model_config
    architecture, _ = about.registry.resolve_model_cls(about.architectures, about)
    shapes: dict[str, list[int]] = json.loads((folder / "names.json").read_text(encoding="utf-8"))
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    with set_current_vllm_config(settings):
        init_distributed_environment(1, 0, f"file://{folder}/rendezvous", 0, "gloo")
        ensure_model_parallel_initialized(1, 1)
        with torch.device("meta"):
            model = architecture(vllm_config=settings)
            weights = ((name, torch.empty(shape, dtype=torch.bfloat16)) for name, shape in shapes.items())
            filled = model.load_weights(weights)
    torch.set_default_dtype(before)
    has = {name: weight.numel() for name, weight in model.named_parameters()}
    print(vllm_layout.RESULT + json.dumps({
        "tensors": len(shapes), "filled": len(filled & set(has)), "parameters": len(has),
        "unfilled": sorted(set(has) - filled), "not_a_parameter": sorted(filled - set(has)),
        "numbers": sum(has.values()), "architecture": architecture.__name__,
        "lora": hasattr(architecture, "supports_lora") and bool(architecture.supports_lora),
    }))  # fmt: skip


def main() -> int:
    """Lay out, ask vLLM, and print what it says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vllm", type=Path, help="the Python of an environment with vLLM")
    parser.add_argument("--family", default="deepseek_ocr2", help="its model_type")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        inside(given.inside)
        return 0
    sys.path[:0] = [str(REPOSITORY / name) for name in ("src", "pretraining")]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        lay_out(folder, given.family)
        done = vllm_layout.in_engine(given.vllm, Path(__file__).resolve(), folder)
    told = [line for line in done.stdout.splitlines() if line.startswith(vllm_layout.RESULT)]
    if not told:
        print(done.stdout[-4000:], done.stderr[-8000:], sep="\n")
        return 1
    found: dict[str, Any] = json.loads(told[-1].removeprefix(vllm_layout.RESULT))
    print(
        f"{found['tensors']:,} tensors laid out; {found['filled']} of {found['parameters']} weights of vLLM's "
        f"{found['architecture']} ({found['numbers'] / 1e9:.2f} B numbers; {'with' if found['lora'] else 'no'} LoRA) "
        f"filled; unfilled {found['unfilled']}, left over {found['not_a_parameter']}"
    )
    return 0 if not (found["unfilled"] or found["not_a_parameter"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
