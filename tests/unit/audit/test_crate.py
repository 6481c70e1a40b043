"""Promises about the RO-Crate: every path and reference resolves, hashes are right, equal builds give equal bytes."""

import itertools
import json
import re
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from rocrate.rocrate import ROCrate

import write_crate
from scribetune.audit import crate
from scribetune.build import plan
from scribetune.core import config, files, manifests
from scribetune.core.errors import UserError
from scribetune.dataset import selection
from scribetune.record import receipts
from support.lineage_factory import lineage

REPOSITORY = Path(__file__).resolve().parents[3]
SHARDS = ("000-of-002", "001-of-002")
NAMES = ("a.pdf", "deep er/报告 {1} #2 100%.pdf", "c.pdf")
RAW = "data/raw"


SPLITS = tuple(f"data/splits/{split}.jsonl" for split in ("train", "validation", "test"))
PREDICTIONS = {model: tuple(f"reports/predictions/{model}{part}.jsonl" for part in ("", "_retention"))
               for model in ("base", "tuned")}  # fmt: skip
BASE = "models/tiny/model.safetensors"
PROOF, WEIGHTS = "models/merged/merge_proof.json", "models/adapter/adapter_model.safetensors"
ADAPTER = (WEIGHTS, "models/adapter/adapter_config.json", "models/adapter/lineage.json")
SCORES = ("reports/samples.csv", "reports/metrics.json")
CARDS = ("models/adapter/README.md", "reports/model_card.md")
TABLES = ("data/manifests/selection/all.csv", "reports/documents.csv")
READING = ("generate", "base_model", "train.machine.precision")


def settings(*wanted: str) -> dict[str, dict[str, Any]]:
    """Return default values of configuration keys, as rules have them."""
    made = plan.Plan(config.Config(), None, None, None, None)  # type: ignore[arg-type]
    return made.settings(*wanted)


def manifest(stage: str, shard: str) -> str:
    return f"data/manifests/{stage}/{shard}.csv"


class Jobs:
    """The jobs of a build made by hand; each leaves its files and its receipt."""

    def __init__(self, folder: Path, known: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.known = known or {}
        self.made: list[str] = []

    def ran(
        self, rule: str, inputs: Iterable[str], outputs: Iterable[str], wildcards: Mapping[str, str] | None = None,
        *, keys: Iterable[str] = (), params: Mapping[str, Any] | None = None, **declared: str,
    ) -> None:  # fmt: skip
        """Leave what a job leaves; files of others that are there already stay as they are."""
        for path in outputs:
            if not (self.folder / path).exists():
                files.write_text(self.folder / path, f"content of {path}")
            self.made.append(path)
        told: dict[str, Any] = {"settings": settings(*keys)} if keys else {}
        receipt = receipts.Receipt(
            rule, wildcards or {}, self.hashes(inputs), self.hashes(outputs), told | dict(params or {}),
            "c0de", "e0", receipts.NO_REPAIRS, **declared,
        )  # fmt: skip
        files.write_json(self.folder / receipts.FOLDER / f"{receipt.job}.json", asdict(receipt))

    def hashes(self, paths: Iterable[str]) -> dict[str, str]:
        return {path: self.known.get(path) or files.sha256_file(self.folder / path) for path in paths}


def make_jobs(folder: Path, raw: str, shards: Mapping[str, Iterable[Mapping[str, Any]]]) -> list[str]:
    """Leave the receipts and files of a build's jobs, and return what they made."""
    place = Path(raw)
    jobs = Jobs(folder, {(place / row["path"]).as_posix(): row["sha256"] for rows in shards.values() for row in rows})
    all_of = {stage: [manifest(stage, shard) for shard in shards] for stage in ("documents", "pages", "labels")}
    for shard, rows in shards.items():
        documents, pages, labels = (paths[list(shards).index(shard)] for paths in all_of.values())
        of_shard = {"shard": shard}
        told = {"documents": {row["document"]: [row["path"], ""] for row in rows}, "raw": raw}
        pdfs = [(place / row["path"]).as_posix() for row in rows if row["sha256"]]
        jobs.ran("render_pages", pdfs, [documents, pages], of_shard,
                 keys=["pages"], params=told, folder="data/pages", column="image")  # fmt: skip
        jobs.ran("label_pages", [documents, pages], [labels], of_shard,
                 keys=["labels"], params=told, folder="data/labels", column="label")  # fmt: skip
    jobs.ran("select_pages", itertools.chain(*all_of.values()), TABLES, keys=["selection"])
    jobs.ran("split_documents", [TABLES[0], *all_of["documents"]], [*SPLITS, "data/manifests/splits/all.csv"],
             keys=["splits"])  # fmt: skip
    jobs.ran("train_adapter", [*SPLITS, BASE], ADAPTER, keys=["train", "base_model"],
             params={"configuration": settings("pages", "labels"), "base_path": "models/tiny"})  # fmt: skip
    jobs.ran("write_adapter_card", [ADAPTER[2], TABLES[1]], CARDS[:1], script="write_card")
    jobs.ran("merge_adapter", [*ADAPTER[:2], BASE, *SPLITS[1:]], [PROOF, "models/merged/config.json"],
             folder="models/merged", keys=["merge"], params={"base_path": "models/tiny"})  # fmt: skip
    plain = ["data/retention/pages.jsonl", "data/retention/images/p1.png"]
    jobs.ran("make_retention", [], plain, keys=["retention"], folder="data/retention")
    jobs.ran("predict_base", [SPLITS[2], plain[0], BASE], PREDICTIONS["base"], keys=READING, script="predict",
             params={"model": "models/tiny"})  # fmt: skip
    jobs.ran("predict_tuned", [SPLITS[2], plain[0], PROOF], PREDICTIONS["tuned"], keys=READING, script="predict",
             params={"model": "models/merged"})  # fmt: skip
    jobs.ran("score_predictions", [SPLITS[2], *PREDICTIONS["base"], *PREDICTIONS["tuned"]], SCORES, keys=["gate"])
    jobs.ran("write_lineage", [ADAPTER[2], PROOF, *SCORES, *TABLES], ["reports/lineage.json"], keys=["generate"])
    jobs.ran("write_report", [*SCORES, *TABLES, *all_of["labels"]], ["reports/index.html"], keys=["report"])
    jobs.ran("write_model_card", ["reports/lineage.json", TABLES[1]], CARDS[1:], script="write_card")
    return jobs.made


def make_build(folder: Path, raw: Path, *, licence: str = "CC-BY-4.0") -> dict[str, Any]:
    """Write a build's files by hand, and return the arguments of the script."""
    rows = []
    for document, name in zip("abc", NAMES, strict=True):
        files.write_bytes(raw / name, f"%PDF {name}".encode())
        rows.append(
            {"document": document, "path": name, "sha256": files.sha256_file(raw / name), "status": "ok", "pages": 1,
             "bytes": (raw / name).stat().st_size, "licence": licence if document == "a" else ""}
        )  # fmt: skip
    for path in ("data/pages/a/p0001.png", "data/labels/a/p0001.md", "models/merged/config.json"):
        files.write_text(folder / path, "x")
    manifests.write(folder / "reports/documents.csv", rows, selection.DOCUMENT_REPORT_COLUMNS)
    files.write_text(folder / BASE, "base")
    files.write_text(folder / WEIGHTS, "weights")
    base = {Path(BASE).name: files.sha256_file(folder / BASE)}
    record = lineage(
        adapter={Path(WEIGHTS).name: files.sha256_file(folder / WEIGHTS)},
        base_model={"name": "models/tiny", "revision": "", "files": base},
        merged={"merged": {"sha256": {"config.json": files.sha256_bytes(b"x")}}},
    )
    files.write_json(folder / "reports/lineage.json", record)
    for name in ("Snakefile", "rules/audit.smk"):
        files.write_text(folder / name, "# a workflow")
    given = RAW if raw == folder / RAW else str(raw)
    return {
        "lineage": Path("reports/lineage.json"),
        "documents": Path("reports/documents.csv"),
        "made": make_jobs(folder, given, dict(zip(SHARDS, (rows[:1], rows[1:]), strict=True))),
        "base_files": [Path(BASE)],
        "workflow": [Path("Snakefile"), Path("rules/audit.smk")],
        "copies": [],
        "descriptions": {"train_adapter": "Train the LoRA adapter"},
        "raw": given,
        "target": Path(crate.METADATA),
    }


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return make_build(tmp_path, tmp_path / RAW)


def written(arguments: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Write the crate, and return its entities by identifier."""
    write_crate.main(**arguments)
    value = json.loads(arguments["target"].read_text(encoding="utf-8"))
    entities = {entity["@id"]: entity for entity in value["@graph"]}
    assert len(entities) == len(value["@graph"])
    return entities


def kinds(entity: dict[str, Any]) -> list[str]:
    kind = entity["@type"]
    return kind if isinstance(kind, list) else [kind]


def references(entity: dict[str, Any], key: str) -> list[str]:
    value = entity.get(key, [])
    return [item["@id"] for item in (value if isinstance(value, list) else [value])]


def test_every_reference_inside_of_the_crate_resolves(build: dict[str, Any]) -> None:
    entities = written(build)
    for entity in entities.values():
        for value in entity.values():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict) and not item["@id"].startswith("http"):
                    assert item["@id"] in entities, (entity["@id"], item)


def test_every_file_is_there_with_the_hash_and_size_that_are_told(build: dict[str, Any]) -> None:
    entities = written(build)
    listed = [entity for entity in entities.values() if "File" in kinds(entity)]
    assert {*build["made"], *(f"{RAW}/{name}" for name in NAMES)} <= {unquote(e["@id"]) for e in listed}
    for entity in listed:
        path = Path(unquote(entity["@id"]))
        assert files.sha256_file(path) == entity["sha256"], path
        assert path.stat().st_size == int(entity["contentSize"])
    for entity in entities.values():
        assert "Dataset" not in kinds(entity) or Path(unquote(entity["@id"])).is_dir()


def test_the_same_build_gives_the_same_bytes(build: dict[str, Any]) -> None:
    write_crate.main(**build)
    first = build["target"].read_bytes()
    time.sleep(0.01)
    write_crate.main(**build)
    assert build["target"].read_bytes() == first
    assert not re.search(rb"20\d\d-\d\d-\d\d|[0-9a-f]{8}-[0-9a-f]{4}-", first)


def test_the_rocrate_library_reads_it_back_without_a_warning(build: dict[str, Any], tmp_path: Path) -> None:
    entities = written(build)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = ROCrate(tmp_path)
    assert {entity.id for entity in read.get_entities()} == set(entities)
    assert read.mainEntity.id == "Snakefile"
    assert read.mainEntity["programmingLanguage"]["name"] == "Snakemake"


def test_every_job_has_an_action_with_what_it_read_and_made(build: dict[str, Any]) -> None:
    entities = written(build)
    jobs = {entity["name"]: entity for entity in entities.values() if entity["@id"].startswith("#run/")}
    assert {f"label_pages/{shard}" for shard in SHARDS} <= set(jobs)
    assert "make_samples" not in jobs
    labels = jobs[f"label_pages/{SHARDS[0]}"]
    assert f"{RAW}/a.pdf" in references(labels, "object")
    assert f"{RAW}/c.pdf" not in references(labels, "object")
    assert "#value/labels.tables" in references(labels, "object")
    assert references(labels, "result") == [f"data/manifests/labels/{SHARDS[0]}.csv", "data/labels/"]
    assert "#metric/tuned/cer_mean" in references(jobs["score_predictions"], "result")
    assert entities["#metric/tuned/cer_mean"]["value"] == 0.25
    assert entities["#value/train.lora.rank"]["value"] == 16
    assert entities["#rule/train_adapter"]["description"] == "Train the LoRA adapter"
    assert "#base-model" in references(jobs["predict_base"], "object")
    assert "#base-model" not in references(jobs["predict_tuned"], "object")
    assert PROOF in references(jobs["merge_adapter"], "result")
    assert references(entities["models/merged/"], "hasPart") == ["models/merged/config.json", PROOF]
    assert references(entities["#orchestration"], "object") == [f"#control/{name}" for name in jobs]


def test_the_profiles_and_the_root_have_what_they_must(build: dict[str, Any]) -> None:
    entities = written(build)
    root = entities["./"]
    assert {"name", "description", "datePublished", "license", "mainEntity"} <= set(root)
    assert "https://w3id.org/ro/wfrun/provenance/0.5" in references(root, "conformsTo")
    workflow = entities[references(root, "mainEntity")[0]]
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"} == set(kinds(workflow))
    tools, steps = references(workflow, "hasPart"), references(workflow, "step")
    instruments = {
        tool for e in entities.values() if "CreateAction" in kinds(e) for tool in references(e, "instrument")
    }
    assert set(tools) | {"Snakefile"} == instruments
    assert [references(entities[step], "workExample") for step in steps] == [[tool] for tool in tools]
    assert entities["#run"]["instrument"] == {"@id": "Snakefile"}


def test_every_step_comes_after_those_whose_results_it_reads(build: dict[str, Any]) -> None:
    entities = written(build)
    runs = [entity for entity in entities.values() if entity["@id"].startswith("#run/")]
    makers = {path: run["name"].split("/")[0] for run in runs for path in references(run, "result")}
    position = {entity["name"]: int(entity["position"]) for entity in entities.values() if "position" in entity}
    assert sorted(position.values()) == list(range(1, len(position) + 1))
    for run in runs:
        rule = run["name"].split("/")[0]
        before = {makers[path] for path in references(run, "object") if path in makers}
        assert all(position[other] < position[rule] for other in before), rule


def test_a_result_without_a_receipt_is_refused(build: dict[str, Any]) -> None:
    (Path(receipts.FOLDER) / "write_report.json").unlink()
    with pytest.raises(UserError, match=r"without a receipt of what made them: 'reports/index\.html'"):
        write_crate.main(**build)


def test_receipts_of_jobs_that_are_not_behind_the_build_are_left_out(build: dict[str, Any]) -> None:
    Jobs(Path()).ran("another_rule", [SPLITS[0]], ["reports/other.json"])
    assert "#run/another_rule" not in written(build)


def test_a_licence_of_the_sheet_is_the_files(build: dict[str, Any]) -> None:
    entities = written(build)
    assert entities[f"{RAW}/a.pdf"]["license"] == "CC-BY-4.0"
    assert "license" not in entities[f"{RAW}/c.pdf"]


def test_documents_in_another_folder_are_named_by_content_and_no_path_of_the_machine_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, raw = tmp_path / "build", tmp_path / "private"
    folder.mkdir()
    monkeypatch.chdir(folder)
    arguments = make_build(folder, raw)
    copy = raw / "z copy of a.pdf"
    copy.write_bytes((raw / "a.pdf").read_bytes())
    digest = files.sha256_file(copy)
    with (folder / "reports/documents.csv").open("a", encoding="utf-8") as stream:
        stream.write(f"d,{copy.name},{digest},5,ok,duplicate,1,0,1,,,,,\ne,unread.pdf,,,error,unreadable,0,0,0,,,,,\n")
    change_receipt(
        f"render_pages/{SHARDS[0]}",
        inputs={str(raw / "a.pdf"): digest, str(copy): digest, str(raw / "unread.pdf"): "unreadable: Is a directory"},
    )
    entities = written(arguments)
    entity = entities[crate.content_uri(digest)]
    assert (entity["name"], entity["alternateName"]) == ("a.pdf", [copy.name])
    objects = references(entities[f"#run/render_pages/{SHARDS[0]}"], "object")
    assert objects.count(entity["@id"]) == 1
    assert "#unread/unread.pdf" in objects
    assert str(tmp_path) not in Path(crate.METADATA).read_text(encoding="utf-8")


def change_receipt(job: str, **changes: Any) -> None:
    path = Path(receipts.FOLDER) / f"{job}.json"
    files.write_json(path, json.loads(path.read_text(encoding="utf-8")) | changes)


def test_human_labels_are_read_by_the_labelling(build: dict[str, Any], tmp_path: Path) -> None:
    label = Path("data/corrections/b/p0001.md")
    files.write_text(label, "# By hand")
    # Absolute, where labels.corrections is.
    change_receipt(f"label_pages/{SHARDS[0]}", inputs={str(tmp_path / label): files.sha256_file(label)})
    entities = written(build)
    assert label.as_posix() in references(entities[f"#run/label_pages/{SHARDS[0]}"], "object")
    assert label.as_posix() in references(entities["./"], "hasPart")


def test_the_name_of_a_content_is_that_of_rfc_6920() -> None:
    # The example of RFC 6920, section 8.1: the words "Hello World!".
    digest = files.sha256_bytes(b"Hello World!")
    assert crate.content_uri(digest) == "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk"


def test_an_absolute_path_below_the_build_is_told_as_a_relative_one(build: dict[str, Any], tmp_path: Path) -> None:
    assert f"{RAW}/a.pdf" in written(build | {"raw": str(tmp_path / RAW)})


def test_a_base_model_of_the_hub_is_named_by_id_and_revision(build: dict[str, Any]) -> None:
    record = json.loads(build["lineage"].read_text(encoding="utf-8"))
    record["base_model"] = {"name": "owner/model", "revision": "a" * 40, "files": {}}
    files.write_json(build["lineage"], record)
    change_receipt("train_adapter", inputs={}, settings={"base_path": "owner/model"})
    entities = written(build | {"base_files": []})
    uri = f"https://huggingface.co/owner/model/tree/{'a' * 40}"
    assert uri in references(entities["#run/train_adapter"], "object")


def test_a_workflow_from_elsewhere_is_copied_into_the_crate(build: dict[str, Any], tmp_path: Path) -> None:
    copies = crate.workflow_copies(REPOSITORY / "Snakefile", [REPOSITORY / "rules/audit.smk"])
    assert copies == ["reports/workflow/Snakefile", "reports/workflow/rules/audit.smk"]
    assert crate.workflow_copies(tmp_path / "Snakefile", []) == []
    workflow = [REPOSITORY / "Snakefile", REPOSITORY / "rules/audit.smk"]
    entities = written(build | {"workflow": workflow, "copies": list(map(Path, copies))})
    assert references(entities["./"], "mainEntity") == ["reports/workflow/Snakefile"]
    assert Path(copies[0]).read_bytes() == (REPOSITORY / "Snakefile").read_bytes()


def test_public_benchmarks_are_jobs_of_builds_that_have_them(build: dict[str, Any], tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    names = ("facts", "omni")
    for name in names:
        truth = tmp_path.parent / f"{name}-truth" / "truth.json"
        files.write_text(truth, name)
        records = f"data/benchmarks/records/{name}.jsonl"
        files.write_text(tmp_path / f"work/benchmarks/{name}.json", f"pages of {name}")
        jobs.ran("prepare_benchmark", [f"work/benchmarks/{name}.json"], [records], {"benchmark": name})
        scores = [f"reports/benchmarks/{name}/scores.json"]
        jobs.ran("score_benchmark", [str(truth), records], scores, {"benchmark": name})
    scores = [path for path in jobs.made if path.endswith("scores.json")]
    change_receipt("write_report", inputs=jobs.hashes(scores))
    entities = written(build | {"made": [*build["made"], *jobs.made]})
    truth_of = {name: crate.content_uri(files.sha256_bytes(name.encode())) for name in names}
    assert truth_of["omni"] in references(entities["#run/score_benchmark/omni"], "object")
    assert truth_of["omni"] not in references(entities["#run/score_benchmark/facts"], "object")
    assert set(scores) <= set(references(entities["#run/write_report"], "object"))
    assert str(tmp_path.parent) not in Path(crate.METADATA).read_text(encoding="utf-8")
    for entity in entities.values():
        for value in entity.values():
            for item in value if isinstance(value, list) else [value]:
                assert not isinstance(item, dict) or item["@id"].startswith("http") or item["@id"] in entities


def test_thousands_of_documents_take_seconds(build: dict[str, Any]) -> None:
    count = 2000
    rows = [
        {"document": f"d{i}", "path": f"d{i}.pdf", "sha256": f"{i:064x}", "bytes": 1000, "status": "ok", "pages": 1}
        for i in range(count)
    ]
    manifests.write(build["documents"], rows, selection.DOCUMENT_REPORT_COLUMNS)
    change_receipt(
        f"render_pages/{SHARDS[0]}",
        inputs={f"{RAW}/d{i}.pdf": f"{i:064x}" for i in range(count)},
        settings={"documents": {f"d{i}": [f"d{i}.pdf", ""] for i in range(count)}},
    )
    started = time.process_time()
    write_crate.main(**build)
    assert time.process_time() - started < 5
    assert build["target"].stat().st_size < 1200 * count
