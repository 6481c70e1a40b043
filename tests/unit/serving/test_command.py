"""What vLLM is started with, and what is refused before it starts."""

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest

from scribetune.conversion.endpoint import KEY_VARIABLE
from scribetune.core.config import Config, Generate, load
from scribetune.core.errors import UserError
from scribetune.core.package import REPOSITORY
from scribetune.models.families import FAMILIES, modes
from scribetune.models.families.deepseek_vl2 import rendered
from scribetune.serving import adapter, command, environment
from scribetune.serving.environment import Environment
from support import tiny_deepseek_ocr, tiny_deepseek_vl2

CPU = Environment(Path("/env"), "cpu")
GPU = Environment(Path("/env"), "gpu")
TINY = REPOSITORY / "models" / "tiny"


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def value_of(service: command.Service, option: str) -> str:
    return service.arguments[service.arguments.index(option) + 1]


def read(service: command.Service, option: str) -> Any:
    return json.loads(value_of(service, option))


def test_plain_requests_are_read_as_the_build_reads() -> None:
    config = load({"task": {"prompt": "markdown"}, "generate": {"max_new_tokens": 300, "ngram_window": 80}})
    service = command.service(config, TINY, CPU, port=8001)
    assert service.arguments[:3] == ("/env/bin/python", "-m", "vllm.entrypoints.openai.api_server")
    assert (value_of(service, "--model"), value_of(service, "--served-model-name")) == (str(TINY), "tiny")
    assert (value_of(service, "--host"), value_of(service, "--port")) == ("127.0.0.1", "8001")
    assert value_of(service, "--dtype") == "float32"
    assert read(service, "--override-generation-config") == {"temperature": 0.0, "max_new_tokens": 300}
    assert read(service, "--additional-config") == {
        "scribetune_guard": {"ngram_size": 30, "window_size": 80, "whitelist_token_ids": [9, 10]}
    }
    assert read(service, "--default-chat-template-kwargs") == {
        "prompt": "<|grounding|>Convert the document to markdown. "
    }
    assert Path(value_of(service, "--chat-template")).is_file()
    assert {"--no-enable-prefix-caching", "--enforce-eager", "--skip-mm-profiling"} <= set(service.arguments)
    assert value_of(service, "--allowed-media-domains") == "none.invalid"
    assert service.address == "http://127.0.0.1:8001/v1"


CLIP = {"width": 1024, "layers": 24, "heads": 16, "image_size": 224, "patch_size": 14}
RELEASED_OCR = {"sam_vit_b": {"width": 768, "layers": 12, "heads": 12}, "clip-l-14-224": CLIP}


def with_encoder(folder: Path, base: Path, change: dict[str, Any]) -> Path:
    """Write settings and tokenizer of a model of the authors' form with other sizes of its encoder."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((base / name).read_bytes())
    settings = json.loads((base / "config.json").read_text(encoding="utf-8"))
    for part, sizes in change.items():
        if isinstance(sizes, dict):
            settings["vision_config"]["width"][part] |= sizes
        else:
            settings["vision_config"][part] = sizes
    if base == tiny_deepseek_vl2.folder():  # its projector takes what the encoder gives
        settings["projector_config"]["input_dim"] = settings["vision_config"].get("width")
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def test_a_mode_that_vllms_own_class_does_not_know_is_refused(tmp_path: Path) -> None:
    with_encoder(tmp_path, tiny_deepseek_ocr.folder(), RELEASED_OCR)
    assert command.service(Config(), tmp_path, CPU).model == tmp_path.name
    family = FAMILIES["deepseek_ocr"]
    modes.write(tmp_path, family.modes["base"], {})
    with pytest.raises(UserError, match=r"in mode gundam alone(?s:.*)base(?s:.*)scribetune convert"):
        command.service(Config(), tmp_path, CPU)


RELEASED_SIGLIP = {
    "width": 1152, "layers": 27, "heads": 16, "mlp_ratio": 3.7362, "image_size": 384, "patch_size": 14,
}  # fmt: skip


def with_timm(folder: Path) -> Environment:
    (folder / "env" / "lib" / "python3.11" / "site-packages" / "timm").mkdir(parents=True)
    return Environment(folder / "env", "gpu")


@pytest.mark.parametrize(
    ("base", "sizes", "told"),
    [
        (tiny_deepseek_ocr.folder, {}, r"sam_config\.hidden_size: 16(?s:.*)Accepted: sam_config\.hidden_size: 768"),
        (
            tiny_deepseek_ocr.folder,
            RELEASED_OCR | {"clip-l-14-224": CLIP | {"layers": 23}},
            r"clip_config\.num_hidden_layers: 23(?s:.*)24",
        ),
        (tiny_deepseek_vl2.folder, {}, r"hidden_size: 16(?s:.*)1152(?s:.*)scribetune convert"),
        (tiny_deepseek_vl2.folder, RELEASED_SIGLIP | {"image_size": 378}, r"image_size: 378(?s:.*)384"),
    ],
)
def test_an_encoder_of_other_sizes_than_vllms_own_class_has_is_refused(
    base: Any, sizes: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=rf"written into it(?s:.*){told}"):
        command.service(Config(), with_encoder(tmp_path, base(), sizes), with_timm(tmp_path))


def test_a_conversation_is_asked_as_it_was_trained_where_the_package_of_its_encoder_is_there(tmp_path: Path) -> None:
    model = with_encoder(tmp_path, tiny_deepseek_vl2.folder(), RELEASED_SIGLIP)
    with pytest.raises(UserError, match=r"needs a package(?s:.*)'timm'(?s:.*)/env/bin/python -m pip install"):
        command.service(Config(), model, GPU)
    service = command.service(Config(), model, with_timm(tmp_path))
    asked = read(service, "--default-chat-template-kwargs")
    template = jinja2.Environment(autoescape=False).from_string(  # noqa: S701  a prompt, no page of the web
        Path(value_of(service, "--chat-template")).read_text(encoding="utf-8")
    )
    page: list[dict[str, Any]] = [{"type": "image"}]
    for said in ([], [{"type": "text", "text": "读"}]):
        text = template.render(bos_token="<b>", messages=[{"content": page + said}], **asked)  # noqa: S106
        own = FAMILIES["deepseek_vl2"].prompts["free_ocr"] if not said else "<image>\n读"
        assert text == f"<b>{rendered(own)}"


@pytest.mark.parametrize("kind", ["deepseek_ocr", "deepseek_vl2"])
def test_a_class_of_this_package_alone_is_refused_with_the_layout_that_vllm_reads(kind: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}), encoding="utf-8")
    with pytest.raises(UserError, match=rf"authors' config\.json alone(?s:.*)'{kind}'(?s:.*)merge\.layout=original"):
        command.service(Config(), tmp_path, CPU)


def test_a_gpu_computes_bfloat16_and_records_its_steps() -> None:
    service = command.service(Config(), TINY, GPU)
    assert value_of(service, "--dtype") == "bfloat16"
    assert "--enforce-eager" not in service.arguments
    assert value_of(command.service(load({"train": {"machine": {"precision": "float32"}}}), TINY, GPU), "--dtype") == (
        "float32"
    )


def test_without_a_guard_there_is_none() -> None:
    service = command.service(Config(generate=Generate(ngram_guard=0)), TINY, CPU)
    assert "--logits-processors" not in service.arguments


def test_what_is_given_besides_comes_last() -> None:
    service = command.service(Config(), TINY, GPU, more=["--max-model-len", "2048"])
    assert service.arguments[-2:] == ("--max-model-len", "2048")


def test_the_authors_layout_keeps_its_prompt(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "deepseek_vl_v2", "architectures": ["DeepseekOCR2ForCausalLM"]}), encoding="utf-8"
    )
    service = command.service(Config(), tmp_path, GPU)
    assert read(service, "--default-chat-template-kwargs") == {"prompt": "Free OCR. "}


def test_other_families_keep_their_own_chat_template(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3_vl"}), encoding="utf-8")
    assert "--chat-template" not in command.service(Config(), tmp_path, GPU).arguments


def test_pages_are_normalised_by_the_processor_where_the_folder_does_not_say_how(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3_vl"}), encoding="utf-8")
    left_to_vllm = "--no-mm-device-do-normalize"  # without it, it would read pixels from 0 to 255
    assert left_to_vllm in command.service(Config(), tmp_path, GPU).arguments
    said = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps({"image_mean": [0.5] * 3}), encoding="utf-8")
    assert left_to_vllm in command.service(Config(), tmp_path, GPU).arguments
    path.write_text(json.dumps(said), encoding="utf-8")
    assert left_to_vllm not in command.service(Config(), tmp_path, GPU).arguments
    path.unlink()
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": said}), encoding="utf-8")
    assert left_to_vllm not in command.service(Config(), tmp_path, GPU).arguments


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"intermediate_size": 4096}, r"intermediate_size: 4096'(?s:.*)4608"),
        ({"rope_parameters": {"rope_theta": 10_000}}, r"without partial_rotary_factor(?s:.*)1\.0"),
    ],
)
def test_what_vllms_class_would_cut_without_a_word_is_refused(
    change: dict[str, Any], told: str, tmp_path: Path
) -> None:
    released = {"intermediate_size": 4608, "rope_parameters": {"rope_theta": 10_000, "partial_rotary_factor": 1.0}}
    settings = {"model_type": "glm_ocr", "text_config": released, "vision_config": {"out_hidden_size": 1536}}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    assert command.service(Config(), tmp_path, GPU).model == tmp_path.name
    path.write_text(json.dumps({**settings, "text_config": released | change}), encoding="utf-8")
    with pytest.raises(UserError, match=rf"would compute this model otherwise(?s:.*){told}(?s:.*)scribetune convert"):
        command.service(Config(), tmp_path, GPU)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.json cannot be read"):
        command.service(Config(), tmp_path, CPU)


def test_others_are_let_in_with_a_key_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no key is set"):
        command.service(Config(), TINY, CPU, host="0.0.0.0")  # noqa: S104
    monkeypatch.setenv(KEY_VARIABLE, "long and random")
    service = command.service(Config(), TINY, CPU, host="0.0.0.0")  # noqa: S104
    assert service.environ()["VLLM_API_KEY"] == "long and random"
    assert "long and random" not in service.shown
    assert service.address == "http://127.0.0.1:8000/v1"


def test_an_absent_environment_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(environment.VARIABLE, str(tmp_path))
    with pytest.raises(UserError, match="make serving-env"):
        environment.find()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / "scribetune-environment").write_text("serving 0123\n", encoding="utf-8")
    assert environment.find() == Environment(tmp_path, "gpu")


def saved_adapter(folder: Path, *names: str, rank: int = 16) -> Path:
    header = json.dumps({"__metadata__": {}, **{name: {} for name in names}}).encode()
    (folder / "adapter_model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank}), encoding="utf-8")
    return folder


def test_an_adapter_of_the_language_model_goes_beside_its_base(tmp_path: Path) -> None:
    name = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight"
    found = saved_adapter(tmp_path, name)
    for where in (GPU, CPU):
        service = command.service(Config(), TINY, where, adapter=adapter.beside(found, TINY, where))
        assert (value_of(service, "--max-lora-rank"), value_of(service, "--lora-modules")) == ("16", f"adapter={found}")
        # Not the experts: with LoRA for these, vLLM takes kernels that no CPU has.
        assert value_of(service, "--lora-target-modules") == "q_proj"


@pytest.mark.parametrize(
    "name",
    [
        "base_model.model.model.language_model.layers.0.mlp.up_proj.lora_A.weight",
        "base_model.model.model.language_model.layers.1.mlp.experts.lora_A.weight",
        "base_model.model.model.vision_tower.vision_encoder.layers.0.self_attn.q_proj.lora_B.weight",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
    ],
)
def test_an_adapter_that_vllm_would_drop_is_refused(tmp_path: Path, name: str) -> None:
    kept = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight"
    with pytest.raises(UserError, match=r"apply 1 of the adapter's 2 tensors.*\n.*\n.*serve, without --adapter"):
        adapter.beside(saved_adapter(tmp_path, name, kept), TINY, GPU)
    with pytest.raises(UserError, match="cannot be read"):
        adapter.beside(tmp_path / "nowhere", TINY, GPU)


def test_beside_the_authors_config_it_goes_under_original_names(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text(json.dumps({"architectures": ["DeepseekOCR2ForCausalLM"]}), encoding="utf-8")
    original = "base_model.model.model.layers.1.mlp.experts.3.up_proj.lora_A.weight"
    found = saved_adapter(tmp_path, original, rank=32)
    assert adapter.beside(found, base, GPU) == command.Beside(found, 32)
    with pytest.raises(UserError, match="on a GPU alone"):
        adapter.beside(found, base, CPU)
    with pytest.raises(UserError, match="exported under the original names"):
        trained = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight"
        adapter.beside(saved_adapter(tmp_path, trained), base, GPU)
