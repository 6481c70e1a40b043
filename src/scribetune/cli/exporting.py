"""Command that hands an adapter to a server: `scribetune export-adapter`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import ConfigFiles, Folder, Settings, nested


def export_adapter(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the adapter; an earlier export goes.")],
    adapter: Annotated[
        Path | None, typer.Option(help="Folder of the adapter as it was trained. Default: the build's.")
    ] = None,
    folder: Folder = Path(),
    config_files: ConfigFiles = None,
    settings: Settings = None,
) -> None:
    """Write the adapter under the names that vLLM applies beside the base model: what was trained has others.

    Scopes attention, language and experts; an adapter of the encoder (scope vision) must be merged.
    """
    with errors_in_words():
        from scribetune.core import config, layout, package
        from scribetune.merging import served_adapter
        from scribetune.models import families
        from scribetune.record import remembered

        loaded = config.load(
            remembered.with_values(remembered.values(folder, config_files or ()), nested(settings or ()))
        )
        about = loaded.base_model
        found = families.resolve(about, [folder, package.REPOSITORY])
        base = families.local_folder(found, about.revision)
        done = served_adapter.export(base, adapter or folder / layout.ADAPTER, output)
        sys.stdout.write(
            shown(
                f"{done.modules} modules of the adapter are in {output}, under the names of the base model's original "
                f"layout.\nServe it: vllm serve BASE --enable-lora --max-lora-rank {done.rank} "
                f"--lora-modules tuned={output}\nBASE is the base model in that layout; ask for the model `tuned`.\n",
                lines=True,
            )
        )
