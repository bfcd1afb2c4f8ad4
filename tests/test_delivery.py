"""indexer/intake/delivery.py: a source added to an index that is there, and an index made equal to a source."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from indexer import encoders
from indexer.build import QUARANTINE, build, tree_of
from indexer.encoders import Encoder
from indexer.errors import SourceError, SyncRefused
from indexer.images.gallery import Folder
from indexer.intake.delivery import SHARE, Delivered, Delivery, Limits
from indexer.intake.placement import CANONICAL, Placement
from indexer.settings import IndexSettings
from indexer.sources import Source, read
from indexer.store.place import open_store
from service.commands import changing
from service.console.deliveries import delivery_report
from taxonomy.files import read_tree
from taxonomy.mapping import CategoryMapper

SETTINGS = IndexSettings(encoder="hashing:64", kind="exact")
HEAD = "id,title,category,tags,image\n"
ROWS = {
    "mug": "mug,Stoneware mug,Home > Cups,stoneware,",
    "cup": "cup,Stoneware cup,Home > Cups,stoneware|gift,",
    "pan": "pan,Frying pan,Home > Pans,steel,",
    "ball": "ball,Leather football,Sports,,",
}


@dataclass
class Shop:
    """An index of four products in a folder, and what delivers rows to it."""

    folder: Path
    encoder: Encoder
    gallery: Folder | None = None
    tree: Path | None = None
    opened: list[Source] = field(default_factory=list)

    def build(self, *rows: str) -> None:
        """Build the index of these rows, by default of ROWS."""
        (self.folder / "p.csv").write_text(HEAD + "\n".join(rows or ROWS.values()))
        with read(self.folder / "p.csv") as source:
            build(
                source,
                self.folder / "index",
                settings=SETTINGS,
                encoder=self.encoder,
                gallery=self.gallery,
                taxonomy=read_tree(self.tree) if self.tree else None,
            )

    def deliver(self, rows: object, call: Callable[[Delivery, Callable[[], Source]], Delivered]) -> Delivered:
        """Call with a delivery and with what opens a file of rows, text or bytes."""
        content = rows if isinstance(rows, bytes) else str(rows).encode()
        (self.folder / "q.csv").write_bytes(content)
        with closing(open_store(self.folder / "index")) as records:
            tree, grows = tree_of(records)

            def opened() -> Source:
                self.opened.append(read(self.folder / "q.csv", mapper=None if grows else CategoryMapper(tree)))
                return self.opened[-1]

            placement = Placement(tree, grows=grows, separators=CANONICAL)
            where = self.folder / "index" / QUARANTINE
            return call(Delivery(records, self.encoder, placement, where, gallery=self.gallery), opened)

    def add(self, *rows: str) -> Delivered:
        """Add rows."""
        return self.deliver(HEAD + "\n".join(rows), lambda delivery, opened: delivery.add(opened()))

    def sync(self, *rows: str, **options: Any) -> Delivered:
        """Make the index equal to rows."""
        dry = options.pop("dry", False)
        return self.deliver(
            HEAD + "\n".join(rows), lambda delivery, opened: delivery.sync(opened, Limits(**options), dry=dry)
        )

    def ids(self) -> list[str]:
        """Return the ids that are stored, in the order they came."""
        return list(self.stored())

    def stored(self) -> dict[str, Any]:
        """Return the products that are stored, by id."""
        with closing(open_store(self.folder / "index")) as records:
            return {each.record.product.id: each.record.product for each in records.page(limit=1_000)}

    def seq(self) -> int:
        """Return the place of the journal's last change."""
        with closing(open_store(self.folder / "index")) as records:
            return records.seq()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Return an index of ROWS."""
    made = Shop(tmp_path, encoders.load("hashing:64"))
    made.build()
    yield made
    for source in made.opened:
        source.close()


def told(delivered: Delivered) -> tuple[int, ...]:
    """Return added, changed, relabelled, unchanged, deleted, held and encoded."""
    found = delivered.differences
    return (
        *(found[name] for name in ("added", "changed", "relabelled", "unchanged")),
        delivered.deleted,
        delivered.held,
        delivered.encoded,
    )


NEXT = (
    ROWS["mug"],
    "cup,Stoneware cup,Home > Mugs,gift,",
    "pan,Frying pan 28 cm,Home > Pans,steel,",
    "new,Wool blanket,,,",
)
"""One row unchanged, one relabelled, one changed, one added without a label, one gone."""


def test_what_is_added_replaces_its_id_and_leaves_the_others(shop: Shop) -> None:
    """Only content that is new is encoded; a relabel and the same again encode nothing and the same writes nothing."""
    delivered = shop.add(*NEXT)
    assert told(delivered) == (1, 1, 1, 1, 0, 0, 2)
    assert (delivered.rows.read, delivered.rows.indexed, delivered.seq, delivered.stored) == (4, 4, 7, 4)
    assert shop.ids() == ["mug", "cup", "pan", "ball", "new"]
    stored = shop.stored()
    assert (stored["cup"].category, stored["cup"].tags, stored["new"].category) == ("Home > Mugs", ("gift",), "")

    again = shop.add(*NEXT)
    assert (told(again), again.seq) == ((0, 0, 0, 4, 0, 0, 0), 7)


def test_the_label_of_a_person_stands_when_a_source_comes_again(shop: Shop) -> None:
    """Of three that people labelled one goes elsewhere in the source, one has none, one is agreed to; text changes."""
    heard = ("mug,Stoneware mug,Sports", "cup,Stoneware cup,Sports", "pan,Frying pan,Home > Cups")
    labelled = "id,title,category,label_provenance\n" + "\n".join(f"{row},human" for row in heard)
    shop.deliver(labelled, lambda delivery, opened: delivery.add(opened()))
    rows = (ROWS["mug"], "cup,Stoneware cup again,,,", "pan,Frying pan,Home > Cups,,", ROWS["ball"])
    dry = shop.sync(*rows, dry=True)
    assert dry.preceded == 2
    assert "2 would keep what a person said" in delivery_report(dry, shop.folder, shop.folder)
    done = shop.add(*rows)
    assert (done.preceded, shop.add(*rows).differences["unchanged"]) == (2, 4)
    stored = shop.stored()
    labels = {id_: (each.category, each.provenance) for id_, each in stored.items()}
    people = {"mug": ("Sports", "human"), "cup": ("Sports", "human"), "pan": ("Home > Cups", "human")}
    assert labels == people | {"ball": ("Sports", "supplier")}
    assert stored["cup"].title == "Stoneware cup again"
    again = labelled.replace("mug,Stoneware mug,Sports", "mug,Stoneware mug,Home > Cups")
    assert shop.deliver(again, lambda delivery, opened: delivery.add(opened())).preceded == 0
    assert shop.stored()["mug"].category == "Home > Cups"


def test_categories_that_join_the_tree_are_told(shop: Shop) -> None:
    """A supplier's own tree in a column that is read as the shop's is seen at once, and before by a dry sync."""
    row = "kettle,Kettle,1117 Wasserkocher > Glas,,"
    assert shop.sync(*ROWS.values(), row, dry=True).joined == ("1117 Wasserkocher", "1117 Wasserkocher > Glas")
    delivered = shop.add(row)
    assert delivered.joined == ("1117 Wasserkocher", "1117 Wasserkocher > Glas")
    assert "2 that the tree lacked joined it" in (report := delivery_report(delivered, shop.folder, shop.folder))
    assert "--map foreign_category=COLUMN" in report
    assert shop.add(row).joined == ()


def test_a_sync_makes_the_index_equal_to_the_source(shop: Shop) -> None:
    """What the source lacks goes; the counts say how much of each."""
    delivered = shop.sync(*NEXT)
    assert told(delivered) == (1, 1, 1, 1, 1, 0, 2)
    assert shop.ids() == ["mug", "cup", "pan", "new"]


def test_a_dry_sync_counts_as_the_real_one_does_and_writes_nothing(shop: Shop) -> None:
    """The same counts but for what was encoded; neither the store nor the file of refused rows is touched."""
    (shop.folder / "index" / QUARANTINE).write_text("before")
    dry = shop.sync(*NEXT, dry=True)
    assert (told(dry)[:-1], dry.encoded, dry.dry, shop.seq()) == ((1, 1, 1, 1, 1, 0), 0, True, 4)
    assert (shop.folder / "index" / QUARANTINE).read_text() == "before"
    assert told(shop.sync(*NEXT))[:-1] == told(dry)[:-1]


def test_a_refused_row_keeps_the_product_of_its_id(shop: Shop) -> None:
    """By its reader or when it is cleaned; the products that no row names go, and the counts add up."""
    delivered = shop.sync(ROWS["mug"], "cup,,,,", "pan,<br>,Home > Pans,,", force=True)
    assert told(delivered) == (0, 0, 0, 1, 1, 0, 0)
    assert (delivered.rows.read, delivered.rows.quarantined, delivered.rows.adds_up) == (3, 2, True)
    assert shop.ids() == ["mug", "cup", "pan"]
    lines = (shop.folder / "index" / QUARANTINE).read_bytes().splitlines()
    assert [orjson.loads(line)["id"] for line in lines] == ["cup", "pan"]


@pytest.mark.parametrize(
    ("row", "nameless"),
    [
        (",Nameless,Sports,,", 1),
        ("x,Too,many,cells,here,now,", 1),
        ("ball,Too,many,cells,here,now,", 0),
        ("other,,,,", 0),
    ],
)
def test_while_an_id_cannot_be_read_nothing_is_deleted(shop: Shop, row: str, nameless: int) -> None:
    """No id, or a broken row with an id that is not stored, may be any product; a broken row of a stored one is it."""
    delivered = shop.sync(*NEXT, row)
    assert (delivered.nameless, delivered.held, delivered.deleted) == (nameless, nameless, int(row == "other,,,,"))
    assert ("ball" in shop.ids()) == (row != "other,,,,")


def test_force_deletes_beside_rows_that_cannot_be_read(shop: Shop) -> None:
    """Who forces it has looked."""
    assert shop.sync(*NEXT, ",Nameless,Sports,,", force=True).deleted == 1
    assert "ball" not in shop.ids()


def test_more_than_a_share_is_deleted_by_force_only(shop: Shop) -> None:
    """Three of four are more than half: refused before anything is written; a dry run says so beside the counts."""
    with pytest.raises(SyncRefused, match=r"q.csv lacks 3 of the 4 products .* \(75.0%\), a sync deletes 50% at most"):
        shop.sync(ROWS["mug"], "new,Wool blanket,,,")
    assert (shop.seq(), shop.ids()) == (4, ["mug", "cup", "pan", "ball"])
    with pytest.raises(
        SyncRefused
    ):  # one row without an id may be one of those three, the others are lacking all the same
        shop.sync(",Nameless,Sports,,")
    dry = shop.sync(ROWS["mug"], dry=True)
    assert (dry.deleted, dry.refused.partition(" products")[0].rpartition("/")[2]) == (3, "q.csv lacks 3 of the 4")
    assert shop.sync(ROWS["mug"], ROWS["cup"]).deleted == 2  # half is not more than half
    assert shop.sync("new,Wool blanket,,,", share=1.0).deleted == 2
    shop.build()
    assert shop.sync(ROWS["mug"], force=True).deleted == 3


def test_a_source_that_breaks_off_deletes_nothing(shop: Shop) -> None:
    """It is read to its end before anything is written."""
    whole = b"\n".join([HEAD.strip().encode(), *(row.encode() for row in NEXT)])
    (shop.folder / "q.csv").write_bytes(whole)
    cut = gzip.compress(whole * 5_000)[:-400]

    def synced(delivery: Delivery, opened: Callable[[], Source]) -> Delivered:
        return delivery.sync(opened, Limits(force=True))

    with pytest.raises(SourceError):
        shop.deliver(cut, synced)
    assert (shop.seq(), shop.ids()) == (4, ["mug", "cup", "pan", "ball"])


def test_a_source_without_a_row_that_can_be_indexed_deletes_nothing(shop: Shop) -> None:
    """Not by force, either."""
    with pytest.raises(SourceError, match=r"none of the 2 rows of .* can be indexed, so nothing is deleted"):
        shop.sync("mug,,,,", "cup,,,,", force=True)
    assert shop.ids() == ["mug", "cup", "pan", "ball"]


def test_what_somebody_else_adds_meanwhile_stays(shop: Shop) -> None:
    """A product whose key is higher than all there were when the sync began is none that the source lacks."""

    def synced(delivery: Delivery, opened: Callable[[], Source]) -> Delivered:
        times = iter(range(2))

        def meanwhile() -> Source:
            if next(times) == 1:
                with closing(open_store(shop.folder / "index")) as other:
                    stored = other.get(["mug"])["mug"].record
                    other.write([replace(stored, product=replace(stored.product, id="theirs"))])
            return opened()

        return delivery.sync(meanwhile)

    delivered = shop.deliver(HEAD + "\n".join(NEXT), synced)
    assert (delivered.deleted, shop.ids()) == (1, ["mug", "cup", "pan", "theirs", "new"])


def test_a_tree_that_was_given_refuses_other_categories(tmp_path: Path) -> None:
    """As at the build; the stored product of the row stays as it was."""
    (tmp_path / "tree.csv").write_text("id,path\n1,Home\n2,Home > Cups\n3,Home > Pans\n4,Sports\n")
    shop = Shop(tmp_path, encoders.load("hashing:64"), tree=tmp_path / "tree.csv")
    shop.build()
    delivered = shop.sync(ROWS["mug"], "cup,Cup,Home > Beds,,", "pan,Frying pan,3,steel,", ROWS["ball"])
    assert (told(delivered), delivered.rows.by_code["invalid_category"]) == ((0, 0, 0, 3, 0, 0, 0), 1)
    assert shop.stored()["cup"].category == "Home > Cups"
    for source in shop.opened:
        source.close()


def test_pictures_are_looked_at_and_tell_whether_a_product_changed(
    tmp_path: Path, seeing: Encoder, photos: Path
) -> None:
    """Another picture is another content; the same picture under another name is a change that encodes nothing."""
    shop = Shop(tmp_path, seeing, gallery=Folder(photos))
    shop.build("lamp,Brass lamp,Home,,red.png", "tray,Cork tray,Home,,green.jpg", "bowl,Oak bowl,Home,,blue.webp")
    rows = ("lamp,Brass lamp,Home,,red.png", "tray,Cork tray,Home,,blue.webp", "bowl,Oak bowl,Home,,broken.jpg")
    delivered = shop.sync(*rows)
    assert told(delivered) == (0, 2, 0, 1, 0, 0, 2)
    assert delivered.pictures is not None
    assert (delivered.pictures.read, delivered.pictures.unread.total()) == (2, 1)
    assert told(shop.sync(*rows, dry=True)) == (0, 0, 0, 3, 0, 0, 0)
    for source in shop.opened:
        source.close()


def test_the_command_deletes_no_more_than_the_library() -> None:
    """The default of --delete-share, which is written where nothing heavy is imported."""
    assert changing.SHARE == SHARE
