"""What vLLM is started with, for which kind of model folder."""

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scribetune.conversion.endpoint import KEY_VARIABLE, unguarded_tokens
from scribetune.core.config import Config
from scribetune.core.errors import UserError
from scribetune.core.package import PACKAGE_FOLDER
from scribetune.models import families
from scribetune.models.families import authors_config, modes
from scribetune.models.families.interface import Family
from scribetune.serving.environment import Environment

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SERVER = "vllm.entrypoints.openai.api_server"
_PROMPT_TEMPLATE = PACKAGE_FOLDER.parent / "scribetune_vllm" / "prompt.jinja"
_NO_HOST = "none.invalid"
"""The only host that images may be fetched from by their address: there is none, pages come within the request."""
_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        # Its processes talk to each other by sockets, which otherwise listen on the machine's own address.
        "VLLM_HOST_IP": "127.0.0.1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
)
_CPU_CACHE_GB = "2"


@dataclass(frozen=True)
class Beside:
    """An adapter that vLLM can apply beside its base."""

    folder: Path
    rank: int
    modules: tuple[str, ...] = ()
    """The layers that get LoRA, by the last part of their names; (): all that vLLM can give it to.

    With experts among these it takes kernels for LoRA, which no CPU has.
    """


@dataclass(frozen=True)
class Service:
    """A server that can be started."""

    arguments: tuple[str, ...]  # the command and its arguments
    host: str
    port: int
    model: str  # its name there
    variables: Mapping[str, str] = field(default_factory=dict)  # of its environment, the key not among them

    @property
    def address(self) -> str:
        """Of OpenAI's interface, as this machine reaches it."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104  compared, not listened on
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"

    @property
    def shown(self) -> str:
        """The command as one can type it; the key is in the environment of who calls."""
        return " ".join([*(f"{name}={value}" for name, value in self.variables.items()), shlex.join(self.arguments)])

    @property
    def has_key(self) -> bool:
        """Whether it asks for a key."""
        return bool(os.environ.get(KEY_VARIABLE))

    def environ(self) -> dict[str, str]:
        """Return the environment of its process: this one's and the variables, our package first, the key for vLLM."""
        found = {**os.environ, **self.variables}
        before = found.get("PYTHONPATH", "").split(os.pathsep)
        found["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE_FOLDER.parent), *before]))
        if key := os.environ.get(KEY_VARIABLE):
            found["VLLM_API_KEY"] = key
        return found


def service(
    config: Config,
    model: Path,
    environment: Environment,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    adapter: Beside | None = None,
    more: Sequence[str] = (),
) -> Service:
    """Return the server of a model folder, with the build's settings for reading as what holds for plain requests.

    Args:
        config: `task`, `generate` and `train.machine` are used.
        model: Folder of the model, merged or base.
        environment: Where vLLM is.
        host: What it listens on.
        port: Its port.
        adapter: An adapter to be served beside the model, under the name `adapter`.
        more: Further arguments for vLLM, which override these.

    Raises:
        UserError: No model that vLLM serves, or another host than this machine's own without a key.
    """
    if host not in LOOPBACK and not os.environ.get(KEY_VARIABLE):
        raise UserError(
            "Others can reach this address, and no key is set", value=host,
            accepted=f"127.0.0.1, or a key in the variable {KEY_VARIABLE}",
            todo=f"export {KEY_VARIABLE}=… (a long random text), and give it to those who may read",
        )  # fmt: skip
    family = _family(model)
    _refuse_unserved(family, model, environment)
    name = model.resolve().name
    generate = config.generate
    options: list[str] = ["--host", host, "--port", str(port), "--model", str(model), "--served-model-name", name]
    options += ["--dtype", _dtype(config, environment)]
    options += ["--generation-config", "vllm", "--override-generation-config"]
    options += [_json({"temperature": generate.temperature, "max_new_tokens": generate.max_new_tokens})]
    # A page is read once: nothing of it is worth keeping for the next request.
    options += ["--no-enable-prefix-caching", "--mm-processor-cache-gb", "0"]
    options += ["--limit-mm-per-prompt", _json({"image": 1}), "--allowed-media-domains", _NO_HOST]
    if not _says_norm(model):
        # vLLM takes such a folder for one whose pages stay numbers from 0 to 255; its processor has mean and deviation.
        options += ["--no-mm-device-do-normalize"]
    if family.reads_plain_prompts or any(family.turn):
        prompt = families.beside_page(families.prompt_of(family, config.task.prompt, config.task.term))
        options += ["--chat-template", str(_PROMPT_TEMPLATE), "--chat-template-content-format", "openai"]
        options += ["--default-chat-template-kwargs", _json({"prompt": prompt, **_around(family)})]
    if generate.ngram_guard:
        exempt = list(unguarded_tokens(model, family.guard_exempt_tokens))
        guard = {"ngram_size": generate.ngram_guard, "window_size": generate.ngram_window}
        options += ["--logits-processors", "scribetune_vllm.guard:NgramGuard"]
        options += ["--additional-config", _json({"scribetune_guard": {**guard, "whitelist_token_ids": exempt}})]
    if adapter is not None:
        options += ["--enable-lora", "--max-lora-rank", str(_rank(adapter.rank))]
        options += ["--lora-modules", f"adapter={adapter.folder}"]
        options += ["--lora-target-modules", *adapter.modules] if adapter.modules else []
    variables = dict(_VARIABLES)
    if environment.device == "cpu":
        # Memory for keys and values is given: encoding the largest page there may be would take minutes for nothing.
        options += ["--enforce-eager", "--skip-mm-profiling"]
        variables["VLLM_CPU_KVCACHE_SPACE"] = os.environ.get("VLLM_CPU_KVCACHE_SPACE", _CPU_CACHE_GB)
    return Service((str(environment.python), "-m", _SERVER, *options, *more), host, port, name, variables)


def _refuse_unserved(family: Family, model: Path, environment: Environment) -> None:
    """Refuse a model that vLLM has no class for, or one whose class would compute it or cut its pages otherwise.

    Raises:
        UserError: It is one; or the class needs a package that is not there.
    """
    if not has_authors_config(model):
        if not family.is_in_transformers:
            raise UserError(
                f"vLLM reads {family.title} under its authors' config.json alone; this folder has the form of",
                value=family.model_type, accepted=family.served_architecture,
                todo="merge it in that layout (--set merge.layout=original; trains nothing), or read pages by "
                "`scribetune convert --model`",
            )  # fmt: skip
        if other := family.misread(_settings(model)):
            raise UserError(
                f"vLLM's class of {family.title} would compute this model otherwise; its config.json has",
                value=other[0], accepted=other[1], todo="read pages by `scribetune convert --model`",
            )  # fmt: skip
        return
    sizes = family.served_encoder
    if sizes and (other := _unlike(sizes, authors_config.to_native(_settings(model))["vision_config"])):
        raise UserError(
            f"vLLM's own class of {family.title} has the sizes of the released encoder written into it; this model has",
            value=other[0], accepted=other[1], todo="read pages by `scribetune convert --model`",
        )  # fmt: skip
    for module in family.served_needs:
        if not environment.has(module):
            raise UserError(
                f"vLLM's own class of {family.title} needs a package that its environment lacks", value=module,
                accepted=f"an environment with {module}",
                todo=f"{environment.python} -m pip install --no-deps {module}",
            )  # fmt: skip
    if modes.is_unserved(family.modes, family.served_mode, model):
        raise UserError(
            f"vLLM's own class sees pages in mode {family.served_mode} alone, and this model was trained in mode",
            value=modes.said_in(model, family.modes), accepted=family.served_mode,
            todo="read pages by `scribetune convert --model`, or train with that base_model.mode",
        )  # fmt: skip


def _says_norm(model: Path) -> bool:
    """Tell whether a folder says mean and deviation of pages' pixels, where transformers looks for them."""
    for name in ("processor_config.json", "preprocessor_config.json"):
        try:
            found = json.loads((model / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if {"image_mean", "image_std"} <= dict(found.get("image_processor") or found).keys():
            return True
    return False


def _around(family: Family) -> dict[str, str]:
    return dict(zip(("before", "behind"), family.turn, strict=True)) if any(family.turn) else {}


def _unlike(wanted: Mapping[str, Any], found: Mapping[str, Any], within: str = "") -> tuple[str, str] | None:
    """Return the first key with another value than is wanted, as found and as wanted; None where there is none."""
    for key, value in wanted.items():
        name = f"{within}{key}"
        if isinstance(value, Mapping):
            if other := _unlike(value, found[key], f"{name}."):
                return other
        elif found.get(key, value) != value:
            return f"{name}: {found[key]}", f"{name}: {value}"
    return None


def has_authors_config(model: Path) -> bool:
    """Tell whether a folder's config.json is in the authors' form, which vLLM reads by a class of its own.

    Raises:
        UserError: It cannot be read.
    """
    return _by_authors_config(model) is not None


def _by_authors_config(model: Path) -> Family | None:
    named = _settings(model).get("architectures") or ()
    return next((family for family in families.FAMILIES.values() if family.served_architecture in named), None)


def _settings(model: Path) -> Mapping[str, Any]:
    path = model / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            "The model's config.json cannot be read", value=str(path), accepted="a folder of a merged or a base model",
            todo=f"build one (`scribetune build merged`), or name one by --model ({error})",
        ) from error  # fmt: skip
    return found if isinstance(found, dict) else {}


def _family(model: Path) -> Family:
    return _by_authors_config(model) or families.family_of(model)


def _dtype(config: Config, environment: Environment) -> str:
    """Return the number format, as the build's reader chooses it."""
    wanted = config.train.machine.precision
    if wanted != "auto":
        return str(wanted)
    return "float32" if environment.device == "cpu" else "bfloat16"


def _rank(rank: int) -> int:
    """Return the least of the ranks that vLLM has kernels for which holds the adapter's."""
    return next(size for size in (8, 16, 32, 64, 128, 256, 320, 512) if size >= min(rank, 512))


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
