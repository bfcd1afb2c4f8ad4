"""The `aisle` command: what it prints, what it writes, how it ends."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pytest

from indexer import vectors
from indexer.build import build
from indexer.encoders import Encoder
from indexer.errors import SettingError
from indexer.images.gallery import Folder
from indexer.product import PROVENANCES as KNOWN_PROVENANCES
from indexer.settings import CacheSettings, ImageSettings, IndexSettings
from indexer.snapshots import snapshot
from indexer.sources import read
from indexer.store.place import STORE
from indexer.store.records import Records
from service.cli import aisle, main
from service.commands.answers import _shown
from service.commands.indexes import KINDS
from service.console.options import PROVENANCES
from service.engine import Engine
from service.settings import ServiceSettings
from taxonomy.files import read_tree

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-c", "from service.cli import main; main()")
PRODUCTS = """id,title,category,tags
mug,Stoneware mug,Home > Kitchen > Cups,stoneware
cup,Stoneware cup,Home > Kitchen > Cups,stoneware|gift
pan,Frying pan,Home > Kitchen > Pans,steel
ball,Leather football,Sports,
,Nameless,Sports,
pan,Again,Sports,
"""


class Ended(NamedTuple):
    """How a command ended."""

    code: int | str | None
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return what runs a command in an empty folder, with the hashing encoder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AISLE_ENCODER", "hashing:64")

    def ran(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["aisle", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(ended.value.code, *capsys.readouterr())

    return ran


@pytest.fixture
def shop(run: Run) -> Path:
    """Return an index of four products."""
    Path("products.csv").write_text(PRODUCTS)
    assert run("build", "products.csv", "--index", "shop").code is None
    return Path("shop")


def table(name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with Path(name).open(newline="") as file:
        return list(csv.DictReader(file))


def nearest(run: Run, text: str) -> list[str]:
    """Return category and title of the product in index `i` that is nearest to a text."""
    return re.split(r" {2,}", run("similar", text, "--index", "i").out.splitlines()[1])[2:]


def commands(group: click.Group = aisle, names: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its full name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*names, name))
        else:
            yield " ".join((*names, name)), command


def test_help_loads_nothing_heavy() -> None:
    """`aisle --help` answers at once because what commands need is imported by the commands."""
    heavy = ["torch", "faiss", "fastapi", "pandas", "pyarrow", "sqlalchemy", "numpy", "rich", "pydantic", "uvicorn"]
    code = f"import sys, atexit; atexit.register(lambda: print([n for n in {heavy} if n in sys.modules])); {COMMAND[2]}"
    done = subprocess.run([sys.executable, "-c", code, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stdout.startswith("Usage: aisle [OPTIONS] COMMAND [ARGS]...")


def test_a_build_says_what_it_did(run: Run) -> None:
    """Counts that add up on stderr, nothing on stdout, the index in its folder."""
    Path("products.csv").write_text(PRODUCTS)

    ended = run("build", "products.csv", "--index", "shop")

    assert (ended.code, ended.out) == (None, "")
    # On a slow machine a stage may take the second from which it gets a line of its own.
    lines = [
        line for line in ended.err.splitlines() if not re.match(r"(encode|load|learn|index|calibrate|save): ", line)
    ]
    assert lines[:1] == ["loading the encoder hashing:64"]
    assert re.fullmatch(r"shop is built in \d+(\.\d)? s", lines[1])
    assert lines[2:11] == [
        "  rows        6 read = 4 indexed + 2 quarantined",
        "  products    4 = 4 with a category + 0 without",
        "  categories  5 in the tree, which grows with the labels",
        "  encoder     hashing:64, dimensions: text 64",
        "  vectors     exact: every vector is compared, recall 1",
        "  missing     pictures are not seen by this encoder; build with `--encoder hashing:64+open_clip` to have both",
        "  quarantine  2 rows, each with its reason, in shop/quarantine.jsonl",
        "              1 x no_id: the id is empty",
        "              1 x repeated_id: an earlier row has the id",
    ]


SHELF = "id,title,category,image\nlamp,Brass lamp,Home > Lamps,red.png\ntray,Cork tray,Home > Trays,broken.jpg\n"


def test_a_build_with_image_vectors_joins_them_to_the_encoder(run: Run, photos: Path) -> None:
    """The part has the dimension of the file and the name of it, or of the model; images are looked at beside."""
    Path("p.csv").write_text(SHELF)
    np.save("clip v1.npy", np.array([[3, 4], [0, 0]], np.float16))

    given = ("--image-vectors", "clip v1.npy")
    ended = run("build", "p.csv", "--index", "i", *given, "--images", str(photos))

    assert ended.code is None
    assert "  pictures    2 looked at = 1 read + 1 not; 1 products have none" in ended.err.splitlines()
    assert "  vectors     1 products came with one of their picture" in ended.err.splitlines()
    assert "              1 x the JPEG file is truncated: it ends at a place where more must follow" in ended.err
    manifest = json.loads(run("info", "--index", "i", "--json").out)
    assert manifest["encoder_spec"] == "hashing:64+precomputed:image=2@clip-v1"
    assert manifest["parts"] == {"text": 64, "image": 2}
    run("build", "p.csv", "--index", "i", *given, "--image-model", "ViT-B-32", "--encoder", "hashing:32")
    manifest = json.loads(run("info", "--index", "i", "--json").out)
    assert manifest["encoder_spec"] == "hashing:32+precomputed:image=2@ViT-B-32"


def test_rows_are_asked_about_with_vectors_of_the_same_width(run: Run) -> None:
    """As many as there are rows; others are refused before anything is opened or written."""
    Path("p.csv").write_text(SHELF)
    np.save("two.npy", np.array([[3, 4], [0, 1]], np.float32))
    np.save("wide.npy", np.ones((2, 3), np.float32))
    np.save("long.npy", np.ones((3, 2), np.float32))
    assert run("build", "p.csv", "--index", "i", "--image-vectors", "two.npy").code is None

    assert run("classify", "p.csv", "-o", "o.csv", "--index", "i", "--image-vectors", "two.npy").code is None
    assert [row["aisle_problem"] for row in table("o.csv")] == ["", ""]
    Path("o.csv").unlink()
    wide = run("classify", "p.csv", "-o", "o.csv", "--index", "i", "--image-vectors", "wide.npy")
    assert "wide.npy has vectors of 3 numbers" in wide.err
    assert "takes vectors of 2 numbers" in wide.err
    long = run("classify", "p.csv", "-o", "o.csv", "--index", "i", "--image-vectors", "long.npy")
    assert "long.npy has 3 vectors, the source has 2 rows; give one for each row" in long.err
    assert (wide.code, long.code, Path("o.csv").exists()) == (1, 1, False)


def test_an_index_of_texts_takes_neither_vectors_nor_a_photo(run: Run, shop: Path, photos: Path) -> None:
    """Each refusal says what the index was built by and how to have both."""
    np.save("v.npy", np.ones((6, 2), np.float32))
    ended = run("classify", "products.csv", "--show", "1", "--index", str(shop), "--image-vectors", "v.npy")
    assert (ended.code, "takes no vectors of pictures" in ended.err) == (1, True)
    ended = run("similar", "--image", str(photos / "red.png"), "--index", str(shop))
    assert (ended.code, "`--encoder hashing:64+open_clip`" in ended.err) == (1, True)


def test_a_photo_finds_what_looks_like_it(tmp_path: Path, photos: Path, seeing: Encoder) -> None:
    """Alone and beside a text, by an encoder that sees pictures; one that cannot be read is refused with the reason."""
    (tmp_path / "p.csv").write_text(SHELF.replace("broken.jpg", "green.jpg"))
    settings = IndexSettings(encoder="hashing:64", space="raw")
    with read(tmp_path / "p.csv") as rows:
        build(rows, tmp_path / "i", settings=settings, encoder=seeing, gallery=Folder(photos))
    with closing(Engine.open(ServiceSettings(index=tmp_path / "i"), seeing)) as engine:
        for text, image, nearest_id in (
            ("", "red.png", "lamp"),
            ("", "green.jpg", "tray"),
            ("tray", "green.jpg", "tray"),
        ):
            assert engine.similar(_shown(text, [photos / image], engine), 1)[0].id == nearest_id
        with pytest.raises(SettingError, match=r"broken\.jpg: the JPEG file is truncated"):
            _shown("tray", [photos / "broken.jpg"], engine)


def test_what_belongs_together_is_asked_for_together(run: Run, shop: Path) -> None:
    """A name of vectors without vectors, images without rows: exit code 2."""
    assert run("build", "products.csv", "--index", "i", "--image-model", "x").code == 2
    assert run("evaluate", "--index", str(shop), "--images", ".").code == 2
    assert run("similar", "--index", str(shop)).code == 2
    assert run("similar", "--id", "mug", "--image", "x.jpg", "--index", str(shop)).code == 2


def test_a_folder_of_images_that_is_not_there_is_refused(run: Run) -> None:
    """Before the encoder is loaded."""
    Path("p.csv").write_text(SHELF)
    ended = run("build", "p.csv", "--index", "i", "--images", "nowhere")
    assert (ended.code, ended.err) == (
        1,
        "aisle: there is no folder or zip of images at nowhere; name one that exists\n",
    )


def test_options_of_a_build_are_obeyed(run: Run) -> None:
    """Encoder, kind and limit of this build, in the manifest."""
    Path("products.csv").write_text(PRODUCTS)
    chosen = ("--encoder", "hashing:32", "--kind", "flat", "--limit", "3")
    assert run("build", "products.csv", "--index", "i", *chosen).code is None
    manifest = json.loads(run("info", "--index", "i", "--json").out)
    assert (manifest["encoder_spec"], manifest["views"]["text"]["vectors"]["kind"], manifest["counts"]["read"]) == (
        "hashing:32",
        "flat",
        3,
    )


def test_columns_can_be_named(run: Run) -> None:
    """On the command line, several for one field, and in a profile; the command line wins."""
    Path("p.txt").write_text("ArtNr;A;B;L1;L2\n1;Mug;Big;Home;Cups\n")
    Path("p.toml").write_text('[columns]\nid = "ArtNr"\ntitle = "B"\ncategory = ["L1", "L2"]\n')
    maps = ("--map", "id=ArtNr", "--map", "title=A", "--map", "category=L1", "--map", "category=L2")

    run("build", "p.txt", "--index", "i", *maps)
    assert nearest(run, "mug") == ["Home > Cups", "Mug"]
    run("build", "p.txt", "--index", "i", "--profile", "p.toml", "--delimiter", ";", "--encoding", "utf-8")
    assert nearest(run, "big") == ["Home > Cups", "Big"]
    run("build", "p.txt", "--index", "i", "--profile", "p.toml", "--map", "title=A")
    assert nearest(run, "mug") == ["Home > Cups", "Mug"]


def test_a_query_is_a_source(run: Run) -> None:
    """A database URL with a query builds and classifies."""
    with sqlite3.connect("shop.db") as database:
        database.execute("CREATE TABLE p (sku TEXT, name TEXT, category TEXT)")
        database.execute("INSERT INTO p VALUES ('1', 'Mug', 'Cups'), ('2', 'Pan', 'Pans')")
    database.close()
    query = ("sqlite:///shop.db", "--query", "SELECT * FROM p ORDER BY sku", "--index", "i")
    assert run("build", *query).code is None
    assert run("classify", *query, "-o", "out.csv").code is None
    assert [row["sku"] for row in table("out.csv")] == ["1", "2"]


def test_labels_of_a_given_tree_only(run: Run) -> None:
    """Ids, a second id of a merged path, and paths map to its nodes; another category is refused."""
    Path("tree.csv").write_text("id,path\n1,Home\n2,Home > Cups\n9,home > cups\n")
    Path("p.csv").write_text("id,title,category\na,Mug,2\nb,Cup,9\nc,Bowl,Home > Cups\nd,Ball,Sports\n")

    ended = run("build", "p.csv", "--taxonomy", "tree.csv", "--index", "i")

    assert "tree.csv: ids that stand for a path which has an id already, understood as that one: 1" in ended.err
    assert "  rows        4 read = 3 indexed + 1 quarantined" in ended.err
    assert "  categories  2 in the tree, and no others: labels outside are refused" in ended.err
    shown = run("taxonomy", "show", "--index", "i").out.splitlines()
    assert shown == ["2 categories, 3 products", "└── Home  (3)", "    └── Cups  (3)"]


def test_classify_writes_the_table(run: Run, shop: Path) -> None:
    """The columns that came and those that are added; the summary on stderr adds up."""
    Path("new.csv").write_text("sku,name,price\n1,Stoneware mug,1.50\n2,,2\n")

    ended = run("classify", "new.csv", "-o", "out.csv", "--index", str(shop))

    assert (ended.code, ended.out) == (None, "")
    rows = table("out.csv")
    assert [(row["sku"], row["price"], row["aisle_leaf_1"]) for row in rows] == [
        ("1", "1.50", "Home > Kitchen > Cups"),
        ("2", "2", "Home > Kitchen > Cups"),
    ]
    assert re.match(r"out.csv holds 2 rows, answered in ", ended.err.splitlines()[1])
    counts = [int(n) for n in re.findall(r"^  (?:auto|suggest|abstain) +(\d+)", ended.err, re.MULTILINE)]
    assert (len(counts), sum(counts)) == (3, 2)


def test_classify_shows_the_first_answers(run: Run, shop: Path) -> None:
    """One card for each, on stdout, without colours where there is no terminal."""
    ended = run("classify", "products.csv", "--index", str(shop), "--show", "2")
    assert ended.code is None
    assert [line for line in ended.out.splitlines() if re.match(r"\d  ", line)] == [
        "1  mug  Stoneware mug",
        "2  cup  Stoneware cup",
    ]
    assert "\x1b" not in ended.out


def test_classify_wants_a_file_or_a_number(run: Run, shop: Path) -> None:
    """Neither, or both, is wrong usage."""
    for options in ((), ("-o", "out.csv", "--show", "1")):
        ended = run("classify", "products.csv", "--index", str(shop), *options)
        assert (ended.code, ended.err.splitlines()[-1]) == (
            2,
            "Error: name the file to write, as in -o out.csv, or ask for some answers, as in --show 3",
        )


def test_similar_lists_neighbours(run: Run, shop: Path) -> None:
    """Of a text or of a stored product, which is not its own neighbour; as columns or as JSON."""
    text = run("similar", "stoneware", "mug", "--index", str(shop), "--limit", "1").out.splitlines()
    assert [line.split()[1] for line in text] == ["id", "mug"]
    near = json.loads(run("similar", "--id", "mug", "--index", str(shop), "--limit", "1", "--json").out)
    assert [(each["id"], each["path"]) for each in near] == [("cup", "Home > Kitchen > Cups")]
    assert run("similar", "--index", str(shop)).code == 2
    assert run("similar", "--id", "nope", "--index", str(shop))[::2] == (
        1,
        "opening shop\naisle: no product with id 'nope'\n",
    )


def test_info_says_what_an_index_holds(run: Run, shop: Path) -> None:
    """In words, and as the manifest."""
    lines = run("info", "--index", str(shop)).out.splitlines()
    assert "  rows        6 read = 4 indexed + 2 quarantined" in lines
    assert "  since then  0 changes; the record store holds 4 products now" in lines
    manifest = json.loads(run("info", "--index", str(shop), "--json").out)
    assert manifest == json.loads((shop / "snapshots" / manifest["id"] / "manifest.json").read_text())


def test_a_tree_is_imported_shown_and_inferred(run: Run) -> None:
    """From any format to our JSON or CSV; drawn as a tree; made of labels."""
    Path("google.txt").write_text("# Google_Product_Taxonomy\n1 - Animals\n3237 - Animals > Live\n")
    Path("products.csv").write_text(PRODUCTS)

    assert run("taxonomy", "import", "google.txt", "-o", "t.json").err == "2 categories written to t.json\n"
    assert read_tree(Path("t.json")).ids == ("1", "3237")
    shown = run("taxonomy", "show", "t.json").out
    assert shown == "2 categories\n└── Animals\n    └── Live\n"
    assert run("taxonomy", "show", "t.json", "--depth", "1").out == "2 categories\n└── Animals  (1 more below)\n"
    assert run("taxonomy", "infer", "products.csv", "-o", "own.csv").err == "5 categories written to own.csv\n"
    assert run("taxonomy", "show", "own.csv", "--node", "Kitchen").out == "Home > Kitchen\n├── Cups\n└── Pans\n"


def test_the_tree_of_an_index_is_changed(run: Run, shop: Path) -> None:
    """By a command for each kind of change or from a file; looked at first, listed, and taken back."""
    at = ("--index", str(shop))
    looked = run("taxonomy", "rename", "Home > Kitchen", "Cooking", "--preview", *at).out.splitlines()
    assert looked[:2] == [
        "a preview, nothing is changed: taxonomy version 2 is made",
        "  Home > Kitchen  ->  Home > Cooking",
    ]
    assert run("taxonomy", "history", *at).out == "version 1, as it was built; nobody has changed it\n"
    run("taxonomy", "rename", "Home > Kitchen", "Cooking", "--author", "Ann", *at)
    run("taxonomy", "move", "Home > Kitchen > Cups", "--top", *at)
    split = run("taxonomy", "split", "Cups", "--part", "Mugs=mug,beaker", "--part", "Bowls=bowl", *at)
    assert split.out.splitlines()[-1] == "  no product fits: Cups > Bowls"
    assert "(1)" in run("taxonomy", "show", "--node", "Cups > Mugs", *at).out
    retired = run("taxonomy", "retire", "Cups > Mugs", "--unlabelled", "--json", *at)
    assert json.loads(retired.out)["examples"] == ["mug"]
    Path("changes.json").write_text(json.dumps([{"change": "merge", "nodes": ["Cups"], "into": "Home"}]))
    assert run("taxonomy", "apply", "changes.json", *at).out.startswith("taxonomy version 6 is made\n")
    assert run("taxonomy", "undo", *at).out.startswith("taxonomy version 7 takes back version 6\n")
    assert run("taxonomy", "undo", "4", *at).err.startswith("aisle: version 4 cannot be undone while version 5 stands")
    history = json.loads(run("taxonomy", "history", "--json", *at).out)
    assert [each["undone"] for each in history] == [None, None, None, None, None, 7, None]
    assert [line.strip() for line in run("taxonomy", "history", *at).out.splitlines() if line[:3] == "  r"] == [
        "rename 'Home > Kitchen' to 'Cooking'",
        "retire 'Cups > Mugs', its products to no category",
    ]
    taken = run("taxonomy", "merge", "Nothing", "--into", "Home", *at)
    assert (taken.code, taken.err.startswith("aisle: the category 'Nothing' is not in the taxonomy")) == (1, True)
    for wrong in (("move", "Cups"), ("split", "Cups", "--part", "Mugs"), ("retire", "A", "--to", "B", "--unlabelled")):
        assert run("taxonomy", *wrong, *at).code == 2
    assert run("similar", "stoneware", "cup", *at).code is None


def test_a_build_by_the_same_tree_goes_on_with_the_one_that_stands(run: Run) -> None:
    """Names of before and of now are taken, and the change stays; another file takes its place."""
    rows = "id,title,category\nmug,Stoneware mug,Home > {}\npan,Frying pan,Home > Pans\n"
    Path("products.csv").write_text(rows.format("Cups"))
    Path("tree.txt").write_text("Home > Cups\nHome > Pans\n")
    by = ("--taxonomy", "tree.txt", "--index", "shop", "--encoder", "hashing:64")
    run("build", "products.csv", *by)
    run("taxonomy", "rename", "Home > Cups", "Mugs", "--index", "shop")
    for name in ("Cups", "Mugs"):
        Path("products.csv").write_text(rows.format(name))
        assert run("build", "products.csv", *by).code is None
        assert run("taxonomy", "show", "--index", "shop").out.splitlines()[2:] == [
            "    ├── Mugs  (1)",
            "    └── Pans  (1)",
        ]
    Path("tree.txt").write_text("Home > Cups\nHome > Pans\nHats\n")
    Path("products.csv").write_text(rows.format("Cups"))
    run("build", "products.csv", *by)
    assert "    ├── Cups  (1)" in run("taxonomy", "show", "--index", "shop").out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("build", "nope.csv"), "aisle: there is no file or folder nope.csv"),
        (("info", "--index", "none"), "aisle: nothing was built in none yet; run: aisle build SOURCE --index none"),
        (("taxonomy", "show", "products.csv"), "aisle: products.csv: "),
        (("classify", "products.csv", "-o", "out.doc"), "aisle: 'out.doc' is none of .csv, .tsv, .jsonl, .parquet"),
        (("build", "products.csv", "--index", "products.csv"), "aisle: File exists: products.csv"),
        (("build", "products.csv", "--encoder", "nope"), "aisle: no encoder 'nope'; choose one of "),
        (("taxonomy", "infer", "products.csv", "-o", "no/t.json"), "aisle: No such file or directory: no/t.json"),
    ],
)
def test_what_goes_wrong_is_one_line(run: Run, arguments: tuple[str, ...], message: str) -> None:
    """No traceback, exit code 1, and the remedy."""
    Path("products.csv").write_text(PRODUCTS)
    ended = run(*arguments)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines()[-1].startswith(message)
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("build",), "Error: Missing argument 'SOURCE'."),
        (("build", "p.csv", "--map", "colour=farbe"), "Error: Invalid value for --map: 'colour=farbe' is not FIELD="),
        (("build", "p.csv", "--recall-target", "2"), "Error: recall_target (AISLE_RECALL_TARGET) is 2.0: "),
        (("fly",), "Error: No such command 'fly'."),
    ],
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: tuple[str, ...], message: str) -> None:
    """With what was expected."""
    ended = run(*arguments)
    assert ended.code == 2
    assert ended.err.splitlines()[-1].startswith(message)


def test_a_wrong_setting_names_its_variable(run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says is checked like an option."""
    monkeypatch.setenv("AISLE_PRECISION", "7")
    ended = run("similar", "x", "--index", str(shop))
    assert (ended.code, ended.err.splitlines()[-1]) == (
        2,
        "Error: precision (AISLE_PRECISION) is '7': Input should be less than 1",
    )


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """`aisle taxonomy show | head -1` ends well and says nothing more."""
    (tmp_path / "t.txt").write_text("".join(f"a{n} > b\n" for n in range(20_000)))
    line = f"set -o pipefail; '{sys.executable}' -c '{COMMAND[2]}' taxonomy show '{tmp_path / 't.txt'}' | head -1"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "40,000 categories\n", "")


def test_ctrl_c_stops_with_one_line(tmp_path: Path) -> None:
    """A build that is stopped publishes nothing and exits with 130."""
    (tmp_path / "p.csv").write_text("id,title\n" + "".join(f"{n},Mug {n} of {n * n}\n" for n in range(300_000)))
    build = [*COMMAND, "build", str(tmp_path / "p.csv"), "--encoder", "hashing", "--index", str(tmp_path / "i")]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(build, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as running:
        while not (tmp_path / "i" / "quarantine.jsonl").exists():
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said.splitlines()[-1]) == (130, "aisle: stopped")
    assert not (tmp_path / "i" / "current").exists()


def test_a_build_takes_tag_words_and_says_what_has_no_effect(run: Run) -> None:
    """Tags are spelt and excluded as the file says; a scope that names no category of the tree is said on stderr."""
    Path("products.csv").write_text(PRODUCTS)
    words = {"spellings": {"steel": "Steel"}, "exclusions": ["gift"], "scopes": {"steel": ["Home > Pots"]}}
    Path("w.json").write_text(json.dumps(words))
    ended = run("build", "products.csv", "--index", "i", "--vocabulary", "w.json")
    assert ended.code is None
    assert (
        "w.json: the scope of 'steel' names 'Home > Pots', which the tree has not; write it like 'A > B'" in ended.err
    )
    assert snapshot.load(Path("i")).built.contents.labels.tag_names == ["stoneware", "Steel"]

    Path("w.json").write_text('{"alias": {}}')
    refused = run("build", "products.csv", "--index", "i", "--vocabulary", "w.json")
    assert (refused.code, refused.err[:50]) == (1, "aisle: w.json: a vocabulary has no part 'alias'; i")


def test_tags_are_suggested_as_a_table_and_as_json(run: Run) -> None:
    """What many titles say and no tag covers; nothing is said of a catalogue where nothing is said often."""
    titles = [f"{size} {noun}, oak" for noun in ("lamp", "tray") for size in ("Big", "Low", "Old")]
    rows = [f"{number},{f'{title}'!r}".replace("'", '"') for number, title in enumerate(titles)]
    rows += [f"p{number},Thing {number},Sports" for number in range(8)]
    Path("p.csv").write_text(
        "\n".join(["id,title,category", *(row if row[0] == "p" else f"{row},Home" for row in rows)])
    )
    assert run("build", "p.csv", "--index", "i").code is None

    table = run("tags", "suggest", "--index", "i").out.splitlines()
    assert [re.split(r" {2,}", line) for line in table[:2]] == [
        ["phrase", "products", "share", "most of them in", "as in"],
        ["oak", "6", "42.9%", "Home 6", "Big lamp, oak"],
    ]
    (first,) = json.loads(run("tags", "suggest", "--index", "i", "--limit", "1", "--json").out)
    assert first == {
        "phrase": "oak",
        "products": 6,
        "share": 0.428571,
        "categories": [{"path": "Home", "products": 6}],
        "example": {"id": "0", "title": "Big lamp, oak"},
    }
    Path("p.csv").write_text("id,title,category\n1,Mug,Cups\n")
    run("build", "p.csv", "--index", "i")
    assert run("tags", "suggest", "--index", "i").out.startswith("no phrase that tags and categories do not cover yet")


def test_a_build_says_who_gave_the_labels(run: Run) -> None:
    """All that do not say so themselves; a machine's labels alone are nothing to answer by."""
    Path("p.csv").write_text("id,title,category,label_provenance\n1,Big mug,Cups,\n2,Red mug,Cups,human\n")
    assert run("build", "p.csv", "--index", "i", "--provenance", "machine").code is None
    with closing(Records.open(Path("i") / STORE, create=False)) as records:
        said = [stored.record.product.provenance for stored in records.page()]
    assert said == ["machine", "human"]
    neighbours = json.loads(run("similar", "mug", "--index", "i", "--json").out)
    assert {each["id"]: (each["path"], each["weight"]) for each in neighbours} == {
        "1": ("Cups", 0.0),
        "2": ("Cups", 1.0),
    }


def test_the_provenances_are_those_of_a_product() -> None:
    """What can be said on the command line is what a product may have."""
    assert PROVENANCES == KNOWN_PROVENANCES


def test_the_kinds_are_those_of_the_vector_indexes() -> None:
    """What can be asked for on the command line is what can be built."""
    assert sorted(KINDS) == sorted(vectors.KINDS)


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_command_and_option_is_documented(name: str, command: click.Command) -> None:
    """docs/cli.md has a section for each command with each of its options and an example."""
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    section = re.search(rf"^##+ aisle {name}\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    assert section is not None, name
    rows = re.findall(r"^\| `(.+?)`", section[1], re.MULTILINE)
    given = [max(option.opts, key=len) for option in command.params if isinstance(option, click.Option)]
    listed = [row.split(", ")[-1].split()[0] for row in rows if row.startswith("-")]
    shared = ["--limit", "--profile", "--map", "--category-separator", "--encoding", "--delimiter", "--query"]
    if "--profile" in given:  # the options of a source have one table for all
        assert "[how the source is written](#how-a-source-is-written)" in section[1]
        given = [option for option in given if option not in shared]
    assert listed == given
    assert f"aisle {name} " in section[1].partition("```sh")[2]


def test_the_options_of_a_source_are_documented() -> None:
    """In one table for all commands that read one."""
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    section = page.partition("## How a source is written")[2].partition("\n## ")[0]
    shared = ["--limit", "--profile", "--map", "--category-separator", "--encoding", "--delimiter", "--query"]
    assert re.findall(r"^\| `(--[a-z-]+)", section, re.MULTILINE) == shared


def test_every_setting_is_documented() -> None:
    """With its variable and its default, in docs/cli.md."""
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    kinds = (IndexSettings, CacheSettings, ImageSettings, ServiceSettings)
    fields = {name: field for kind in kinds for name, field in kind.model_fields.items()}
    rows = re.findall(r"^\| `AISLE_([A-Z_]+)` \| `(.+?)` \|", page, re.MULTILINE)
    assert {(name.lower(), default) for name, default in rows} == {
        (name, str(field.default)) for name, field in fields.items() if field.default != ""
    }
