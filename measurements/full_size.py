"""The three DeepSeek models of full size, random weights, pages of full resolution: what measurements run on.

    python measurements/full_size.py FOLDER      # writes the model (6.8 GB in bfloat16) and its processor

The released weights cannot be had where this is measured; speed and memory do not depend on their values.
"""

import random
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "pretraining")]

import torch  # noqa: E402  the folder above comes first
from PIL import Image, ImageDraw, ImageFont  # noqa: E402
from transformers import (  # noqa: E402
    DeepseekOcr2Config,
    DeepseekOcr2ForConditionalGeneration,
    DeepseekOcr2Processor,
)
from transformers.models.deepseek_ocr2.image_processing_pil_deepseek_ocr2 import (  # noqa: E402
    DeepseekOcr2ImageProcessorPil,
)

from scribetune.core.files import write_jsonl  # noqa: E402
from scribetune.models.families import (  # noqa: E402
    deepseek_ocr,
    deepseek_ocr_model,
    deepseek_vl2,
    deepseek_vl2_config,
    deepseek_vl2_model,
)
from scribetune.models.families.deepseek_ocr_processor import Processor  # noqa: E402
from tiny_pretraining import tiny_model  # noqa: E402

VOCABULARY = 129_280
ANSWER_TOKENS = 611
"""With 1,121 image tokens of a tall page: 1,732 tokens a page, as in the field's own measurements."""
WORDS = ("revenue", "total", "report", "12,345", "quarterly", "income", "+15%", "balance", "notes", "section", "of")


TEXT = {
    "vocab_size": VOCABULARY, "hidden_size": 1280, "intermediate_size": 6848, "num_hidden_layers": 12,
    "num_attention_heads": 10, "num_key_value_heads": 10, "moe_intermediate_size": 896, "n_routed_experts": 64,
    "n_shared_experts": 2, "num_experts_per_tok": 6, "max_position_embeddings": 8192,
    "mlp_layer_types": ["dense"] + ["sparse"] * 11, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2,
}  # fmt: skip
"""The language model, which all three have."""
SAM = {"initializer_range": 0.02}  # its default of 1e-10 would make all pages alike
QUERY_ENCODER = {
    "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
    "intermediate_size": 4864,
}  # fmt: skip


def configuration(family: str = "deepseek_ocr2", image_token_id: int = 3) -> Any:
    """Return a family's configuration (3.39 B parameters; deepseek_ocr 3.34 B, deepseek_vl2 3.37 B)."""
    ids: dict[str, Any] = {"image_token_id": image_token_id, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    first: Any = deepseek_ocr_model.DeepseekOcrConfig
    if family == "deepseek_ocr":
        return first(text_config=TEXT, vision_config={"sam_config": SAM}, **ids)
    if family == "deepseek_vl2":
        chats: Any = deepseek_vl2_model.DeepseekVl2Config
        sizes = [list(size) for size in deepseek_vl2_config.RELEASED_RESOLUTIONS]
        return chats(text_config=TEXT, vision_config={}, projector_config={}, candidate_resolutions=sizes, **ids)
    vision = {"sam_config": SAM, "encoder_config": QUERY_ENCODER}
    return DeepseekOcr2Config(text_config=TEXT, vision_config=vision, **ids)


def model_and_processor(
    device: str, dtype: torch.dtype, seed: int = 0, family: str = "deepseek_ocr2"
) -> tuple[Any, Any]:
    """Make a family's model on a device, and its processor."""
    words = tiny_model.tokenizer()
    if family == "deepseek_vl2":  # which adds these to any tokenizer: within the vocabulary
        words.add_tokens(list(deepseek_vl2.ADDED), special_tokens=True)
    words.add_tokens([f"[{number}]" for number in range(len(words), VOCABULARY)])  # ids show in the text
    settings = configuration(family, words.convert_tokens_to_ids(tiny_model.IMAGE))
    made: Any = {
        "deepseek_ocr": deepseek_ocr_model.DeepseekOcrForConditionalGeneration,
        "deepseek_vl2": deepseek_vl2_model.DeepseekVl2ForConditionalGeneration,
    }.get(family, DeepseekOcr2ForConditionalGeneration)
    torch.manual_seed(seed)
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            model = made(settings)
    finally:
        torch.set_default_dtype(torch.float32)
    for weight in model.parameters():
        if not torch.isfinite(weight).all():
            weight.data.normal_(0.0, 0.02)
    model.generation_config.update(bos_token_id=0, eos_token_id=1, pad_token_id=2)
    if family == "deepseek_ocr":
        return model.eval(), Processor(words, deepseek_ocr.MODES["gundam"])
    if family == "deepseek_vl2":
        return model.eval(), Processor(words, deepseek_vl2.Tiling(deepseek_vl2_config.RELEASED_RESOLUTIONS))
    return model.eval(), DeepseekOcr2Processor(image_processor=DeepseekOcr2ImageProcessorPil(), tokenizer=words)


def write(folder: Path, seed: int = 0) -> None:
    """Write the model (bfloat16, 6.8 GB) and its processor to a folder, unless they are there."""
    if (folder / "processor_config.json").exists():
        return
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, processor = model_and_processor(device, torch.bfloat16, seed)
    model.save_pretrained(folder, save_original_format=False, max_shard_size="5GB")
    processor.save_pretrained(folder)


def write_split(path: Path, pages: int, prompt: str, seed: int = 0) -> None:
    """Write page images (1,632 × 2,304 px, gray) beside `path` and a split of them, answers of `ANSWER_TOKENS` tokens.

    The tokenizer is one of characters, so that as many characters are as many tokens.
    """
    rng = random.Random(seed)  # noqa: S311  repeatable, not secret
    font = ImageFont.load_default(size=40)
    rows = []
    for number in range(pages):
        lines = [" ".join(rng.choices(WORDS, k=10)) for _ in range(40)]
        image = Image.new("L", (1632, 2304), 255)
        pen = ImageDraw.Draw(image)
        for line, text in enumerate(lines):
            pen.text((60, 40 + 54 * line), text, fill=0, font=font)
        file = path.parent / f"{path.stem}-{number:04d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file, compress_level=1)
        answer = "\n".join(lines)[: ANSWER_TOKENS - 1]
        rows.append(
            {
                "id": f"{path.stem}-{number:04d}/p0001", "document": f"{path.stem}-{number:04d}", "page": 1,
                "conversations": [{"from": "human", "value": prompt}, {"from": "gpt", "value": answer}],
                "images": [str(file)],
            }
        )  # fmt: skip
    write_jsonl(path, rows)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
