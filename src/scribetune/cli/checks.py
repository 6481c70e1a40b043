"""Commands that act on what was recorded: verify, forget, reproduce."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import AsJson, Folder
from scribetune.core.errors import UserError, counted

if TYPE_CHECKING:
    from scribetune.audit.purge import Purge
    from scribetune.audit.reproduce import Reproduction
    from scribetune.audit.verify import Verification

_MOST_ROWS = 20
NOTHING_TO_VERIFY = 2
"""Exit status of `verify` where no build is recorded."""

Raw = Annotated[Path | None, typer.Option(help="Folder of the input documents, where it is not the configured one.")]


def verify(
    folder: Folder = Path(),
    raw: Raw = None,
    allowed_signers: Annotated[
        Path | None, typer.Option(help="The lineage must be signed by one of these (ssh-keygen's ALLOWED SIGNERS).")
    ] = None,
    cache: Annotated[bool, typer.Option("--cache", help="Check the objects in DVC's cache too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compute every recorded hash again, and name what was altered, is missing, or was recorded by nothing.

    Exit status: 0 all holds, 1 something does not, 2 nothing to verify. With --json: {folder, holds, kinds: {kind:
    {checked, altered, missing, unexplained}}, findings: [{kind, state, path, recorded_by, expected, found, note}],
    notes: [text]}.
    """
    from scribetune.audit import verify as verification
    from scribetune.record import remembered

    with errors_in_words(1 if folder.is_dir() else NOTHING_TO_VERIFY):
        result = verification.verify(folder, raw, with_cache=cache, allowed_signers=allowed_signers)
    if as_json:
        sys.stdout.write(json.dumps(result.as_json(), indent=2, ensure_ascii=False) + "\n")
    elif not result.is_empty:
        sys.stdout.write(_verification_text(result))
    if result.is_empty:
        error = UserError(
            "Nothing to verify: no build is recorded", value=str(folder.resolve()),
            accepted="the working directory of a build (data/manifests, models/, reports/)",
            todo=f"build first: {remembered.command(folder)}; or dvc pull; or correct --folder",
        )  # fmt: skip
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(NOTHING_TO_VERIFY)
    if not result.holds:
        raise typer.Exit(1)


def forget(
    pdf: Annotated[
        str,
        typer.Argument(help="A PDF or an image on disk, its path or id as in reports/documents.csv, or its SHA-256."),
    ],
    reason: Annotated[str, typer.Option(help="Why; kept in config/withdrawn.csv.")] = "",
    purge: Annotated[
        bool,
        typer.Option("--purge", help="Remove the document, its pages, labels, corrections and cached copies here."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before removing.")] = False,
    rebuild: Annotated[bool, typer.Option(help="Build again without it.")] = True,
    configfile: Annotated[
        list[Path] | None, typer.Option(help="Configuration files of your builds, for the build without it.")
    ] = None,
    cores: Annotated[int, typer.Option(min=1, help="Cores for that build.")] = 1,
    folder: Folder = Path(),
    raw: Raw = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw a document: keep it out from now on, list what it touched, and build without it.

    Exit status: 0 done, 1 not done (the message says what was). With --json: {documents: [{sha256, path, document,
    bytes, file}], already_withdrawn, labels, refused_elsewhere: [page id], touched: [{where, commits, in_working_tree,
    weights_sha256, splits, learned_from}], unreadable: [text], purged: [path], remains: [text], rebuilt}.
    """
    import datetime

    from scribetune.audit import purge as local_copies
    from scribetune.audit import withdraw

    with errors_in_words():
        named = withdraw.find(folder, pdf, raw)
        labels = withdraw.labels_here(folder, named)
        reach, past_labels = withdraw.touched(folder, {row.sha256 for row in named}, labels)
        chosen = local_copies.plan_purge(folder, named, labels | past_labels) if purge else local_copies.Purge((), ())
        if (chosen.paths or chosen.objects) and not yes:
            sys.stderr.write(_purge_text(chosen))
            typer.confirm("Remove all of these?", abort=True, err=True)
        # The list comes first: whatever is interrupted after it, the document stays out.
        today = datetime.datetime.now(tz=datetime.UTC).date()
        recorded = withdraw.record(folder, named, reason, today, labels | past_labels)
        local_copies.purge(chosen)
        remains = local_copies.remains(folder, named, reach, purged=purge)
        done = withdraw.as_json(named, recorded, reach) | {
            "purged": [str(path) for path in (*chosen.paths, *chosen.objects)],
            "remains": list(remains),
            "rebuilt": rebuild,
        }
        if not as_json:
            sys.stdout.write(_forgotten_text(done))
            sys.stdout.flush()
        if rebuild:
            withdraw.build_without(folder, configfile or [], cores)
        if as_json:
            sys.stdout.write(json.dumps(done, indent=2, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(_next_steps(folder, rebuilt=rebuild))


def reproduce(
    revision: Annotated[str, typer.Argument(metavar="REV", help="Tag, branch or commit with a recorded build.")],
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Leave the rebuilt folder there instead of removing it.")
    ] = None,
    configfile: Annotated[
        list[Path] | None, typer.Option(help="Configuration files that build was made with, besides its own.")
    ] = None,
    cores: Annotated[int, typer.Option(min=1, help="Cores for the build.")] = 1,
    folder: Folder = Path(),
    raw: Raw = None,
    as_json: AsJson = False,
) -> None:
    """Build a revision again with its own code, in a scratch folder, and compare hash by hash with its record.

    Exit status: 0 identical, 1 different (or it could not be built: the message says why). With --json: {revision,
    commit, identical, same: {kind: files}, differences: [{kind, path, state, detail}], notes: [text], kept}.
    """
    from scribetune.audit import reproduce as reproduction

    with errors_in_words():
        result = reproduction.reproduce(folder, revision, keep=keep, raw=raw, configfiles=configfile or [], cores=cores)
    if as_json:
        sys.stdout.write(json.dumps(result.as_json(), indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(_reproduction_text(result))
    if not result.identical:
        raise typer.Exit(1)


def _reproduction_text(result: "Reproduction") -> str:
    kinds = list(dict.fromkeys([*result.same, *(item.kind for item in result.differences)]))
    width = max(map(len, kinds), default=0)
    lines = [f"{'':<{width}}  same  different"]
    for kind in kinds:
        different = [item for item in result.differences if item.kind == kind]
        lines.append(f"{kind:<{width}}  {result.same.get(kind, 0):>4}  {len(different):>9}")
    for kind in kinds:
        different = [item for item in result.differences if item.kind == kind]
        lines += [f"  {item.state}: {shown(item.path)}  {shown(item.detail)}" for item in different[:_MOST_ROWS]]
        if len(different) > _MOST_ROWS:
            lines.append(f"  … and {len(different) - _MOST_ROWS} more {kind} (--json lists all)")
    lines += [f"Note: {shown(note)}" for note in result.notes]
    if result.kept:
        lines.append(f"Kept: {result.kept} (git worktree remove --force {result.kept} removes it)")
    count = sum(result.same.values())
    name = f"{result.revision} ({result.commit[:12]})"
    verdict = f"{name} was reproduced: {counted(count, 'file')}, no difference"
    if not result.identical:
        different_of = f"{len(result.differences)} of {counted(count + len(result.differences), 'file')}"
        verdict = f"{name} was not reproduced: differences in {different_of}"
    return "\n".join([*lines, verdict, ""])


def _purge_text(chosen: "Purge") -> str:
    lines = [f"  {shown(str(path))}" for path in chosen.paths]
    if chosen.objects:
        lines.append(f"  {counted(len(chosen.objects), 'object')} in DVC's cache that nothing else refers to")
    return "\n".join(["To be removed from this machine:", *lines, ""])


def _forgotten_text(done: dict[str, Any]) -> str:
    names = ", ".join(shown(row["path"] or row["sha256"]) for row in done["documents"])
    already = " (it was already)" if done["already_withdrawn"] else ""
    lines = [
        f"Withdrawn{already}: {names}; {counted(done['labels'], 'page label', 'is', 'are')} refused in any document"
    ]
    if done["refused_elsewhere"]:
        first = ", ".join(done["refused_elsewhere"][:_MOST_ROWS])
        lines.append(
            f"The same text is on {counted(len(done['refused_elsewhere']), 'page')} of other documents: {first}"
        )
    lines.append(
        "It touched:" if done["touched"] else "No adapter or report in the history that can be read touched it"
    )
    for item in done["touched"]:
        pages = ", ".join(f"{count} {split}" for split, count in sorted(item["splits"].items()))
        use = "trained with it" if item["learned_from"] else "only measured on it"
        lines.append(f"  adapter {item['weights_sha256'][:12]} ({item['where']}): {pages} page(s), {use}")
    lines += [f"  note: {text}" for text in done["unreadable"]]
    if done["purged"]:
        lines.append(f"Removed: {len(done['purged'])} files, folders and cached objects")
    if done["remains"]:
        lines += ["What remains:", *(f"  {shown(text)}" for text in done["remains"])]
    return "\n".join([*lines, ""])


def _next_steps(folder: Path, *, rebuilt: bool) -> str:
    from scribetune.record import remembered

    steps = [] if rebuilt else [f"build without it: {remembered.command(folder)}"]
    if (folder / ".dvc").is_dir():
        steps.append("record the build: scribetune commit")
    if (folder / ".git").exists():
        steps.append("record the withdrawal: git add config/withdrawn.csv dvc.lock, then git commit")
    return "".join(f"Next: {step}\n" for step in steps)


def _verification_text(result: "Verification") -> str:
    from scribetune.audit.expected_hashes import State

    kinds = result.as_json()["kinds"]
    width = max(map(len, kinds), default=0)
    lines = [f"{'':<{width}}  checked  altered  missing  unexplained"]
    for kind, counts in kinds.items():
        lines.append(
            f"{kind:<{width}}  {counts['checked']:>7}  {counts['altered']:>7}  {counts['missing']:>7}  "
            f"{counts['unexplained']:>11}"
        )
    for kind in kinds:
        for state in State:
            found = [finding for finding in result.findings if finding.kind == kind and finding.state == state]
            if not found:
                continue
            lines += ["", f"{kind}: {len(found)} {state}"]
            for finding in found[:_MOST_ROWS]:
                by = f" (recorded by {finding.recorded_by})" if finding.recorded_by else ""
                lines.append(f"  {shown(finding.path)}{by}")
                if finding.note:
                    lines.append(f"    {shown(finding.note)}")
            if len(found) > _MOST_ROWS:
                lines.append(f"  … and {len(found) - _MOST_ROWS} more (--json lists all)")
    lines += ["", *(f"Note: {shown(note)}" for note in result.notes)]
    total = sum(result.checked.values())
    verdict = (
        f"All {total} recorded hashes hold" if result.holds else f"{len(result.findings)} finding(s) in {total} hashes"
    )
    return "\n".join([*lines, verdict, ""])
