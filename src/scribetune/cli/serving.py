"""Command that serves the tuned model to others: `scribetune serve`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import ConfigFiles, Folder, Settings, nested
from scribetune.core import layout
from scribetune.core.errors import UserError

if TYPE_CHECKING:
    from scribetune.serving.command import Service


def serve(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- VLLM'S OPTIONS]", help="Further options of vLLM, after `--`.")
    ] = None,
    model: Annotated[str, typer.Option(help="Folder of a model. Default: the build's merged model.")] = "",
    adapter: Annotated[
        str,
        typer.Option(metavar="DIR", help="Serve an adapter beside its base: --model, or the build's base."),
    ] = "",
    host: Annotated[
        str, typer.Option(help="Where to listen. Beyond this machine a key is needed, in SCRIBETUNE_API_KEY.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    folder: Folder = Path(),
    config_files: ConfigFiles = None,
    settings: Settings = None,
) -> None:
    """Serve the tuned model by vLLM, with OpenAI's interface: prompt, guard against loops and lengths as in the build.

    Prints the command that it runs, says when it answers, and stops it with Ctrl-C. vLLM lies in an environment of its
    own: `make serving-env`.
    """
    with errors_in_words():
        from scribetune.core import config
        from scribetune.record import remembered
        from scribetune.serving import adapter as adapters
        from scribetune.serving import command, engine, environment

        build = remembered.with_values(remembered.values(folder, config_files or ()), nested(settings or ()))
        loaded = config.load(build)
        found = environment.find()
        served = Path(model or (_base(loaded.base_model.name, folder) if adapter else folder / layout.MERGED))
        if not served.is_dir():
            raise UserError(
                "There is no merged model", value=str(served), accepted="a folder with a model",
                todo=f"build one (`{remembered.command(folder, 'merged')}`), or name one by --model",
            )  # fmt: skip
        beside = adapters.beside(Path(adapter), served, found) if adapter else None
        service = command.service(
            loaded, served, found, host=host, port=port or engine.free_port(host), adapter=beside, more=arguments or ()
        )
        log = folder / "logs" / "serve.log"
        _say(f"Serving {served} by vLLM ({found.device}):\n  {service.shown}\nIts log: {log}. Starting …\n")
        try:
            with engine.running(service, log) as running:
                _say(_ready(service, f"{running.started_s:.0f} s", "adapter" if adapter else service.model))
                status = running.wait()
        except KeyboardInterrupt:
            _say("Stopped.\n")
            return
        raise UserError(f"vLLM ended by itself (status {status})", value=str(log), todo="see the end of its log")


def _base(name: str, folder: Path) -> str:
    """Return the folder of the base model, which for serving must be one."""
    from scribetune.core.package import REPOSITORY

    found = next((root / name for root in (folder, REPOSITORY) if (root / name).is_dir()), None)
    if found is None:
        raise UserError(
            "The base model is not a folder here", value=name, accepted="base_model.name with a folder",
            todo="fetch it (hf download), and name its folder: --set base_model.name=FOLDER",
        )  # fmt: skip
    return str(found)


def _ready(service: "Service", after: str, model: str) -> str:
    page = '{"type":"image_url","image_url":{"url":"data:image/png;base64,%s"}}'
    body = f'{{"model":"{model}","skip_special_tokens":false,"messages":[{{"role":"user","content":[{page}]}}]}}'
    key = ' -H "Authorization: Bearer $SCRIBETUNE_API_KEY"' if service.has_key else ""
    return shown(
        f"Ready after {after}: {service.address}, model {model}. A page, and a document:\n"
        f"  printf '{body}' \"$(base64 -w0 page.png)\" | curl -s {service.address}/chat/completions{key} "
        "-H 'Content-Type: application/json' -d @-\n"
        f"  scribetune convert tomorrow.pdf -o converted --endpoint {service.address} --model {model}\n"
        "Stop with Ctrl-C.\n",
        lines=True,
    )


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
