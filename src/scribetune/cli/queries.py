"""Commands of the audit: `scribetune whence`, `touched-by` and `log`."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import AsJson, Folder
from scribetune.core.errors import UserError, counted

if TYPE_CHECKING:
    from rich.console import Console

    from scribetune.audit.history import Entry, Unreadable
    from scribetune.audit.touches import Touch
    from scribetune.audit.whence import Answer, OnDisk

_MOST_ROWS = 20
_PIPED_WIDTH = 140

Revision = Annotated[
    str | None, typer.Option("--rev", metavar="REV", help="A git revision (tag, branch, hash) instead of what is here.")
]


def whence(
    target: Annotated[
        str | None,
        typer.Argument(
            help="models/adapter, models/merged, a file of reports/, a page id (DOCUMENT/p0001), an adapter's folder "
            "or file anywhere, or the SHA-256 of a file that a build made.",
            show_default=False,
        ),
    ] = None,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="Say what changed from A to B instead: revisions, lineage.json files, adapters' or builds' folders.",
        ),
    ] = None,
    rev: Revision = None,
    folder: Folder = Path(),
    as_json: AsJson = False,
) -> None:
    """Say what made an adapter, a merged model, a report or a prediction: data, configuration, code, scores.

    Asked of the working tree, it also says whether the files on disk are those that the lineage speaks of.

    Keys of --json:
    target, subject, notes, scribetune: text;
    lineage: path, md5, commits (hash, date, subject), tags, working_tree;
    adapter, merged, outputs: file to SHA-256;
    headline: metric to base, tuned; metrics: all of them;
    splits: split to documents, pages;
    label_sources, reviewers: name to pages;
    on_disk: path, match, recorded, found; match is matches, differs,
    missing or not recorded;
    base_model: name, revision, files; environment: lock, digest, libraries;
    configuration, generation, code, hardware, training: as recorded;
    benchmarks: name to kind, truth (file to SHA-256), pages, unread, refused, cut,
    leakage, columns (key, name, better, note, base, tuned);
    documents: document, path, sha256, split;
    pages, page: id, document, page, split, image_sha256, label_sha256,
    label_source, reviewer;
    unreadable: what, md5, commits, reason, todo.

    Keys of --diff --json:
    added, withdrawn, changed: document ids; renamed: old id to new;
    relabelled, rendered_anew, pages_added, pages_withdrawn: page ids;
    moved, configuration, code, environment, base_model, hardware, training,
    adapter, metrics: name to before, after; version: before, after;
    words: what is printed without --json.
    """
    with errors_in_words():
        if diff is not None:
            _differences(folder, diff, target or rev, as_json=as_json)
            return
        if target is None:
            raise UserError(
                "whence of what?",
                accepted="a target, or --diff A B",
                todo="for example: scribetune whence models/adapter",
            )
        from scribetune.audit import whence as query

        answer = query.whence(folder, target, rev)
        if as_json:
            _write_json(answer.as_json())
        else:
            _show_whence(answer)


def touched_by(
    target: Annotated[
        str,
        typer.Argument(
            metavar="PDF|PAGE",
            help="A PDF on disk, a path as in reports/documents.csv, a document id, a page id (DOCUMENT/p0001), or a "
            "SHA-256 (eight digits or more) of a PDF, a page image or a label.",
        ),
    ],
    rev: Revision = None,
    folder: Folder = Path(),
    as_json: AsJson = False,
) -> None:
    """Say which adapters, merged models and reports a document went into, over all of git history.

    A PDF on disk is found by its content, whatever it was called; its name is looked up as well, and told apart.

    Keys of --json:
    target: as asked; sha256: the contents searched for;
    learned_by: SHA-256 of each adapter that learned from it;
    touches: one object per lineage and document, newest first, with
    lineage: path, md5, commits (hash, date, subject), tags, working_tree;
    adapter: SHA-256 of its weights; merged: file to SHA-256;
    went_into: those of adapter, merged, report that depend on it;
    use: trained on, validation only, test only or left out of training;
    same_content: false where only the name is the same;
    document: document, path, sha256, split;
    pages: as in whence --json, and learned;
    refused: why the last build used nothing of it;
    unreadable: what, md5, commits, reason, todo; limits: text.
    """
    with errors_in_words():
        from scribetune.audit import touches as query

        found = query.touched_by(folder, target, rev)
        if as_json:
            _write_json(found.as_json())
            return
        console = _console()
        if found.touches:
            _show_touches(console, found.touches)
            count = len(found.learned_by)
            learned = counted(count, "adapter") if count else "No adapter"
            _line(console, f"{learned} learned from it.")
        elif found.refused:
            _line(console, f"{target} went into nothing. reports/documents.csv says {found.refused}")
        else:
            _line(console, f"{target} went into nothing: no lineage has a document of this content.")
        _show_missing(console, found.unreadable, found.limits)


def log(
    rev: Revision = None,
    folder: Folder = Path(),
    as_json: AsJson = False,
) -> None:
    """List the adapters over time, newest first: data, label sources, scores of base and tuned.

    Without --rev, the working tree and every branch and tag; with it, the history of that revision.

    Keys of --json:
    adapters: one object per lineage, newest first, with
    lineage: path, md5, commits (hash, date, subject), tags, working_tree;
    adapter: SHA-256 of its weights;
    splits: split to documents, pages; label_sources: name to pages;
    headline: metric to base, tuned;
    unreadable: what, md5, commits, reason, todo; limits: text.
    """
    with errors_in_words():
        from scribetune.audit import timeline as query
        from scribetune.record import remembered

        found = query.timeline(folder, rev)
        if as_json:
            _write_json(found.as_json())
            return
        console = _console()
        if found.rows:
            rows = [
                (
                    _when(row.entry),
                    row.entry.where,
                    row.entry.lineage.weights_sha256[:12],
                    " / ".join(f"{count.documents:,}" for count in row.splits.values()),
                    " / ".join(f"{count.pages:,}" for count in row.splits.values()),
                    _counts(row.label_sources),
                    *(_pair(row.headline.get(name)) for name in ("cer_mean", "table_f1")),
                )
                for row in found.rows
            ]
            columns = ("date", "recorded at", "adapter", "documents", "pages", "labels", "cer_mean", "table_f1")
            _table(console, columns, rows)
            _line(console, "Documents and pages: train / validation / test. Scores: base → tuned.")
        elif not found.unreadable:
            raise UserError(
                "There is no adapter here" + "".join(f". {limit}" for limit in found.limits),
                value=str(folder.resolve()), accepted="the folder of a build",
                todo=f"build one: {remembered.command(folder)}; then scribetune commit and git commit",
            )  # fmt: skip
        _show_missing(console, found.unreadable, found.limits)


def _differences(folder: Path, sides: tuple[str, str], surplus: str | None, *, as_json: bool) -> None:
    from scribetune.audit import differences

    if surplus is not None:
        raise UserError(
            "--diff compares two lineages and takes neither a target nor --rev", value=surplus,
            accepted="scribetune whence --diff A B", todo="leave it out",
        )  # fmt: skip
    before, after = (differences.named(folder, side) for side in sides)
    found = differences.between(before, after)
    words = found.in_words()
    if as_json:
        _write_json({**found.as_json(), "words": words})
        return
    console = _console()
    for line in words:
        _line(console, line)


def _show_whence(answer: "Answer") -> None:
    from scribetune.audit import answers
    from scribetune.audit.answers import in_words

    console = _console()
    lineage = answer.entry.lineage
    _line(console, answer.subject)
    facts = [("lineage", _recorded_at(answer.entry))]
    if answer.on_disk:
        facts.append(("on disk", _on_disk(answer.on_disk)))
    facts += [("note", note) for note in answer.notes]
    if answer.page:
        page = answer.page
        by = f", by {page.reviewer}" if page.reviewer else ""
        facts += [
            ("page", f"{page.id}: page {page.page} of {page.document}, {page.split}"),
            ("label", f"{page.label_source}{by}, SHA-256 {page.label_sha256[:12]}"),
            ("image", f"SHA-256 {page.image_sha256[:12]}"),
        ]
    base = lineage.base_model
    training = lineage.training
    facts += [
        (
            "base model",
            f"{base.name}, revision {base.revision or 'none (local files)'}, {counted(len(base.files), 'file')}",
        ),
        ("training", ", ".join(f"{key} {in_words(training[key])}" for key in _TRAINING if key in training)),
        ("labels", _counts(answers.label_sources(lineage))),
        ("reviewers", _counts(answers.reviewers(lineage)) or "none named"),
        ("environment", f"{lineage.environment.lock}, pins {lineage.environment.digest}"),
        ("hardware", ", ".join(f"{key} {in_words(value)}" for key, value in lineage.hardware.items())),
        ("scribetune", lineage.scribetune),
    ]
    width = max(len(name) for name, _ in facts)
    for name, text in facts:
        _line(console, f"  {name:<{width}}  {text}")
    scores = [
        (name, in_words(pair["base"]), in_words(pair["tuned"])) for name, pair in answers.headline(lineage).items()
    ]
    if scores:
        _table(console, ("metric", "base", "tuned"), scores)
    _show_benchmarks(console, lineage.benchmarks)
    counts = answers.split_counts(lineage)
    _table(
        console, ("split", "documents", "pages"), [(k, f"{v.documents:,}", f"{v.pages:,}") for k, v in counts.items()]
    )
    pages: dict[str, int] = {}
    for row in lineage.pages:
        pages[row.document] = pages.get(row.document, 0) + 1
    _table(
        console,
        ("document", "path", "split", "pages", "sha256"),
        [(row.document, row.path, row.split, str(pages.get(row.document, 0)), row.sha256[:12]) for row in
         lineage.documents[:_MOST_ROWS]],
    )  # fmt: skip
    if len(lineage.documents) > _MOST_ROWS:
        _line(
            console,
            f"… and {counted(len(lineage.documents) - _MOST_ROWS, 'more document')}; --json lists all, and every page",
        )
    settings = [
        (f"{section}.{key}", in_words(value))
        for section, values in lineage.configuration.items()
        for key, value in values.items()
    ]
    _table(console, ("configuration", "value"), settings)
    _table(console, ("rule", "code digest"), list(lineage.code.items()))
    _show_missing(console, answer.unreadable, ())


def _show_benchmarks(console: "Console", benchmarks: Mapping[str, Any]) -> None:
    from scribetune.report import public_benchmarks

    for name, scores in benchmarks.items():
        truth = ", ".join(f"{file} SHA-256 {digest[:12]}" for file, digest in scores["truth"].items())
        _line(console, f"benchmark {name} ({scores['kind']}), truth: {truth}")
        for note in public_benchmarks.notes(scores):
            _line(console, f"  {note.text}")
        columns = [public_benchmarks.table_column(column) for column in scores["columns"]]
        _table(
            console, (name, "base", "tuned"), [(shown.heading, shown.base.text, shown.tuned.text) for shown in columns]
        )


_TRAINING = ("backend", "device", "processes", "precision", "scope", "steps", "train_pages", "first_loss", "final_loss",
             "validation_loss", "skipped")  # fmt: skip


def _show_touches(console: "Console", touches: "Sequence[Touch]") -> None:
    from scribetune.audit.touches import MEANING

    rows = []
    for touch in touches:
        pages = [f"p{page.page:04d}" for page in touch.pages]
        more = f" … {len(pages)} in all" if len(pages) > 6 else ""
        rows.append(
            (
                _when(touch.entry),
                touch.entry.where,
                touch.entry.lineage.weights_sha256[:12],
                str(touch.use),
                ", ".join(touch.went_into) or "nothing",
                touch.document.document + ("" if touch.same_content else " (other content)"),
                ", ".join(pages[:6]) + more,
            )
        )
    _table(console, ("date", "recorded at", "adapter", "use", "went into", "document", "pages"), rows)
    for use in sorted({touch.use for touch in touches}):
        _line(console, f"{use}: {MEANING[use]}.")
    if any(not touch.same_content for touch in touches):
        _line(console, "other content: a document of this name went in, and its file was another then.")


def _show_missing(console: "Console", missing: "Sequence[Unreadable]", limits: Sequence[str]) -> None:
    for limit in limits:
        _line(console, limit)
    if not missing:
        return
    _line(console, f"This answer is not complete: {counted(len(missing), 'recorded lineage')} could not be read.")
    for item in missing:
        where = ", ".join(commit.short for commit in item.commits) or "working tree"
        _line(console, f"  {where}: {item.reason}. What to do: {item.todo}")


def _recorded_at(entry: "Entry") -> str:
    commits = entry.commits
    if not commits:
        return f"{entry.path}, not recorded in git" + (" (working tree)" if entry.in_working_tree else "")
    first = commits[-1]
    here = "the working tree's; " if entry.in_working_tree else ""
    tags = f", tags {', '.join(entry.tags)}" if entry.tags else ""
    return f"{entry.path}, {here}recorded by {first.short} on {first.date[:10]} ({first.subject}){tags}"


def _on_disk(checks: "Sequence[OnDisk]") -> str:
    wrong = [check for check in checks if check.match != "matches"]
    if not wrong:
        return f"matches ({', '.join(check.path for check in checks)})"
    return "; ".join(
        f"{check.path} {check.match}"
        + (f": recorded {check.recorded[:12]}, found {check.found[:12]}" if check.match == "differs" else "")
        for check in wrong
    )


def _when(entry: "Entry") -> str:
    return entry.date[:16].replace("T", " ") or "not committed"


def _pair(values: Mapping[str, float | None] | None) -> str:
    from scribetune.audit.answers import in_words

    return f"{in_words(values['base'])} → {in_words(values['tuned'])}" if values else ""


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _console() -> "Console":
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False, markup=False, emoji=False)


def _line(console: "Console", text: str) -> None:
    console.print(shown(text), soft_wrap=True)


def _table(console: "Console", columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(shown(cell), overflow="fold") for cell in row))
    console.print(table)


def _write_json(value: Mapping[str, Any]) -> None:
    # In ASCII: file names that are no UTF-8 survive. On one line: 20,000 pages are written in a tenth of the time.
    sys.stdout.write(json.dumps(value) + "\n")
