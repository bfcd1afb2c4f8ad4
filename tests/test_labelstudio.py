"""service/labelstudio and `aisle labelstudio`: tasks out, what was annotated in, and hostile exports."""

from __future__ import annotations

import csv
import gzip
import shutil
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import click
import orjson
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from indexer.errors import SettingError, SourceError
from indexer.sources.formats.streams import ByteStream
from indexer.store.place import open_store
from service.cli import aisle
from service.labelstudio import objects
from service.labelstudio.interface import Interface
from service.labelstudio.reading import Export, Task
from service.rest.app import create_app
from service.settings import ServiceSettings
from taxonomy.names import clean_name
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexer.product import Product

PANS, PRESSES = "Kitchen > Cookware > Frying Pans", "Kitchen > Coffee > French Presses"
Annotated = dict[str, Any]


def ran(*arguments: object) -> str:
    """Return what a command prints."""
    done = CliRunner().invoke(aisle, ["labelstudio", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def tally(file: Path, index: Path, *options: str) -> dict[str, Any]:
    """Return what an import counted; the sums are right."""
    said: dict[str, Any] = orjson.loads(ran("import", file, "--json", "--index", index, *options))
    assert said["read"] == said["labelled"] + said["unchanged"] + said["skipped"] + said["refused"]
    assert said["labelled"] == sum(said["actions"].values())
    assert said["refused"] == sum(said["problems"].values())
    return said


def refused(index: Path) -> list[tuple[str, str]]:
    """Return the task and code of each refusal."""
    with (index / "labelstudio.refused.csv").open(encoding="utf-8", newline="") as file:
        return [(row["task"], row["code"]) for row in csv.DictReader(file)]


def choice(category: str = "", tags: tuple[str, ...] | None = None, **said: Any) -> Annotated:
    """Return an annotation as Label Studio writes it."""
    result = []
    if category:
        value: dict[str, Any] = {"taxonomy": [category.split(" > ")]}
        result.append({"from_name": "category", "to_name": "title", "type": "taxonomy", "value": value})
    if tags is not None:
        value = {"choices": list(tags)}
        result.append({"from_name": "tags", "to_name": "title", "type": "choices", "value": value})
    return {
        "id": 1,
        "completed_by": 7,
        "result": result,
        "was_cancelled": False,
        "created_at": "2026-11-27T09:00:00Z",
    } | said


def annotated(tasks: list[Any], *annotations: Annotated | list[Annotated] | None) -> list[Any]:
    """Return tasks as they are exported when each is annotated so."""
    made = []
    for number, (task, some) in enumerate(zip(tasks, annotations, strict=True), start=1):
        several = some if isinstance(some, list) else [some] if some else []
        made.append({"id": number, **task, "annotations": several, "project": 3})
    return made


def minimal(tasks: list[Any]) -> list[Any]:
    """Return an export as JSON-MIN, a row for each annotation that stands, the id written over."""
    rows = []
    for task in tasks:
        stands = [each for each in task["annotations"] if not each["was_cancelled"]]
        for each in sorted(stands, key=lambda one: str(one["created_at"]), reverse=True):
            row = {**task["data"], "id": task["id"], "annotator": each["completed_by"], "annotation_id": each["id"]}
            for result in each["result"]:
                value = result["value"]
                single = len(value.get("choices", ())) == 1
                row[result["from_name"]] = value["choices"][0] if single else value if "choices" in value else [value]
            rows.append({**row, "created_at": each["created_at"], "updated_at": each["created_at"], "lead_time": 1.5})
    return rows


def written(folder: Path, tasks: list[Any], name: str = "e.json") -> Path:
    """Write an export as Label Studio does."""
    (folder / name).write_bytes(orjson.dumps(tasks, option=orjson.OPT_INDENT_2))
    return folder / name


def exported(index: Path, *what: object) -> list[Any]:
    """Return the tasks that are exported."""
    ran("export", *what, "-o", index.parent / "tasks.json", "--index", index)
    found: list[Any] = orjson.loads((index.parent / "tasks.json").read_bytes())
    return found


@pytest.fixture
def index(own_index: Path) -> Path:
    """Return an index whose service answered about N1, N2 and N3, all pans as it says."""
    with TestClient(create_app(ServiceSettings(index=own_index, upkeep=False))) as client:
        for number in (1, 2, 3):
            client.post("/v1/categorize", json={"id": f"N{number}", "title": "=Hollin frying pan <b>24 cm</b>"})
    return own_index


def categorized(index: Path, title: str) -> str:
    """Return where a new service puts a product."""
    with TestClient(create_app(ServiceSettings(index=index, upkeep=False))) as client:
        return str(client.post("/v1/categorize", json={"title": title}).json()["neighbours"][0]["path"])


def stored(index: Path, product: str) -> Product:
    """Return a product as it is stored."""
    with closing(open_store(index)) as records:
        return records.get([product])[product].record.product


def decisions(index: Path) -> list[tuple[str, str]]:
    """Return what was decided, the latest first, and by whom."""
    with closing(open_store(index)) as records:
        return [(each.action, each.author) for each in records.decisions.page()]


def test_what_is_annotated_is_a_label_for_the_next_question(index: Path, tmp_path: Path) -> None:
    """Accepted, corrected and skipped, from JSON as from JSON-MIN; by whom is kept; again it changes nothing."""
    tasks = exported(index, "predictions")
    assert [task["data"]["product_id"] for task in tasks] == ["N3", "N2", "N1"]
    (prediction,) = tasks[0]["predictions"]
    assert prediction["result"][0]["value"] == {"taxonomy": [PANS.split(" > ")]}
    assert 0 < prediction["score"] <= 1
    assert prediction["model_version"] == "aisle"
    done = annotated(
        tasks,
        choice(PANS, completed_by={"id": 4, "email": "ann@example.com"}),
        choice(PRESSES, ("dishwasher safe",)),
        choice(PRESSES, was_cancelled=True),
    )
    file = written(tmp_path, done)
    said = tally(file, index)
    assert (said["labelled"], said["skipped"], said["cancelled"], said["actions"]) == (
        2,
        1,
        1,
        {"accept": 1, "correct": 1},
    )
    assert stored(index, "N3").category == PANS
    two = stored(index, "N2")
    assert (two.category, two.provenance, two.tags) == (PRESSES, "human", ("dishwasher safe",))
    assert categorized(index, "=Hollin frying pan <b>24 cm</b>") in {PANS, PRESSES}
    assert decisions(index) == [
        ("correct", "annotator 7"),
        ("accept", "ann@example.com"),
    ]
    assert (tally(file, index)["unchanged"], tally(file, index)["labelled"]) == (2, 0)
    rows = written(tmp_path, minimal(done), "min.json")
    assert tally(rows, index) | {"decisions": []} == said | {
        "read": 2,
        "labelled": 0,
        "unchanged": 2,
        "skipped": 0,
        "cancelled": 0,
        "actions": {},
        "decisions": [],
    }
    undone = CliRunner().invoke(aisle, ["predictions", "undo", "2", "--index", str(index)])
    assert undone.exit_code == 0
    assert tally(rows, index)["actions"] == {"correct": 1}


def test_stored_products_are_relabelled(index: Path, tmp_path: Path) -> None:
    """A fix, a label found right, tags alone, and one that nobody relabelled since it was exported."""
    tasks = exported(index, "products", "--category", PANS, "--limit", 4)
    ids = [task["data"]["product_id"] for task in tasks]
    assert tasks[0]["predictions"][0]["model_version"] == "aisle"
    own = stored(index, ids[3]).tags
    done = annotated(tasks, choice(PRESSES), choice(PANS), choice("", ("gift",)), choice(PRESSES))
    patched = [{**done[3]["data"]["aisle"], "category": "another"}]
    done[3]["data"] = {**done[3]["data"], "aisle": patched[0]}
    file = written(tmp_path, done)
    said = tally(file, index)
    assert (said["actions"], said["problems"]) == ({"fix": 2, "keep": 1}, {"changed": 1})
    assert refused(index) == [("4", "changed")]
    assert stored(index, ids[0]).category == PRESSES
    assert stored(index, ids[1]).provenance == "human"
    assert "gift" in stored(index, ids[2]).tags
    assert stored(index, ids[3]).tags == own
    assert tally(file, index)["unchanged"] == 3
    for number in (1, 2, 3):
        undone = CliRunner().invoke(aisle, ["audit", "undo", str(number), "--index", str(index)])
        assert undone.exit_code == 0, undone.output
    assert [stored(index, each).category for each in ids[:2]] == [PANS, PANS]
    assert stored(index, ids[1]).provenance == "supplier"


def test_of_two_tasks_of_one_product_the_older_does_not_come_back(index: Path, tmp_path: Path) -> None:
    """Labelled one way and later another way in one project, whose exports hold both; each may be imported again."""
    first = exported(index, "products", "--category", PANS, "--limit", 1)
    product = first[0]["data"]["product_id"]
    older = annotated(first, choice(PRESSES, created_at="2020-01-01T09:00:00Z"))
    assert tally(written(tmp_path, older), index)["actions"] == {"fix": 1}
    second = [each for each in exported(index, "products") if each["data"]["product_id"] == product]
    both = annotated([*first, *second], older[0]["annotations"], choice(PANS, created_at="2999-01-01T09:00:00Z"))
    said = tally(written(tmp_path, both), index)
    assert (said["unchanged"], said["actions"]) == (1, {"fix": 1})
    again = tally(written(tmp_path, both), index)
    assert (again["labelled"], again["unchanged"], again["problems"]) == (0, 1, {"changed": 1})
    assert stored(index, product).category == PANS


def test_what_is_pre_annotated_and_not_chosen_is_no_tag(index: Path, tmp_path: Path) -> None:
    """Where tags were chosen, or the annotation began from those; otherwise nothing is said of tags."""
    tasks = exported(index, "products", "--category", PANS, "--limit", 3)
    tags = tasks[0]["data"]["aisle"]["tags"]
    assert len(tags) >= 2
    done = annotated(tasks, choice(PANS, (tags[0],)), choice(PANS, parent_prediction=5), choice(PANS))
    tally(written(tmp_path, done), index)
    left = [stored(index, task["data"]["product_id"]).tags for task in tasks]
    assert [sorted(each) for each in left] == [[tags[0]], [], sorted(tags)]


def test_several_annotations_of_one_task_have_to_agree(index: Path, tmp_path: Path) -> None:
    """The latest of each annotator; a ground truth alone counts; the latest of all where that is asked for."""
    early: dict[str, Any] = {"created_at": "2026-11-27T08:00:00Z"}
    late: dict[str, Any] = {"created_at": "2026-11-27T10:00:00Z"}
    tasks = exported(index, "predictions")
    done = annotated(
        tasks,
        [choice(PRESSES, **early), choice(PANS, **late), choice(PANS, completed_by=8)],
        [choice(PRESSES, **late), choice(PANS, completed_by=8)],
        [choice(PRESSES, ground_truth=True), choice(PANS, completed_by=8, **late)],
    )
    for export in (written(tmp_path, done), written(tmp_path, minimal(done[:2]), "min.json")):
        said = tally(export, index)
        assert (said["problems"], refused(index)) == ({"disagreement": 1}, [("2", "disagreement")])
    assert stored(index, "N1").category == PRESSES
    assert decisions(index)[-1][1] == "annotator 8, annotator 7"
    assert tally(written(tmp_path, minimal(done[1:2])), index, "--several", "latest")["actions"] == {"correct": 1}
    assert stored(index, "N2").category == PRESSES


def test_an_annotation_that_was_mended_is_later_than_one_that_was_made_after_it(index: Path, tmp_path: Path) -> None:
    """When it was changed last counts, not when it was submitted."""
    mended = choice(PRESSES, created_at="2026-11-27T08:00:00Z", updated_at="2026-11-27T10:00:00Z")
    other = choice(PANS, completed_by=8, created_at="2026-11-27T09:00:00Z", updated_at="2026-11-27T09:00:00Z")
    done = annotated(exported(index, "predictions", "--limit", 1), [mended, other])
    tally(written(tmp_path, done), index, "--several", "latest")
    assert stored(index, "N3").category == PRESSES
    assert decisions(index) == [("correct", "annotator 7")]


def test_what_cannot_be_a_label_is_told_and_the_others_are(index: Path, tmp_path: Path) -> None:
    """Each with its task and why; nothing of it is changed."""
    tasks = exported(index, "predictions")
    two = choice(PANS)
    two["result"][0]["value"]["taxonomy"].append(PRESSES.split(" > "))
    foreign = {"data": {"text": "made elsewhere"}}
    gone = {"data": {"product_id": "nowhere"}}
    known = {"data": {"product_id": "P001"}}
    broken: Any = {"data": {}, "annotations": {"no": "list"}}
    deep: Any = choice(PANS)
    deep["result"][0]["value"] = {"taxonomy": [[["A"]]]}
    done = [
        *annotated(
            [*tasks, foreign, gone, known, known],
            choice("Nowhere > At All"),
            two,
            choice(PRESSES),
            choice(PANS),
            choice(PANS),
            choice(PRESSES),
            deep,
        ),
        broken,
    ]
    said = tally(written(tmp_path, done), index)
    assert said["labelled"] == 2
    assert refused(index) == [
        ("1", "unknown_category"),
        ("2", "several_categories"),
        ("4", "missing_product"),
        ("5", "missing_product"),
        ("7", "broken_task"),
        ("at 8", "broken_task"),
    ]
    otherwise = annotated(tasks, None, None, choice(PANS))
    assert tally(written(tmp_path, otherwise), index)["problems"] == {"decided": 1}
    assert stored(index, "N1").category == PRESSES


def test_a_product_that_says_something_else_by_now_is_not_labelled(index: Path, tmp_path: Path) -> None:
    """Whether an answer was exported or a stored product."""
    tasks = [exported(index, "predictions")[0], exported(index, "products", "--limit", 1)[0]]
    with TestClient(create_app(ServiceSettings(index=index, upkeep=False))) as client:
        for task in tasks:
            client.post("/v1/products", json={"id": task["data"]["product_id"], "title": "Something else"})
    said = tally(written(tmp_path, annotated(tasks, choice(PRESSES), choice(PRESSES))), index)
    assert said["problems"] == {"changed": 2}


def test_a_category_that_was_renamed_while_people_labelled_is_found(index: Path, tmp_path: Path) -> None:
    """By what it was called when the interface was made."""
    tasks = exported(index, "predictions", "--limit", 1)
    renamed = CliRunner().invoke(aisle, ["taxonomy", "rename", PRESSES, "Cafetieres", "--index", str(index)])
    assert renamed.exit_code == 0, renamed.output
    assert tally(written(tmp_path, annotated(tasks, choice(PRESSES))), index)["labelled"] == 1
    assert stored(index, "N3").category == "Kitchen > Coffee > Cafetieres"


def test_the_review_queue_and_doubted_labels_are_exported(index: Path) -> None:
    """The most doubted answers that nobody settled; stored products where they seem to belong; options have to fit."""
    assert [task["data"]["aisle"]["prediction"][0] for task in exported(index)] in (["p"] * 3, [])
    assert exported(index, "audit") == []
    with pytest.raises(click.UsageError, match="--least says nothing of review; it goes with audit"):
        CliRunner().invoke(
            aisle,
            ["labelstudio", "export", "-o", "x.json", "--least", "0.5", "--index", str(index)],
            standalone_mode=False,
            catch_exceptions=False,
        )


def test_doubted_labels_are_exported(doubtful: Path, tmp_path: Path) -> None:
    """With the category that is suggested as what is pre-annotated, and how likely the stored one is wrong."""
    index = Path(shutil.copytree(doubtful, tmp_path / "doubtful"))
    assert CliRunner().invoke(aisle, ["audit", "--index", str(index)]).exit_code == 0
    tasks = exported(index, "audit", "--least", "0.5")
    assert tasks
    for task in tasks:
        product = stored(index, task["data"]["product_id"])
        path = " > ".join(task["predictions"][0]["result"][0]["value"]["taxonomy"][0])
        assert path != product.category
        assert task["predictions"][0]["score"] >= 0.5


def test_the_interface_has_the_whole_tree_and_the_tags(index: Path, tmp_path: Path) -> None:
    """As XML in which every path is found; a branch with what is above it; nothing but what is asked for."""
    ran("config", "-o", tmp_path / "c.xml", "--index", index)
    root = ET.fromstring((tmp_path / "c.xml").read_text("utf-8"))  # noqa: S314 - it is our own
    assert PANS in paths_of(root)
    assert "kitchen" in [each.get("value") for each in root.findall("Choices/Choice")]
    assert root.find("Image") is None
    branch = ET.fromstring(ran("config", "--category", PRESSES, "--tags", 0, "--images", "--index", index))  # noqa: S314
    assert paths_of(branch) == ["Kitchen", "Kitchen > Coffee", PRESSES]
    assert branch.find("Choices") is None
    assert branch[-1].tag == "Image"


def test_only_what_an_interface_offers_is_pre_annotated(index: Path, tmp_path: Path) -> None:
    """Else people submit what they do not see: of another branch the tags alone, without tags the category alone."""
    for branch, tags, controls in ((PRESSES, 9, ["tags"]), ("Kitchen", 0, ["category"]), (PRESSES, 0, [])):
        ran("config", "-o", tmp_path / "c.xml", "--category", branch, "--tags", tags, "--index", index)
        tasks = exported(index, "products", "--category", PANS, "--limit", 1, "--interface", tmp_path / "c.xml")
        said = [each["from_name"] for prediction in tasks[0]["predictions"] for each in prediction["result"]]
        assert said == controls
        assert bool(tasks[0]["data"]["aisle"]["tags"]) == bool(tags)


@pytest.mark.parametrize(
    ("text", "said"),
    [("<View>", "is no labelling interface"), ("<View/>", "has no Taxonomy named 'category'")],
)
def test_an_interface_that_is_none_is_refused(text: str, said: str, index: Path, tmp_path: Path) -> None:
    """With what is wrong, before anything is written."""
    (tmp_path / "c.xml").write_text(text)
    with pytest.raises(SettingError, match=said):
        ran("export", "products", "-o", tmp_path / "t.json", "--interface", tmp_path / "c.xml", "--index", index)
    assert not (tmp_path / "t.json").exists()


@pytest.mark.parametrize("command", ["config", "export"])
def test_what_cannot_be_written_is_told_first(command: str, index: Path, tmp_path: Path) -> None:
    """By the folder that is missing, not by the file that would have been written aside."""
    with pytest.raises(SettingError, match="there is no folder"):
        ran(command, "-o", tmp_path / "none" / "o.xml", "--index", index)


def paths_of(root: ET.Element) -> list[str]:
    """Return the paths that an interface offers."""

    def below(node: ET.Element, path: tuple[str, ...]) -> Iterator[str]:
        for child in node:
            here = (*path, child.get("value", ""))
            yield " > ".join(here)
            yield from below(child, here)

    taxonomy = root.find("Taxonomy")
    return [] if taxonomy is None else list(below(taxonomy, ()))


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=">\ufffe\uffff"), min_size=1))
)
def test_names_are_written_so_that_they_are_read_again(names: list[str]) -> None:
    """Whatever quotes, angles and ampersands they hold."""
    tree = Tree.from_paths([('Top & "first" <', name) for name in map(clean_name, names) if name] or [("Top",)])
    xml = "".join(Interface.of(tree, Vocabulary(), {'"quoted" & <b>': 2, "common": 3}, 1).xml())
    root = ET.fromstring(xml)  # noqa: S314 - it is our own
    assert sorted(paths_of(root)) == sorted(tree.text(node) for node in range(len(tree)))
    assert [each.get("value") for each in root.findall("Choices/Choice")] == ["common"]


def read(folder: Path, raw: bytes) -> list[Task]:
    """Return the tasks of a file."""
    (folder / "f.json").write_bytes(raw)
    return list(Export(ByteStream(folder / "f.json")))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "holds no task"),
        (b"[]", "holds no task"),
        (b"%PDF-1.7\n", "it has no column 'annotation_id'"),
        (b"id,title\n1,Pan", "it has no column 'annotation_id'"),
        (b"annotation_id,title\n1,Pan", "it has no column 'id'"),
        (b"annotation_id,id\n", "holds no task"),
        (b'[{"id": 1}, {"id": 2}', "breaks off before task 3"),
        (b"[1, 2]", "from task 1 on"),
        (b'[{"id": 1}, oops, {"id": 2}]', "from task 2 on"),
        (b'[{"id": 1}, {"id": 2', "breaks off inside task 2"),
        (b'[{"id": 1}]]} {', "from task 2 on"),
        (b'[{"id": "1', "breaks off inside task 1"),
    ],
)
def test_a_file_that_is_no_export_is_refused(raw: bytes, said: str, tmp_path: Path) -> None:
    """Before anything is changed, with what is wrong."""
    with pytest.raises(SourceError, match=said):
        read(tmp_path, raw)


def test_a_file_that_breaks_off_changes_nothing(index: Path, tmp_path: Path) -> None:
    """Not even by the tasks before that."""
    tasks = annotated(exported(index, "predictions"), choice(PANS), choice(PANS), choice(PANS))
    (tmp_path / "half.json").write_bytes(orjson.dumps(tasks)[:-10])
    with pytest.raises(SourceError, match="breaks off inside task 3"):
        ran("import", tmp_path / "half.json", "--index", index)
    assert decisions(index) == []


def test_a_task_that_is_none_is_told_and_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nested too deeply, too long, no JSON inside, half a character, or of other kinds than Label Studio writes."""
    monkeypatch.setattr(objects, "OBJECT_BYTES", 1 << 18)
    good = b'{"id": 9, "data": {"product_id": "P"}, "annotations": []}'
    bad = [
        b'{"id": 1, "data": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"id": 2, "data": "' + b'\\"' * 600_000 + b'"}',
        b'{"id": 3, data: {}}',
        b'{"id": 4, "data": {"product_id": "\\ud800"}}',
        b'{"id": 5, "data": []}',
        b'{"id": 6, "data": {}, "annotations": [7]}',
        b'{"id": 7, "data": {"aisle": {"tags": {}}}, "annotations": []}',
        b'{"id": 8, "data": {}, "annotations": [' + b"{}," * 1_000 + b"{}]}",
    ]
    for one in bad:
        found = read(tmp_path, b"[" + one + b"," + good + b"]")
        codes = [each.problem.code if each.problem else each.product for each in found]
        assert codes[0] in {"broken_task", "too_long"}, one[:40]
        assert codes[1:] == ["P"]
    assert [each.product for each in read(tmp_path, gzip.compress(b"\xef\xbb\xbf " + good + b"\n" + good))] == ["P"] * 2
    with pytest.raises(SourceError, match="bomb"):
        read(tmp_path, gzip.compress(b"[" + b" " * (1 << 28)))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4) | st.sampled_from(["A", "B"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["taxonomy", "choices", "from_name", "value", "result", "tags"]), inner)
    ),
    max_leaves=12,
)
keys = st.sampled_from(
    ["id", "data", "annotations", "aisle", "category", "tags", "annotation_id", "annotator", "product_id"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(tasks=st.lists(st.dictionaries(keys, values), min_size=1, max_size=5), cut=st.integers(1, 9))
def test_any_objects_are_tasks_or_told(
    tasks: list[dict[str, Any]], cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they hold and wherever the bytes are cut: as many as there are, rows of one task as one."""
    monkeypatch.setattr("indexer.sources.formats.streams.CHUNK", cut)
    found = read(tmp_path, orjson.dumps(tasks))
    assert 1 <= len(found) <= len(tasks)
    monkeypatch.setattr("indexer.sources.formats.streams.CHUNK", 1 << 18)
    assert read(tmp_path, orjson.dumps(tasks, option=orjson.OPT_INDENT_2)) == found
