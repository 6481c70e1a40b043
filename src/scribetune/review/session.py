"""A review session: opens pages, keeps drafts, takes decisions, and tells the second of two people on one page.

Every page has a *version*: hashes of its label as it would be built now, and of the newest decision. Who decides sends
the version that was shown: if another person has decided since, or a build has written another label, nothing is
written, and the answer is `ConflictError` with the page as it is now. The draft stays.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scribetune.core import files, layout
from scribetune.core.errors import UserError
from scribetune.dataset import long_pages
from scribetune.labels.corrections import read_correction
from scribetune.record import remembered
from scribetune.review import (
    both_readings,
    decisions,
    drafts,
    gain,
    page_views,
    queues,
    readings,
    reviewers,
    spot_check,
)
from scribetune.review.decisions import Review, Verdict
from scribetune.review.gain import Gain
from scribetune.review.page_views import ReviewPage
from scribetune.review.queues import Queue
from scribetune.review.readings import Reading
from scribetune.review.refusals import ConflictError, RefusedError, UnknownPageError
from scribetune.text import markdown, placed_blocks
from scribetune.text.text_diff import difference
from scribetune.text.visible_text import visible_everything

EDITABLE_CHARACTERS = 400_000
"""Longest label that is given to the editor; of a longer one the beginning is shown, and it can be rejected."""
_SHOWN_CHARACTERS = 20_000
COMPARED_CHARACTERS = 6_000
"""Longest text whose differences from another are marked."""
_QUEUE_LIMIT = 500
_MOST_REASON = 500
_REPORT = Path(layout.REPORTS, "index.html")
_RESOURCES = Path(layout.REPORTS, "resources.html")
_NEW_OF = 1000
"""Pages of the queue `next` whose novelty is asked after each decision."""


@dataclass(frozen=True)
class Choice:
    """Which pages are shown first.

    The order is "trust", "next", "unlabelled", "worst" or "spot_check"; the two last have `count` pages, a spot check a
    seed.
    """

    order: str = "trust"
    count: int = 50
    seed: int = 1


@dataclass(frozen=True)
class _Label:
    text: str
    source: str
    author: str


class ReviewSession:
    """Reviews of one build.

    `corrections` is `labels.corrections`, relative to the working directory of the build; `choice` says which pages are
    shown first.

    Raises:
        UserError: There is no build with selected pages, or a file of earlier reviews is not readable.
    """

    def __init__(self, folder: Path, corrections: Path, choice: Choice) -> None:
        self.folder = folder.resolve()
        self.corrections = self.folder / corrections
        self.choice = choice
        self._state: tuple[object, dict[str, ReviewPage]] = (None, {})
        self._read: tuple[object, dict[str, Reading]] = (None, {})
        self._promised: tuple[object, dict[str, Gain]] = (None, {})
        self._reported: tuple[object, dict[str, str]] = (None, {})
        self._reviews_read: tuple[object, tuple[Review, ...]] = (None, ())
        self._ordered: tuple[object, Queue] = (None, Queue("", ()))
        self._doubted: tuple[object, dict[str, Mapping[str, str]]] = (None, {})
        self._placed: tuple[object, dict[str, Mapping[str, Any]]] = (None, {})
        self._hashes: dict[str, tuple[object, str]] = {}
        self.reviews_path = decisions.path_in(self.corrections)
        self._proposed = reviewers.proposed(self.folder)
        self._queue(self.pages())  # a spot check is drawn now, and what is missing is said in the terminal

    def pages(self) -> dict[str, ReviewPage]:
        """Return page id → page, read again after each build."""
        signature = _signature(self.folder / page_views.SELECTION)
        if self._state[0] != signature:
            self._state = (signature, page_views.read(self.folder))
        return self._state[1]

    def queue(self) -> dict[str, Any]:
        """Return the pages to show, in order.

        Returns:
            {"build": tells builds apart, "name", "pages": [{"id", "done", "trust", "reason", "verdict", "reviewer"}],
            "left": pages not decided on, "proposed_reviewer": a name, or "", "spot_check": `spot_check.Result`, or None
            in other queues}.
        """
        known = self.pages()
        newest = decisions.newest(self._reviews())
        queue = self._queue(known)
        done = {id_ for id_, review in newest.items() if id_ in known and self._is_done(known[id_], review)}
        shown = queues.waiting(queue, done.__contains__, _QUEUE_LIMIT)
        rows = []
        for page in (known[id_] for id_ in shown):
            review = newest.get(page.id)
            rows.append(
                {
                    "id": page.id,
                    "done": page.id in done,
                    "trust": page.trust,
                    "reason": page.reason,
                    "verdict": review.verdict if review else "",
                    "reviewer": review.reviewer if review else "",
                }
            )
        left = sum(id_ not in done for id_ in queue.ids)
        return {
            "build": files.sha256_bytes(str(self.folder).encode())[:16],
            "name": queue.name,
            "proposed_reviewer": self._proposed,
            "pages": rows,
            "left": left,
            "spot_check": self._spot_check_result(),
        }

    def page_id(self, asked: str) -> str:
        """Return the id of a page that a person has named, or of the page whose part they have.

        Raises:
            UserError: The build has no such page.
        """
        known = self.pages()
        for id_ in (asked, long_pages.page_of(asked)):
            if id_ in known:
                return id_
        import difflib

        close = difflib.get_close_matches(asked, known, n=3)
        raise UserError(
            "The build has no such page to review", value=asked,
            accepted="the id of a page, document/p0001, as in the report and in reports/samples.csv",
            todo=f"did you mean {' or '.join(close)}?" if close else "look its document up in reports/documents.csv",
        )  # fmt: skip

    def labels(self) -> Iterator[str]:
        """Yield the labels, in an order by hash: the first are like all of them."""
        for page in sorted(self.pages().values(), key=lambda page: hashlib.sha256(page.id.encode()).digest()):
            yield self._label(page).text

    def report(self, *, is_resources: bool = False) -> Path:
        """Return the path of the report, or of the page of resources that lies beside it.

        Raises:
            UnknownPageError: There is none.
        """
        path = self.folder / (_RESOURCES if is_resources else _REPORT)
        if not path.is_file():
            raise UnknownPageError(path.name)
        return path

    def open(self, page_id: str, reviewer: str) -> dict[str, Any]:
        """Return what is shown of a page.

        Raises:
            UnknownPageError: There is no such page.
            RefusedError: The reviewer's name cannot be used.
        """
        reviewers.check(reviewer, decides=False)
        return self._view(self._page(page_id), reviewer)

    def image(self, page_id: str) -> Path:
        """Return the path of a page image.

        Raises:
            UnknownPageError: There is no such page, or its image is not below data/pages.
        """
        path = (self.folder / self._page(page_id).image).resolve()
        if not path.is_relative_to((self.folder / layout.PAGES).resolve()) or not path.is_file():
            raise UnknownPageError(page_id)
        return path

    def save_draft(self, page_id: str, reviewer: str, text: str, version: str, revision: int) -> dict[str, Any]:
        """Keep what a reviewer has typed.

        `version` is that of the page when it was opened, `revision` that of the reviewer's draft as last seen (0 for
        none).

        Returns:
            {"revision": the new one, "stale": whether somebody has decided on the page since it was opened}.

        Raises:
            UnknownPageError: There is no such page.
            RefusedError: The reviewer's name cannot be used.
            ConflictError: The same reviewer has saved from another tab.
        """
        reviewers.check(reviewer, decides=False)
        page = self._page(page_id)
        path = drafts.path_of(self.folder, page.document, page.page, reviewer)
        with decisions.locked(self.folder):
            kept = drafts.read(path)
            if kept is not None and kept.revision != revision and kept.text != text:
                told = "This page is open in another tab of yours, which has saved a newer text."
                raise ConflictError(told, self._view(page, reviewer))
            new = max(revision, kept.revision if kept else 0) + 1
            drafts.write(path, drafts.Draft(reviewer, text, version, new, _now()))
            return {"revision": new, "stale": version != self._version(page)}

    def name_reviewer(self, was: str, name: str) -> dict[str, Any]:
        """Give the drafts of a browser whose reviewer had no name to the name that was entered.

        Raises:
            RefusedError: The name cannot be used.
        """
        reviewers.check(name, decides=True)
        if reviewers.is_unnamed(was):
            with decisions.locked(self.folder):
                drafts.hand_over(self.folder, was, name)
        return {"reviewer": name}

    def decide(
        self, page_id: str, reviewer: str, verdict: Verdict, text: str, reason: str, version: str
    ) -> dict[str, Any]:
        """Take a decision: it is on the disk when this returns, and the reviewer's draft is gone.

        `text` is the corrected label, and not used for the other verdicts; a rejection needs a reason; `version` is
        that of the page that was shown.

        Returns:
            {"spot_check": the result so far, or None in other queues}.

        Raises:
            UnknownPageError: There is no such page.
            RefusedError: No such decision can be taken.
            ConflictError: Somebody else has decided since the page was shown.
            UserError: A file of earlier reviews is not readable.
        """
        reviewers.check(reviewer, decides=True)
        page = self._page(page_id)
        reason = " ".join(reason.split())[:_MOST_REASON]
        if verdict == Verdict.REJECT and not reason:
            raise RefusedError("Rejecting a page needs a reason: others will want to know why it is left out.")
        with decisions.locked(self.folder):
            self._check_version(page, reviewer, version)
            earlier = self._reviews()
            label = self._label(page)
            corrected = self._corrected(page, label, verdict, text)
            if corrected:
                self._refuse_link(page)
                files.write_text(self._correction(page), f"<!-- reviewer: {reviewer} -->\n{corrected}")
            now = max(_now(), earlier[-1].reviewed_at if earlier else "")
            review = Review(
                page.document, page.page, verdict, reason, reviewer, now, self._queue_name,
                page.document_sha256, _sha256(label.text), _sha256(corrected) if verdict == Verdict.CORRECT else "",
            )  # fmt: skip
            decisions.add(self.reviews_path, review)
            for path in sorted(self.corrections.glob(spot_check.PATTERN)):
                sample, _ = spot_check.read(path)
                if any(drawn.id == page.id for drawn in sample.pages):
                    spot_check.write(path, sample, (*earlier, review))
            self._remove_draft(page, reviewer, label.text if verdict == Verdict.REJECT else text, label)
            return {"spot_check": self._spot_check_result()}

    def _remove_draft(self, page: ReviewPage, reviewer: str, decided: str, label: _Label) -> None:
        """Remove a draft that was decided on.

        What was typed on a page and then rejected may be wanted again, and so may what another tab has typed.
        """
        path = drafts.path_of(self.folder, page.document, page.page, reviewer)
        draft = drafts.read(path)
        if draft is not None and draft.text in (decided, label.text):
            drafts.remove(path)

    def _check_version(self, page: ReviewPage, reviewer: str, version: str) -> None:
        if version == self._version(page):
            return
        now = self._view(page, reviewer)
        review = now["review"]
        if review is None or version.partition(".")[2] == now["version"].partition(".")[2]:
            raise ConflictError("The label has changed while this page was open here.", now)
        raise ConflictError("{reviewer} decided on this page while it was open here.", now, reviewer=review["reviewer"])

    @staticmethod
    def _corrected(page: ReviewPage, label: _Label, verdict: Verdict, text: str) -> str:
        """Return the label to write; "" for none."""
        if verdict == Verdict.REJECT:
            return ""
        if verdict == Verdict.ACCEPT:
            if not label.text:
                raise RefusedError("There is no label to accept: type what the page says, or reject the page.")
            # A gate refused it, or a model wrote it: with a person's name on it, the build takes it as it is.
            return label.text if label.source != "correction" and not _is_used_as_is(page) else ""
        if len(label.text) > EDITABLE_CHARACTERS:
            raise RefusedError("This label was not shown whole and cannot be corrected here: accept or reject it.")
        corrected = markdown.normalise(text)
        if not corrected.strip():
            raise RefusedError("An empty text is no label: reject the page if there is nothing to read on it.")
        if corrected == label.text:
            raise RefusedError("The text is the label as it was: accept it.")
        return corrected

    def _page(self, page_id: str) -> ReviewPage:
        page = self.pages().get(page_id)
        if page is None:
            raise UnknownPageError(page_id)
        return page

    def _correction(self, page: ReviewPage) -> Path:
        return self.corrections / page.document / f"{layout.page_name(page.page)}.md"

    def _refuse_link(self, page: ReviewPage) -> None:
        outside = decisions.leads_outside(self.corrections, page.document)
        if outside is not None:
            raise RefusedError(
                "{folder} is a link to {outside}: nothing is written there. Put a folder in its place, "
                "and start the review again.",
                folder=self.corrections / page.document, outside=outside,
            )  # fmt: skip

    def _label(self, page: ReviewPage) -> _Label:
        """Return the label that a build would use now: the correction, or the machine's."""
        correction = self._correction(page)
        if correction.exists():
            found = read_correction(correction)
            return _Label(found.text, found.source, found.author)
        path = layout.page_label(page.document, page.page)
        if not page.label or not (self.folder / path).exists():
            return _Label("", "", "")
        # As bytes: a label keeps its line ends, and its hash is that of the manifest.
        text = (self.folder / path).read_bytes().decode("utf-8")
        return _Label(text, page.label_source, page.label_reviewer)

    def _version(self, page: ReviewPage) -> str:
        review = decisions.newest(self._reviews()).get(page.id)
        return f"{_sha256(self._label(page).text)[:16]}.{files.sha256_json(asdict(review) if review else None)[:16]}"

    def _is_done(self, page: ReviewPage, review: Review) -> bool:
        if review.verdict == Verdict.REJECT:
            return review.document_sha256 == page.document_sha256
        held = review.corrected_sha256 or review.label_sha256
        return held == self._label_hash(page)

    def _label_hash(self, page: ReviewPage) -> str:
        """Return the hash of the label as it is now, read again when a file has changed: thousands are asked for."""
        machine = self.folder / layout.page_label(page.document, page.page)
        signature = (_signature(self._correction(page)), _signature(machine))
        if self._hashes.get(page.id, (None, ""))[0] != signature:
            self._hashes[page.id] = (signature, _sha256(self._label(page).text))
        return self._hashes[page.id][1]

    def _reviews(self) -> tuple[Review, ...]:
        """Return all decisions, oldest first; the file is read again when it has been replaced."""
        signature = _signature(self.reviews_path)
        if self._reviews_read[0] != signature:
            self._reviews_read = (signature, decisions.read(self.reviews_path))
        return self._reviews_read[1]

    def _view(self, page: ReviewPage, reviewer: str) -> dict[str, Any]:
        label = self._label(page)
        review = decisions.newest(self._reviews()).get(page.id)
        draft = drafts.read(drafts.path_of(self.folder, page.document, page.page, reviewer))
        others = drafts.of_others(self.folder, page.document, page.page, reviewer)
        is_editable = len(label.text) <= EDITABLE_CHARACTERS
        return {
            "id": page.id,
            "text": label.text if is_editable else label.text[:_SHOWN_CHARACTERS],
            "characters": len(label.text),
            "editable": is_editable,
            "source": label.source,
            "author": label.author,
            "accepted": page.accepted,
            "reason": page.reason,
            "trust": page.trust,
            "doubts": page.doubts,
            "version": self._version(page),
            "review": asdict(review) if review else None,
            "draft": asdict(draft) if draft else None,
            "others": ["" if reviewers.is_unnamed(name) else name for name in others],
            "reading": self._reading(page, label),
            "both": self._both(page, label),
            "blocks": self._blocks(page, label),
            "report": self._place_in_report(page),
        }

    def _place_in_report(self, page: ReviewPage) -> str:
        """Return where the report shows a page, "page-7"; "" where it does not, or there is none."""
        scores = self.folder / queues.SAMPLES
        signature = (_signature(scores), _signature(self.folder / _REPORT))
        if self._reported[0] != signature:
            self._reported = (signature, queues.report_places(scores) if (self.folder / _REPORT).is_file() else {})
        return self._reported[1].get(page.id, "")

    def _reading(self, page: ReviewPage, label: _Label) -> str:
        """Return the tuned model's reading, compared with the label, as safe HTML; "" where it read no such page."""
        found = self._readings().get(page.id)
        return "" if found is None else str(difference(label.text, found.text, COMPARED_CHARACTERS).html)

    def _readings(self) -> dict[str, Reading]:
        """Return page id → what the tuned model reads, again after each build."""
        signature = tuple(map(_signature, readings.paths(self.folder)))
        if self._read[0] != signature:
            self._read = (signature, readings.read(self.folder))
        return self._read[1]

    def _by_gain(self, known: Mapping[str, ReviewPage]) -> Queue:
        """Return the pages by what their correction may be worth, as new as they are after what was decided by now.

        Raises:
            UserError: The tuned model has read no page.
        """
        read = self._readings()
        if not read:
            raise UserError(
                "The tuned model has read no page of this build yet", value=str(self.folder / layout.PREDICTIONS),
                accepted="predictions of test pages (any build has them), of all pages after `suspects`",
                todo=f"let it read them: {remembered.command(self.folder, 'suspects')}; or review by trust",
            )  # fmt: skip
        signature = (_signature(self.folder / page_views.SELECTION), self._read[0])
        if self._promised[0] != signature:
            labelled = (page for page in known.values() if page.label)
            found = gain.of_pages(((page, self._label(page).text) for page in labelled), read)
            self._promised = (signature, {one.page: one for one in found})
        promised = self._promised[1]
        decided = set(decisions.newest(self._reviews()))
        decided |= {page.id for page in known.values() if page.label_source == "correction"}
        corrected = [promised[id_].runs for id_ in sorted(decided) if id_ in promised]
        waiting = [one for one in promised.values() if known[one.page].label_source != "correction"]
        return Queue("next", tuple(one.page for one in gain.ordered(waiting, corrected, most=_NEW_OF)))

    def _both(self, page: ReviewPage, label: _Label) -> list[dict[str, Any]]:
        """Return what a second reader reads otherwise than the label, unless a person wrote that.

        Returns:
            [{"kind": a key of `both_readings.WITNESSES`, "trust": of a table, or None, "place": in words, "label" and
            "other": both readings as safe HTML, "places": left, top, width and height as shares of the image}].
        """
        if label.source == "correction":
            return []
        signature = _signature(self.folder / page_views.SELECTION)
        if self._doubted[0] != signature:
            self._doubted = (signature, page_views.read_otherwise(self.folder))
        row = self._doubted[1].get(page.id)
        shown = []
        for found in both_readings.of_row(row) if row else ():
            ours, theirs = both_readings.html_of(found)
            places = both_readings.shares(found, both_readings.page_size(row or {}), self._image_size(page))
            told = {"kind": found.kind, "trust": found.trust, "place": found.place, "places": places}
            shown.append({**told, "label": str(ours), "other": str(theirs)})
        return shown

    def _blocks(self, page: ReviewPage, label: _Label) -> list[dict[str, Any]]:
        """Return kind and box (left, top, right, bottom, in thousandths of the page) of each block of a label.

        [] where nobody has asked for them, or for a label that they are not of.
        """
        signature = tuple(map(_signature, sorted((self.folder / layout.BLOCKS).glob("*.jsonl"))))
        if self._placed[0] != signature:
            self._placed = (signature, page_views.read_blocks(self.folder))
        row = self._placed[1].get(page.id)
        if row is None or row["label_sha256"] != files.sha256_bytes(label.text.encode()):
            return []
        blocks = placed_blocks.of_record(row).blocks
        return [{"kind": block.kind, "box": box} for block in blocks for box in block.boxes]

    def _image_size(self, page: ReviewPage) -> tuple[int, int]:
        from PIL import Image

        try:
            with Image.open(self.image(page.id)) as image:
                return image.size
        except (OSError, UnknownPageError):
            return 1, 1  # nothing is framed where nothing is shown

    @property
    def _queue_name(self) -> str:
        if self.choice.order == "spot_check":
            return f"spot_check-n{self.choice.count}-seed{self.choice.seed}"
        return self.choice.order

    def _queue(self, known: Mapping[str, ReviewPage]) -> Queue:
        if self.choice.order == "spot_check":
            sample = self._sample(known)
            ids = tuple(page.id for page in sample.pages if page.id in known)
            return Queue(sample.name, ids, keeps_done=True)
        if self.choice.order == "next":
            return self._by_gain(known)
        scores = self.folder / queues.SAMPLES
        signature = (_signature(self.folder / page_views.SELECTION), _signature(scores))
        if self._ordered[0] != signature:
            if self.choice.order == "worst":
                queue = queues.worst_predictions(known, scores, self.choice.count)
            else:
                queue = queues.unlabelled(known) if self.choice.order == "unlabelled" else queues.lowest_trust(known)
            self._ordered = (signature, queue)
        return self._ordered[1]

    @property
    def _sample_path(self) -> Path:
        return self.corrections / f"{self._queue_name}.json"

    def _sample(self, known: Mapping[str, ReviewPage]) -> spot_check.Sample:
        """Return the sample that was drawn, or draw it."""
        if not self._sample_path.exists():
            sample = spot_check.draw(known.values(), self.choice.count, self.choice.seed)
            if not sample.pages:
                raise UserError(
                    "There is no page to draw for a spot check", value=f"0 of {len(known)} pages",
                    accepted="pages that the build uses and whose label is no person's",
                    todo="look at reports/documents.csv, which says why pages were refused",
                )  # fmt: skip
            spot_check.write(self._sample_path, sample, self._reviews())
        return spot_check.read(self._sample_path)[0]

    def _spot_check_result(self) -> dict[str, Any] | None:
        if self.choice.order != "spot_check":
            return None
        return asdict(spot_check.read(self._sample_path)[1])


def deceptive(text: str) -> int:
    """Return how many characters of a text are invisible, or deceive the eye (overrides of direction, controls)."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return sum(plain.count(sign) for sign in set(plain) if visible_everything(sign) != sign)


def _is_used_as_is(page: ReviewPage) -> bool:
    return page.accepted and page.label_source != "teacher"


def _sha256(text: str) -> str:
    return files.sha256_bytes(text.encode("utf-8"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _signature(path: Path) -> object:
    try:
        status = path.stat()
    except FileNotFoundError:
        return ()
    return (status.st_mtime_ns, status.st_size, status.st_ino)
