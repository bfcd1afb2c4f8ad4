"""intake/ingest.py: rows with pictures and vectors into the record store, what was refused, and the counts of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from indexer import encoders
from indexer.build import Report, build
from indexer.encoders import Encoder
from indexer.errors import SourceError
from indexer.images.gallery import Folder, open_gallery
from indexer.intake.ingest import PictureCounts, reason
from indexer.picture import Picture
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.sources import RowVectors, read
from indexer.store.place import STORE
from indexer.store.records import Records

SETTINGS = IndexSettings(encoder="hashing:64+precomputed:image=2@sketch", kind="exact")
ROWS = """id,title,category,image
lamp,Brass lamp,Home > Lamps,red.png|blue.webp
tray,Cork tray,Home > Trays,broken.jpg
bowl,Oak bowl,Home > Bowls,none.jpg|green.jpg
photo,,Home > Lamps,blue.webp
empty,,Home > Lamps,broken.jpg
plain,Plain towel,Bath,
"""


def run(folder: Path, rows: str = ROWS, *, vectors: Any = None, images: Path | None = None, **more: Any) -> Report:
    """Build `folder`/index from CSV text."""
    source = folder / "products.csv"
    source.write_text(rows)
    given: RowVectors | bool = False
    if vectors is not None:
        np.save(folder / "vectors.npy", np.array(vectors, np.float32))
        given = RowVectors(folder / "vectors.npy")
    gallery = Folder(images) if images else None
    with read(source, vectors=given) as opened:
        return build(opened, folder / "index", settings=SETTINGS, gallery=gallery, **more)


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[], dict[str, Product]]:
    """Return what gives the products in the index of this test, by id."""

    def products() -> dict[str, Product]:
        with closing(Records.open(tmp_path / "index" / STORE, create=False)) as records:
            return {each.record.product.id: each.record.product for each in records.page(limit=1_000)}

    return products


def refused(folder: Path) -> dict[str, tuple[str, str]]:
    """Return code and reason of each row in quarantine, by id."""
    lines = (folder / "index" / "quarantine.jsonl").read_bytes().splitlines()
    return {line["id"]: (line["code"], line["reason"]) for line in map(orjson.loads, lines)}


def test_a_broken_image_costs_its_product_the_image_and_the_counts_add_up(
    tmp_path: Path, photos: Path, seeing: Encoder, stored: Callable[[], dict[str, Product]]
) -> None:
    """6 rows = 5 + 1 refused, which has nothing else; of the others' 6 images 4 were read, and 2 products have none."""
    report = run(tmp_path, images=photos, encoder=seeing)

    assert (report.rows.indexed, report.rows.by_code, report.rows.adds_up) == (5, Counter(no_content=1), True)
    unread = {"the JPEG file is truncated: it ends at a place where more must follow": 1, "no file … in photos": 1}
    assert report.pictures == PictureCounts(read=4, unread=Counter(unread), without=2)
    counts = report.manifest.counts
    assert [counts[name] for name in ("pictures", "unread", "pictureless", "products")] == [4, 2, 2, 5]
    assert refused(tmp_path)["empty"][0] == "no_content"
    assert "no image that can be read (the JPEG file is truncated" in refused(tmp_path)["empty"][1]

    products = stored()
    assert [(each.width, each.height) for each in products["lamp"].pictures] == [(300, 200), (300, 200)]
    assert "truncated" in products["tray"].pictures[0].problem
    assert "no file 'none.jpg'" in products["bowl"].pictures[0].problem
    assert products["bowl"].pictures[1].hash
    assert products["plain"].pictures == ()


def test_pictures_reach_the_encoder_and_their_vectors_the_store(tmp_path: Path, photos: Path, seeing: Encoder) -> None:
    """Green has the vector of green, also behind an image that could not be read; who has no picture lacks the part."""
    run(tmp_path, images=photos, encoder=seeing)
    with closing(Records.open(tmp_path / "index" / STORE, create=False)) as records:
        found = records.read([1, 2, 3, 4], seeing.name, seeing.parts)
        assert found.encoded.mask["image"].tolist() == [True, False, True, True]
        red, _, green, blue = found.encoded.parts["image"]
        assert [int(row.argmax()) for row in (red, green, blue)] == [0, 1, 2]
        assert found.encoded.mask["text"].tolist() == [True, True, True, False]
        assert [phash is None for phash in found.phashes] == [False, True, False, False]
        thumbnail = records.thumbnail(records.get(["lamp"])["lamp"].record.product.pictures[0].hash)
        assert thumbnail is not None
        assert thumbnail[:2] == b"\xff\xd8"  # JPEG


def test_building_again_encodes_nothing_and_changes_nothing(tmp_path: Path, photos: Path, seeing: Encoder) -> None:
    """The same pictures from another folder, too."""
    run(tmp_path, images=photos, encoder=seeing)
    with closing(Records.open(tmp_path / "index" / STORE, create=False)) as records:
        before = records.seq()
    report = run(tmp_path, images=photos, encoder=seeing)
    with closing(Records.open(tmp_path / "index" / STORE, create=False)) as records:
        assert (report.encoded, records.seq()) == (0, before)


def test_without_a_gallery_nobody_looks(tmp_path: Path, stored: Callable[[], dict[str, Product]]) -> None:
    """A row with nothing but an image is taken at its word; nothing is counted."""
    report = run(tmp_path)
    assert (report.rows.indexed, report.pictures) == (6, None)
    assert "pictures" not in report.manifest.counts
    assert {each.pictures for each in stored().values()} == {()}


def test_a_zip_is_as_good_as_a_folder(tmp_path: Path, photos: Path, seeing: Encoder) -> None:
    """Paths of another machine are found by their file names."""
    from zipfile import ZipFile

    with ZipFile(tmp_path / "photos.zip", "w") as archive:
        for photo in photos.iterdir():
            archive.write(photo, f"2024/{photo.name}")
    (tmp_path / "p.csv").write_text(ROWS.replace("red.png", "C:\\shop\\red.png"))
    gallery = open_gallery(tmp_path / "photos.zip", fetch=False)
    with read(tmp_path / "p.csv") as rows:
        report = build(rows, tmp_path / "index", settings=SETTINGS, encoder=seeing, gallery=gallery)
    assert report.pictures is not None
    assert (report.pictures.read, report.pictures.unread.total()) == (4, 2)


def test_vectors_made_elsewhere_are_stored_at_unit_length(tmp_path: Path) -> None:
    """A zero row is no vector; one alone makes a product; the count of them is in the manifest."""
    rows = (
        "id,title,category\nlamp,Brass lamp,Home > Lamps\ntray,Cork tray,Home > Trays\nonly,,Home > Lamps\nnone,,Bath\n"
    )
    report = run(tmp_path, rows, vectors=[[3, 4], [0, 0], [0, 2], [0, 0]])

    assert (report.rows.indexed, report.manifest.counts["given"]) == (3, 2)
    assert refused(tmp_path)["none"][0] == "no_content"
    encoder = encoders.load(SETTINGS.encoder)
    with closing(Records.open(tmp_path / "index" / STORE, create=False)) as records:
        found = records.read([1, 2, 3], encoder.name, encoder.parts)
    np.testing.assert_array_equal(found.encoded.parts["image"], np.array([[0.6, 0.8], [0, 0], [0, 1]], np.float32))
    assert found.encoded.mask["image"].tolist() == [True, False, True]
    assert report.manifest.encoder_spec == SETTINGS.encoder


def test_a_vector_that_is_not_finite_costs_its_row_and_no_other(tmp_path: Path) -> None:
    """It goes to quarantine with the value and its place."""
    rows = "id,title,category\nlamp,Brass lamp,Home > Lamps\ntray,Cork tray,Home > Trays\n"
    report = run(tmp_path, rows, vectors=[[3, float("inf")], [1, 0]])
    assert (report.rows.indexed, report.rows.by_code) == (1, Counter(invalid_vector=1))
    assert refused(tmp_path)["lamp"][1].startswith("the vector for image has inf at place 1")


def test_a_vector_of_another_length_in_a_column_costs_its_row(tmp_path: Path) -> None:
    """Value, limit and remedy are in quarantine."""
    (tmp_path / "p.csv").write_text('id,title,category,image_vector\n1,Lamp,A,"[1, 2, 3]"\n2,Tray,B,"[1, 0]"\n')
    with read(tmp_path / "p.csv", vectors=True) as rows:
        report = build(rows, tmp_path / "index", settings=SETTINGS)
    assert report.rows.by_code == Counter(invalid_vector=1)
    assert refused(tmp_path)["1"][1].startswith("the vector for image has 3 numbers, the index takes 2; give one by")


def test_too_few_vectors_stop_a_build_and_remove_nothing(tmp_path: Path) -> None:
    """Products of the build before stay, and so does the snapshot that is served."""
    before = run(tmp_path, "id,title,category\nold,Old lamp,Home > Lamps\n", vectors=[[1, 0]])
    many = "id,title,category\n" + "".join(f"{n},Lamp {n},Home > Lamps\n" for n in range(1_200))
    with pytest.raises(SourceError, match="has 1,100 vectors, the source has more rows"):
        run(tmp_path, many, vectors=np.ones((1_100, 2)))
    with closing(Records.open(tmp_path / "index" / STORE, create=False)) as records:
        assert "old" in records.get(["old"])
    assert (tmp_path / "index" / "current").read_text().strip() == before.manifest.id


def test_reasons_of_one_sort_are_counted_together() -> None:
    """Without what varies: names, numbers and the remedy."""
    first = "no file 'images/a 1.jpg' in photos; put it there or correct the path"
    second = "no file 'b.jpg' in photos; put it there or correct the path"
    large = "the image has 9,000 x 9,000 = 81,000,000 pixels, the limit is 64,000,000; send a smaller one"
    assert reason(first) == reason(second) == "no file … in photos"
    assert reason(large) == "the image has … x … = … pixels, the limit is …"


def test_images_of_a_product_are_counted_each_and_the_product_once() -> None:
    """3 looked at = 1 read + 2 not; the second product has no picture, nor has the third."""
    counts = PictureCounts()
    read_one, broken = Picture("ab" * 16), Picture(problem="broken; mend it")
    for pictures in ((read_one, broken), (broken,), ()):
        counts.add(Product("p", "Lamp", pictures=pictures))
    counts.add(replace(Product("p", "Lamp"), vectors={"image": np.ones(2, np.float32)}))
    assert counts == PictureCounts(read=1, unread=Counter(broken=2), without=3, given=1)


@pytest.mark.slow
@pytest.mark.real_data
def test_real_photos_and_real_vectors_add_up(tmp_path: Path, real_data: Path) -> None:
    """flipkart_1050: 1,050 rows, three of them without a photo and with a zero row in the vectors."""
    folder = real_data / "flipkart_1050"
    vectors = RowVectors(folder / "mobilenet_v2_image_vectors.npy")
    settings = IndexSettings(encoder="hashing:64+precomputed:image=1280@mobilenet-v2", kind="exact", space="raw")
    with read(folder, vectors=vectors) as rows:
        report = build(rows, tmp_path / "index", settings=settings, gallery=Folder(folder))
    assert report.pictures == PictureCounts(read=1_047, without=3, given=1_047)
    with closing(Records.open(tmp_path / "index" / STORE, create=False)) as records:
        found = next(iter(records.scan(report.manifest.encoder, report.manifest.parts, 2_000, size=2_000)))
        shown = [phash is not None for phash in found.phashes]
        assert found.encoded.mask["image"].tolist() == shown
        assert sum(shown) == 1_047
        row = next(row for row, there in enumerate(shown) if there)
        kept, given = found.encoded.parts["image"][row], vectors.at(row)
        assert given is not None
        np.testing.assert_allclose(kept, given / np.linalg.norm(given), atol=1e-6)
