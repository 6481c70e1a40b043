"""Commands of the plan: `scribetune why` and `scribetune plan`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import AsJson, ConfigFiles, Folder, Settings, called_again


def why(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET",
            help="A target (pages, labels, splits, adapter, merged, report, audit, benchmarks), a file that the build "
            "makes, or a folder such as models/adapter. Default: everything.",
            show_default=False,
        ),
    ] = None,
    settings: Settings = None,
    config_files: ConfigFiles = None,
    folder: Folder = Path(),
    as_json: AsJson = False,
) -> None:
    """Say what a build would run and why: because of which file, key, function or library. Runs nothing.

    It is asked of the build as it was last called; --set asks what another value would re-run.

    Keys of --json:
    targets: as asked;
    jobs: upstream first: job; causes (kind, name, change), kind being file,
    key, function, library, output, record or other; follows: jobs before it
    whose outputs it reads;
    notes: old names of keys, with the new ones; what such a build would replace.
    """
    with errors_in_words():
        from scribetune.build import reasons
        from scribetune.record import remembered

        called = called_again(folder, config_files, settings)
        explanation = reasons.explain(
            folder, targets or (), config_files=[folder / path for path in called.config_files], config=called.config
        )
        if as_json:
            sys.stdout.write(json.dumps(explanation.as_json(), ensure_ascii=False, indent=2) + "\n")
        else:
            words = explanation.words()
            if explanation.jobs:
                words += ["", f"To run them: {remembered.command(folder, *(targets or ()), build=called)}"]
            sys.stdout.write("".join(f"{shown(line)}\n" for line in words))


def plan(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="TARGET", help="As of `scribetune why`. Default: everything.", show_default=False),
    ] = None,
    settings: Settings = None,
    config_files: ConfigFiles = None,
    folder: Folder = Path(),
    pages: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Plan a build of N pages on paper: no document is looked at."),
    ] = None,
    device: Annotated[
        Literal["cpu", "gpu"] | None,
        typer.Option(help="What models will run on. Default: what this environment is for.", show_default=False),
    ] = None,
    pilot: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            exists=True,
            file_okay=False,
            show_default=False,
            help="Folder of a smaller build: rates of its jobs stand in where this folder has none.",
        ),
    ] = None,
    eur_per_gpu_hour: Annotated[
        float | None, typer.Option(min=0, metavar="EUR", help="Price of a GPU's hour.", show_default=False)
    ] = None,
    eur_per_cpu_hour: Annotated[
        float | None, typer.Option(min=0, metavar="EUR", help="Price of a core's hour.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a build will take before it starts: jobs, pages, gigabytes, CPU- and GPU-hours, euros. Runs nothing.

    Rates are those of this folder's own past jobs where there are any, else --pilot's, else those of docs/benchmarks.md
    (docs/scale.md says what is assumed).

    Keys of --json:
    stages, upstream first: rule, jobs, pages, gigabytes, cpu_hours, gpu_hours,
    source (docs, or how many jobs here the rate is from);
    sums: jobs, cpu_hours, gpu_hours, gigabytes; device; notes;
    eur: where a price is given.
    """
    with errors_in_words():
        from scribetune.build import costs
        from scribetune.core import config
        from scribetune.record import provenance, remembered

        called = called_again(folder, config_files, settings)
        files = [folder / path for path in called.config_files]
        if pages is None:
            forecast = costs.forecast(
                folder, targets or (), config_files=files, config=called.config, device=device, pilot=pilot
            )
        else:
            values = remembered.with_values(remembered.values(folder, files), called.config)
            kind: Literal["cpu", "gpu"] = "gpu" if provenance.lock_in_use().stem == "gpu" else "cpu"
            forecast = costs.on_paper(pages, config.load(values), device or kind)
        if as_json:
            answer = forecast.as_json()
            if eur_per_gpu_hour is not None or eur_per_cpu_hour is not None:
                answer["eur"] = forecast.price(eur_per_gpu_hour or 0.0, eur_per_cpu_hour or 0.0)
            sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
        else:
            lines = costs.words(forecast, eur_per_gpu_hour, eur_per_cpu_hour)
            sys.stdout.write("".join(f"{shown(line)}\n" for line in lines))
