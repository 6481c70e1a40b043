"""Splits of a few small pages, and settings of a training of seconds on a model with random weights."""

from pathlib import Path

from PIL import Image, ImageDraw

from scribetune.core import config
from scribetune.core.files import write_jsonl
from scribetune.models import families
from support import stand_in
from support.train_keys import grouped

TINY = stand_in.folder()
FAMILY = families.family_of(TINY)
PROMPT = families.prompt_of(FAMILY, "free_ocr")
ANSWERS = ("Total 12", "季度 34", "Name: x", "<td>5</td>", "| a | b |", "6 %")


def settings(**train: object) -> config.Config:
    """Return a configuration: float32, no dropout, checkpoints of nothing but time unless told otherwise."""
    values = {
        "learning_rate": 5e-3,
        "epochs": 3,
        "effective_batch": 2,
        "micro_batch": 1,
        "gradient_checkpointing": False,
        "dropout": 0.0,
        "tensorboard": False,
        **train,
    }
    return config.load({"base_model": {"name": "models/tiny"}, "train": grouped(**values)})


def write_split(
    folder: Path, name: str, answers: tuple[str, ...], size: tuple[int, int] = (543, 768), prompt: str = PROMPT
) -> Path:
    """Write page images and a split of them; return its path."""
    rows = []
    for number, answer in enumerate(answers):
        document = f"{name}-{number}"
        path = folder / "pages" / document / "p0001.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("L", size, 255)
        ImageDraw.Draw(image).text((40, 40 + 60 * number), f"{answer} {'x' * number}", fill=0, font_size=40)
        image.save(path)
        conversation = [{"from": "human", "value": prompt}, {"from": "gpt", "value": answer}]
        rows.append(
            {
                "id": f"{document}/p0001",
                "document": document,
                "page": 1,
                "conversations": conversation,
                "images": [str(path)],
            }
        )
    write_jsonl(folder / f"{name}.jsonl", rows)
    return folder / f"{name}.jsonl"
