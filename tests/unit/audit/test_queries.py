"""Promises about the audit's answers: complete, right about what was learned from, plain about what is not known."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scribetune.audit import differences, lineage_reader, timeline, touches, whence
from scribetune.audit.lineage_reader import Lineage
from scribetune.audit.touches import Use
from scribetune.audit.whence import Match
from scribetune.cli import app
from scribetune.core.errors import UserError
from support.audit_project import Project, digest, lineage, page

FIRST = lineage({"a": ("train", 2), "b": ("test", 1), "c": ("validation", 1)}, "first", cer_mean=0.21)
SECOND = lineage(
    {"a": ("train", 2), "b2": ("train", 1), "d": ("test", 1)},
    "second",
    contents={"b2": "b"},
    paths={"b2": "folder/b2.pdf"},
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for variable in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / "nobody"))
    made = Project(tmp_path / "project")
    made.record(FIRST, "First", "v1", "first")
    made.record(SECOND, "Second", weights="second")
    monkeypatch.chdir(tmp_path)
    return made


def parsed(record: dict[str, Any]) -> Lineage:
    return lineage_reader.parse(json.dumps(record).encode(), "here")


def scribetune(project: Project, *arguments: str, fails: bool = False) -> str:
    """Run a command on the project and return what it printed."""
    result = CliRunner().invoke(app, [*arguments, "--folder", str(project.folder)])
    assert result.exit_code == int(fails), result.output
    return result.stderr if fails else result.stdout


# whence


def test_whence_says_that_the_adapter_on_disk_is_the_recorded_one(project: Project) -> None:
    answer = whence.whence(project.folder, "models/adapter")
    assert answer.entry.lineage.weights_sha256 == digest("second")
    assert answer.entry.lineage.metric("tuned", "cer_mean") == 0.03
    assert {check.match for check in answer.on_disk} == {Match.MATCHES}


@pytest.mark.parametrize("target", ["models/adapter", "./models/adapter/", "models/adapter/adapter_model.safetensors"])
def test_whence_says_that_the_adapter_on_disk_is_another(project: Project, target: str) -> None:
    (project.folder / "models/adapter/adapter_model.safetensors").write_text("tampered", encoding="utf-8")
    (project.folder / "models/adapter/adapter_config.json").unlink()
    found = {check.path: check.match for check in whence.whence(project.folder, target).on_disk}
    assert found == {"adapter_model.safetensors": Match.DIFFERS, "adapter_config.json": Match.MISSING}
    printed = scribetune(project, "whence", target)
    assert f"adapter_model.safetensors differs: recorded {digest('second')[:12]}" in printed


def test_whence_of_a_revision_reads_no_file_on_disk(project: Project) -> None:
    answer = whence.whence(project.folder, "models/adapter", "v1")
    assert answer.entry.lineage.weights_sha256 == digest("first")
    assert answer.on_disk == ()


def test_whence_notes_a_report_of_an_earlier_training(project: Project) -> None:
    third = lineage({"a": ("train", 1)}, "third")
    own = {key: value for key, value in third.items() if key not in ("merged", "generation", "metrics", "outputs")}
    (project.folder / "models/adapter/lineage.json").write_text(json.dumps(own), encoding="utf-8")
    (project.folder / "models/adapter/adapter_model.safetensors").write_text("third", encoding="utf-8")
    answer = whence.whence(project.folder, "models/adapter")
    assert answer.entry.lineage.weights_sha256 == digest("third")
    assert "the report is of an earlier training" in answer.notes[0]
    assert {check.match for check in answer.on_disk} == {Match.MATCHES}


def test_whence_knows_merged_model_predictions_and_report(project: Project) -> None:
    for target in ("models/merged", "models/merged/model.safetensors", "reports/predictions/tuned.jsonl"):
        answer = whence.whence(project.folder, target)
        assert [check.match for check in answer.on_disk] == [Match.MATCHES]
        assert digest("second")[:12] in answer.subject
    # No lineage hashes the page people read; DVC does.
    html = whence.whence(project.folder, "reports/index.html")
    assert [check.match for check in html.on_disk] == [Match.NOT_RECORDED]
    project.lock({"reports/index.html": project.put(b"<html>")})
    html = whence.whence(project.folder, "reports/index.html")
    assert [check.match for check in html.on_disk] == [Match.MATCHES]
    (project.folder / "reports/predictions/tuned.jsonl").write_text("edited", encoding="utf-8")
    edited = whence.whence(project.folder, "reports/predictions/tuned.jsonl")
    assert [check.match for check in edited.on_disk] == [Match.DIFFERS]


def test_whence_finds_an_adapter_by_hash_in_all_of_history(project: Project, tmp_path: Path) -> None:
    for asked in (digest("first"), digest("first")[:12], digest("merged first").upper()):
        assert whence.whence(project.folder, asked).entry.tags == ("v1",)
    with pytest.raises(UserError, match="No lineage has a file of this SHA-256"):
        whence.whence(project.folder, digest("unheard of"))
    # In service somewhere, under another name, without its lineage.json.
    served = tmp_path / "served.safetensors"
    served.write_text("first", encoding="utf-8")
    assert whence.whence(project.folder, str(served)).entry.tags == ("v1",)


def test_whence_of_a_copied_adapter_reads_the_copys_own_lineage(project: Project, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "lineage.json").write_text(json.dumps(FIRST), encoding="utf-8")
    (copy / "adapter_config.json").write_text("{}", encoding="utf-8")
    (copy / "adapter_model.safetensors").write_text("first", encoding="utf-8")
    answer = whence.whence(project.folder, str(copy))
    assert answer.entry.tags == ("v1",)
    assert {check.match for check in answer.on_disk} == {Match.MATCHES}
    stranger = lineage({"z": ("train", 1)}, "stranger")
    (copy / "lineage.json").write_text(json.dumps(stranger), encoding="utf-8")
    answer = whence.whence(project.folder, str(copy))
    assert "do not know this adapter" in answer.notes[0]
    assert Match.DIFFERS in {check.match for check in answer.on_disk}


def test_whence_of_a_page_says_its_split_and_who_predicted_it(project: Project) -> None:
    answer = whence.whence(project.folder, "d/p0001")
    assert answer.page is not None
    assert answer.page.split == "test"
    assert f"what the adapter {digest('second')[:12]} read on it" in answer.subject
    assert "learned from it" in whence.whence(project.folder, "a/p0002").subject


def test_whence_says_what_is_known_instead(project: Project) -> None:
    for asked, said in (
        ("reports/index.htm", "did you mean reports/index.html"),
        ("a/p0009", "did you mean a/p000"),
        ("contract.pdf", "scribetune touched-by contract.pdf"),
        ("a", "scribetune touched-by a"),
    ):
        assert said in scribetune(project, "whence", asked, fails=True)
    assert "whence of what" in scribetune(project, "whence", fails=True)


# --diff


def test_differences_are_told_in_words(project: Project) -> None:
    later = lineage(
        {
            "a": ("train", 3),
            "b": ("validation", 1),
            "new-1": ("test", 1),
            "new-2": ("test", 1),
            "c-moved": ("train", 1),
        },
        "later",
        contents={"a": "a, edited", "c-moved": "c"},
        configuration={"train": {"learning_rate": 0.0001, "rank": 16}},
        code={"train_adapter": "c0ded"},
        environment={"lock": "gpu.txt", "digest": "f", "libraries": {"torch": "2.11.0"}},
        base_model={"name": "deepseek", "revision": "abc", "files": {}},
    )
    later["pages"] = [page("b", 1, "validation", label="corrected") if row["id"] == "b/p0001" else row
                      for row in later["pages"]]  # fmt: skip
    found = differences.between(parsed(FIRST), parsed(later))
    said = "\n".join(found.in_words())
    for line in (
        "2 documents added (new-1, new-2)",
        "1 document renamed (c → c-moved)",
        "1 document changed content (a)",
        "1 document moved to another split (b: test → validation)",
        "1 page relabelled (b/p0001)",
        "1 page of documents in both added (a/p0003)",
        "train.optimization.learning_rate 0.001 → 0.0001",
        "code of train_adapter changed",
        "environment changed: lock cpu.txt → gpu.txt",
        "base model changed: name models/tiny → deepseek",
        "the adapter is another",
        "cer_mean 0.21 → 0.03",
    ):
        assert line in said
    assert "withdrawn" not in said
    assert found.withdrawn == ()


def test_a_withdrawn_document_is_named() -> None:
    gone = lineage({"a": ("train", 2), "b": ("test", 1)}, "first", cer_mean=0.21)
    assert "1 document withdrawn (c)" in differences.between(parsed(FIRST), parsed(gone)).in_words()


def test_equal_lineages_differ_in_nothing() -> None:
    assert differences.between(parsed(FIRST), parsed(FIRST)).in_words() == ["the adapter is the same, byte for byte"]


def test_an_adapters_own_lineage_is_compared_without_scores() -> None:
    own = {key: value for key, value in FIRST.items() if key not in ("merged", "generation", "metrics", "outputs")}
    assert differences.between(parsed(own), parsed(FIRST)).in_words() == ["the adapter is the same, byte for byte"]


def test_either_side_is_a_revision_a_file_a_folder_or_a_build(project: Project, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(FIRST), encoding="utf-8")
    expected = scribetune(project, "whence", "--diff", "v1", "main")
    assert "1 document renamed (b → b2)" in expected
    for side in (str(tmp_path / "old.json"), "HEAD~1"):
        for other in ("models/adapter/lineage.json", "models/adapter", "reports/lineage.json", str(project.folder)):
            assert "1 document renamed (b → b2)" in scribetune(project, "whence", "--diff", side, other)
    said = scribetune(project, "whence", "--diff", "v1", "nowhere", fails=True)
    assert "Neither a revision nor a lineage: 'nowhere'" in said
    assert "takes neither a target nor --rev" in scribetune(project, "whence", "x", "--diff", "v1", "v1", fails=True)


# touched-by


def uses(found: touches.Touched) -> list[tuple[str, str, Use, bool]]:
    return [(t.entry.lineage.weights_sha256[:6], t.document.document, t.use, t.same_content) for t in found.touches]


def test_a_document_is_followed_over_all_history_and_under_other_names(project: Project) -> None:
    expected = [
        (digest("second")[:6], "b2", Use.TRAINED, True),
        (digest("first")[:6], "b", Use.TESTED, True),
    ]
    # `b` is the older name: the newer lineage is only found once the older one has said what `b` contained.
    for asked in ("b", "b.pdf", "b2", "folder/b2.pdf", "data/raw/folder/b2.pdf", "/elsewhere/pdfs/folder/b2.pdf",
                  digest("b"), digest("b")[:10], "b/p0001", digest("image b 1")):  # fmt: skip
        found = touches.touched_by(project.folder, asked)
        assert uses(found) == expected, asked
        assert found.sha256 == (digest("b"),)


def test_a_test_document_went_into_reports_alone(project: Project) -> None:
    newer, older = touches.touched_by(project.folder, "b").touches
    assert newer.went_into == ("adapter", "merged", "report")
    assert older.went_into == ("report",)
    assert touches.touched_by(project.folder, "b").learned_by == (digest("second"),)
    assert "No adapter learned from it" in scribetune(project, "touched-by", "d")
    assert touches.touched_by(project.folder, "c").touches[0].use is Use.VALIDATED
    assert touches.touched_by(project.folder, "c").touches[0].went_into == ("report",)


def test_pages_that_the_training_left_out_are_not_learned_from(project: Project) -> None:
    skipped = {"skipped": [{"id": "a/p0001", "tokens": 9000}, {"id": "e/p0001", "tokens": 9000}]}
    project.record(lineage({"a": ("train", 2), "e": ("train", 1)}, "third", training=skipped), "Third", "v3", "third")
    (both,) = touches.touched_by(project.folder, "a", "v3").touches
    (one,) = touches.touched_by(project.folder, "a/p0001", "v3").touches
    (other,) = touches.touched_by(project.folder, "e", "v3").touches
    assert [(t.use, len(t.pages)) for t in (both, one, other)] == [
        (Use.TRAINED, 2), (Use.LEFT_OUT, 1), (Use.LEFT_OUT, 1),
    ]  # fmt: skip
    assert one.went_into == ("report",)


def test_a_file_on_disk_is_found_by_content_whatever_it_is_called(project: Project, tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_text("b", encoding="utf-8")
    assert len(touches.touched_by(project.folder, "scan.pdf").touches) == 2
    # Another PDF that happens to have a known name, elsewhere on the disk, is another document.
    (tmp_path / "a.pdf").write_text("never seen", encoding="utf-8")
    found = touches.touched_by(project.folder, str(tmp_path / "a.pdf"))
    assert found.touches == ()
    assert "went into nothing" in scribetune(project, "touched-by", str(tmp_path / "a.pdf"))


def test_a_file_of_the_build_that_changed_since_is_told_apart(project: Project) -> None:
    raw = project.folder / "data" / "raw"
    raw.mkdir(parents=True)
    (raw / "a.pdf").write_text("edited since", encoding="utf-8")
    found = touches.touched_by(project.folder, "data/raw/a.pdf")
    assert {touch.same_content for touch in found.touches} == {False}
    assert "a (other content)" in scribetune(project, "touched-by", "data/raw/a.pdf")


def test_a_path_means_the_file_that_it_names_not_one_of_the_same_end(project: Project) -> None:
    project.record(lineage({"a": ("train", 1), "x-a": ("test", 1)}, paths={"x-a": "x/a.pdf"}), "Third", "v3")
    (found,) = touches.touched_by(project.folder, "data/raw/x/a.pdf", "v3").touches
    assert found.document.document == "x-a"
    (found,) = touches.touched_by(project.folder, "/pdfs/x/a.pdf", "v3").touches
    assert found.document.document == "x-a"
    with pytest.raises(UserError):
        touches.touched_by(project.folder, "data/raw/y/a.pdf", "v3")


def test_an_unknown_document_is_a_mistake_and_names_that_are_close_are_told(project: Project) -> None:
    said = scribetune(project, "touched-by", "folder/b3.pdf", fails=True)
    assert "No document or page of this name or hash" in said
    assert "did you mean" in said
    assert "this page of it is in no split" in scribetune(project, "touched-by", "a/p0007", fails=True)
    assert "without --rev, all of history" in scribetune(project, "touched-by", "c", "--rev", "main", fails=True)


def test_a_beginning_that_several_hashes_share_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    record = lineage({"a": ("train", 1), "b": ("test", 1)})
    record["documents"][0]["sha256"] = "12345678" + "a" * 56
    record["documents"][1]["sha256"] = "12345678" + "b" * 56
    project.record(record, "Third", "v3")
    with pytest.raises(UserError, match="Several documents"):
        touches.touched_by(project.folder, "12345678", "v3")
    assert touches.touched_by(project.folder, "12345678a", "v3").touches[0].document.document == "a"


def test_a_refused_document_went_into_nothing_and_the_reason_is_told(project: Project) -> None:
    (project.folder / "reports/documents.csv").write_text(
        "document,path,sha256,status,reasons,message\nlocked,locked.pdf,,encrypted,,needs a password\n",
        encoding="utf-8",
    )
    assert "encrypted: needs a password" in scribetune(project, "touched-by", "locked.pdf")


def test_a_duplicate_that_was_set_aside_is_followed_by_its_content(project: Project) -> None:
    (project.folder / "reports/documents.csv").write_text(
        f"document,path,sha256,status,reasons,message\ncopy,copy.pdf,{digest('b')},duplicate,,same content as b2\n",
        encoding="utf-8",
    )
    found = touches.touched_by(project.folder, "copy.pdf")
    assert [touch.document.document for touch in found.touches] == ["b2", "b"]


def test_an_answer_that_misses_a_lineage_says_so(project: Project) -> None:
    lost = project.record(lineage({"a": ("train", 1)}, "third"), "Third", "v3", "third")
    project.record(SECOND, "Second again", weights="second")
    project.cached(lost).unlink()
    printed = scribetune(project, "touched-by", "a")
    assert "This answer is not complete: 1 recorded lineage could not be read" in printed
    assert "dvc fetch reports/lineage.json" in printed
    assert len(json.loads(scribetune(project, "touched-by", "a", "--json"))["unreadable"]) == 1


# log, and what all commands share


def test_log_lists_adapters_newest_first(project: Project) -> None:
    rows = timeline.timeline(project.folder).rows
    assert [row.entry.lineage.weights_sha256 for row in rows] == [digest("second"), digest("first")]
    assert [row.splits["train"].pages for row in rows] == [3, 2]
    assert rows[1].headline["cer_mean"] == {"base": 0.21, "tuned": 0.21}
    printed = scribetune(project, "log")
    assert printed.index(digest("second")[:12]) < printed.index(digest("first")[:12])
    assert digest("second")[:12] not in scribetune(project, "log", "--rev", "v1")


def test_json_has_the_documented_keys(project: Project) -> None:
    answer = json.loads(scribetune(project, "whence", "models/adapter", "--json"))
    assert answer["headline"]["cer_mean"] == {"base": 0.21, "tuned": 0.03}
    assert answer["splits"]["train"] == {"documents": 2, "pages": 3}
    assert answer["on_disk"][0]["match"] == "matches"
    assert len(answer["documents"]) == 3
    assert len(answer["pages"]) == 4
    found = json.loads(scribetune(project, "touched-by", "b", "--json"))
    assert [touch["use"] for touch in found["touches"]] == ["trained on", "test only"]
    assert found["touches"][1]["lineage"]["tags"] == ["v1"]
    assert found["touches"][1]["lineage"]["commits"][0]["subject"] == "First"
    assert [page["learned"] for page in found["touches"][0]["pages"]] == [True]
    log = json.loads(scribetune(project, "log", "--json"))
    assert [row["adapter"] for row in log["adapters"]] == [digest("second"), digest("first")]
    diff = json.loads(scribetune(project, "whence", "--diff", "v1", "main", "--json"))
    assert diff["renamed"] == {"b": "b2"}
    assert diff["metrics"]["cer_mean"] == {"before": 0.21, "after": 0.03}


def test_names_with_markup_and_control_signs_are_shown_as_they_are(project: Project) -> None:
    name = "[red]x\x1b[31m"
    project.record(lineage({name: ("train", 1)}), "[bold]no markup\x1b[0m")
    printed = scribetune(project, "touched-by", name) + scribetune(project, "whence", "models/adapter")
    assert "\x1b" not in printed
    assert r"[red]x\x1b[31m" in printed
    assert "[bold]no markup" in printed


def test_without_git_or_a_build_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = CliRunner().invoke(app, ["log", "--folder", str(tmp_path)])
    assert said.exit_code == 1
    assert "Only the working tree was searched" in said.stderr
    said = CliRunner().invoke(app, ["whence", "models/adapter", "--folder", str(tmp_path / "missing")])
    assert said.exit_code == 1
    assert "What to do" in said.stderr


def test_a_query_loads_no_model_library() -> None:
    code = (
        "import sys; from scribetune.cli import app; "
        "from scribetune.audit import differences, timeline, touches, whence; "
        "print(sorted({'torch', 'transformers', 'pandas', 'numpy', 'dvc'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_ten_thousand_documents_are_answered_for_within_seconds(tmp_path: Path) -> None:
    many = lineage({f"report-{n:05d}": (("train", "validation", "test")[n % 3], 2) for n in range(10_000)})
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "lineage.json").write_text(json.dumps(many), encoding="utf-8")
    code = "from scribetune.cli import app; app()"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", code, "whence", "reports/lineage.json", "--json", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(json.loads(done.stdout)["pages"]) == 20_000
    # Processor time, all in: 1.0 to 1.5 s on two busy cores.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5
