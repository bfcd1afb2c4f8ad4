"""indexer/images/gallery.py: files by reference, and that nothing else is read."""

from __future__ import annotations

import os
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from indexer.errors import SourceError
from indexer.images.fetch import Fetcher
from indexer.images.gallery import Folder, Gallery, Several, Unread, Urls, Zip, open_gallery
from indexer.settings import ImageSettings

LIMIT = ImageSettings(image_bytes=1_000)
FILES = {"a.jpg": b"at the top", "lamps/b.jpg": b"in a folder", "lamps/same.jpg": b"one", "pans/same.jpg": b"two"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of files, with a secret beside it."""
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    for name, data in FILES.items():
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "images"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Return a zip of the same files."""
    with zipfile.ZipFile(tmp_path / "images.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.mkdir("lamps")
        for name, data in FILES.items():
            file.writestr(name, data)
    return tmp_path / "images.zip"


@pytest.fixture(params=["folder", "archive"])
def gallery(request: pytest.FixtureRequest) -> Gallery:
    """Return the files as a folder and as a zip."""
    return open_gallery(request.getfixturevalue(request.param), fetch=False, settings=LIMIT)


def reason(gallery: Gallery, reference: str) -> str:
    """Return why a reference cannot be read."""
    with pytest.raises(Unread) as raised:
        gallery.read(reference)
    return str(raised.value)


def test_a_path_is_read_as_it_is(gallery: Gallery) -> None:
    """With either slash, and with a dot before it."""
    references = ("a.jpg", "./a.jpg", "lamps/b.jpg", "lamps\\b.jpg", "lamps/same.jpg", "pans/same.jpg")
    assert [gallery.read(reference) for reference in references] == [
        b"at the top",
        b"at the top",
        b"in a folder",
        b"in a folder",
        b"one",
        b"two",
    ]


@pytest.mark.parametrize(
    "reference",
    ["b.jpg", "other/b.jpg", "/home/seller/b.jpg", "C:\\images\\b.jpg", "https://shop.example/i/b.jpg?width=300"],
)
def test_another_path_is_read_by_its_file_name(gallery: Gallery, reference: str) -> None:
    """Of other folders, another machine, or the web."""
    assert gallery.read(reference) == b"in a folder"


@pytest.mark.parametrize("reference", ["same.jpg", "other/same.jpg", "c.jpg", "lamps", "A.JPG", "a.jp"])
def test_a_name_that_none_or_two_files_have_is_not_read(gallery: Gallery, reference: str) -> None:
    """And a folder is no file."""
    assert reason(gallery, reference).startswith(f"no file {reference!r} in images")
    assert reason(gallery, reference).endswith("; put it there or correct the path")


@pytest.mark.parametrize(
    "reference", ["../secret.jpg", "lamps/../../secret.jpg", "..\\secret.jpg", "http://x.example/../secret.jpg"]
)
def test_a_path_that_climbs_is_refused(gallery: Gallery, reference: str) -> None:
    """Whether or not it would come back."""
    assert reason(gallery, reference) == f"the path {reference!r} leaves its folder; write it without .."


@pytest.mark.parametrize("reference", ["", "/", ".", "a.jpg\0.png", "x" * 5_000, "/etc/passwd", "C:\\boot.ini", "NUL"])
def test_what_is_no_path_of_the_gallery_has_a_reason(gallery: Gallery, reference: str) -> None:
    """Empty, absolute, with a zero in it, or endless: nothing else is raised, and the reason stays short."""
    assert 0 < len(reason(gallery, reference)) < 300


def test_an_absolute_path_of_the_machine_is_not_read(folder: Path) -> None:
    """Even of a file that exists."""
    assert reason(Folder(folder), str(folder.parent / "secret.jpg")).startswith("no file ")


def test_a_link_that_leads_out_of_the_folder_is_not_followed(folder: Path) -> None:
    """Of a file or of a folder, by its path or by its name; one that stays inside is."""
    (folder / "out.jpg").symlink_to(folder.parent / "secret.jpg")
    (folder / "up").symlink_to(folder.parent)
    (folder / "in.jpg").symlink_to(folder / "a.jpg")
    gallery = Folder(folder)
    assert gallery.read("in.jpg") == b"at the top"
    assert [reason(gallery, each)[:8] for each in ("out.jpg", "x/out.jpg", "up/secret.jpg", "secret.jpg")] == [
        "no file "
    ] * 4


def test_links_in_a_circle_are_no_file(folder: Path) -> None:
    """Whatever the file system makes of them; the reason does not name the machine's path."""
    (folder / "round.jpg").symlink_to("round.jpg")
    said = reason(Folder(folder, LIMIT), "round.jpg")
    assert said == "the file 'round.jpg' cannot be read: its links lead in a circle; check it"


@pytest.mark.parametrize("reference", ["http://[shop.example/b.jpg", "https://[::1/a.jpg"])
def test_what_only_begins_as_a_url_has_a_reason(gallery: Gallery, reference: str) -> None:
    """A bracket that is not closed costs its product the picture, not the build."""
    assert reason(gallery, reference) == f"{reference!r} is no URL: Invalid IPv6 URL; correct it"


def test_members_of_a_zip_are_known_by_either_slash(tmp_path: Path) -> None:
    """As some archivers write them: of two files of one name the right one is read."""
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as file:
        file.writestr("lamps\\same.jpg", b"one")
        file.writestr("./pans/same.jpg", b"two")
    gallery = Zip(tmp_path / "odd.zip", LIMIT)
    assert [gallery.read(path) for path in ("lamps/same.jpg", "lamps\\same.jpg", "pans/same.jpg")] == [
        b"one",
        b"one",
        b"two",
    ]
    assert reason(gallery, "same.jpg").startswith("no file 'same.jpg' in odd.zip")


def test_what_is_no_regular_file_is_not_opened(folder: Path) -> None:
    """A pipe would never answer."""
    os.mkfifo(folder / "pipe.jpg")
    assert reason(Folder(folder), "pipe.jpg").startswith("no file ")


def test_a_file_that_may_not_be_read_has_a_reason_without_its_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system says, and no path of this machine."""

    def refuse(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    assert reason(Folder(folder), "a.jpg") == "the file 'a.jpg' cannot be read: Permission denied; check it"


def test_no_more_is_read_than_the_limit(gallery: Gallery, folder: Path, archive: Path) -> None:
    """A file of exactly so many bytes is; one byte more is not."""
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as file:
        for size in (1_000, 1_001):
            (folder / f"{size}.jpg").write_bytes(bytes(size))
            file.writestr(f"{size}.jpg", bytes(size))
    for each in (Folder(folder, LIMIT), Zip(archive, LIMIT)):
        assert each.read("1000.jpg") == bytes(1_000)
        assert reason(each, "1001.jpg") == "'1001.jpg' has more than 1,000 bytes, the limit; make it smaller"
    assert gallery.read("a.jpg") == b"at the top"


def lying(archive: Path, size: int) -> None:
    """Let every header of a zip claim that its members have `size` bytes."""
    data = bytearray(archive.read_bytes())
    for mark, place in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = data.find(mark)
        while at >= 0:
            data[at + place : at + place + 4] = struct.pack("<I", size)
            at = data.find(mark, at + 4)
    archive.write_bytes(data)


@pytest.mark.parametrize("claimed", [10, 1_000_000_000, 0xFFFFFFFE])
def test_a_zip_bomb_is_unpacked_to_the_limit_and_no_further(tmp_path: Path, claimed: int) -> None:
    """100 MB of zeros in 100 kB, whatever size the headers claim: over the limit, or cut where it claims to end."""
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb.jpg", bytes(100_000_000))
    lying(archive, claimed)
    assert reason(Zip(archive, LIMIT), "bomb.jpg") in (
        "'bomb.jpg' has more than 1,000 bytes, the limit; make it smaller",
        "'bomb.jpg' in bomb.zip is damaged: Bad CRC-32 for file 'bomb.jpg'; zip it anew",
    )


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressions_that_unpack_without_bound_are_refused(tmp_path: Path, method: int) -> None:
    """And so is what is encrypted."""
    archive = tmp_path / "odd.zip"
    with zipfile.ZipFile(archive, "w", method) as file:
        file.writestr("a.jpg", bytes(500))
    assert reason(Zip(archive), "a.jpg").endswith("compressed by something else than deflate; zip it anew")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.jpg", bytes(500))
    data = bytearray(archive.read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.find(mark) + place] |= 1
    archive.write_bytes(data)
    assert reason(Zip(archive), "a.jpg").startswith("'a.jpg' in odd.zip is encrypted or ")


def test_a_damaged_member_has_a_reason(archive: Path) -> None:
    """The others can still be read."""
    data = bytearray(archive.read_bytes())
    data[data.find(b"lamps/b.jpg") + len("lamps/b.jpg") + 2] ^= 0xFF
    archive.write_bytes(data)
    gallery = Zip(archive)
    assert reason(gallery, "lamps/b.jpg").startswith("'lamps/b.jpg' in images.zip is damaged: ")
    assert gallery.read("a.jpg") == b"at the top"


def test_members_with_paths_that_leave_the_zip_stay_members(tmp_path: Path) -> None:
    """Nothing is unpacked to disk, and by its file name such a member can be had."""
    archive = tmp_path / "slip.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../../slip.jpg", b"inside")
    assert Zip(archive).read("slip.jpg") == b"inside"
    assert reason(Zip(archive), "../../slip.jpg").startswith("the path ")


def test_a_zip_in_a_zip_is_a_file_like_any_other(tmp_path: Path, archive: Path) -> None:
    """It is not opened."""
    outer = tmp_path / "outer.zip"
    with zipfile.ZipFile(outer, "w") as file:
        file.write(archive, "images.zip")
    assert reason(Zip(outer), "a.jpg").startswith("no file 'a.jpg' in outer.zip")


def test_files_are_read_from_several_threads_at_once(gallery: Gallery) -> None:
    """Each gets its own."""
    references = ["a.jpg", "lamps/b.jpg", "pans/same.jpg", "b.jpg"] * 50
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(gallery.read, references)) == [b"at the top", b"in a folder", b"two", b"in a folder"] * 50


def test_what_is_neither_folder_nor_zip_is_refused_at_once(tmp_path: Path) -> None:
    """By the name it was given."""
    (tmp_path / "a.txt").write_bytes(b"text")
    with pytest.raises(SourceError, match=r"there is no folder or zip of images at .*nowhere; name one that exists"):
        open_gallery(tmp_path / "nowhere", fetch=False)
    with pytest.raises(SourceError, match=r"a\.txt is no zip of images: .*; give a folder or a zip"):
        open_gallery(tmp_path / "a.txt", fetch=False)


def test_nothing_is_fetched_unless_that_was_allowed(folder: Path) -> None:
    """The reason says what would."""
    for where in (None, folder):
        gallery = open_gallery(where, fetch=False)
        with pytest.raises(Unread):
            gallery.read("https://shop.example/c.jpg")
    url = "https://shop.example/c.jpg"
    assert reason(open_gallery(None, fetch=False), url) == (
        f"{url!r} was not fetched; set AISLE_FETCH_IMAGES=true to fetch images"
    )
    assert reason(open_gallery(None, fetch=True), "c.jpg") == (
        "no folder of images is known that 'c.jpg' could be in; name one"
    )


def test_what_lies_in_the_folder_is_not_fetched(folder: Path) -> None:
    """Only what does not is; a path never is, nor another kind of URL."""
    asked: list[str] = []

    def nobody(host: str, _port: int) -> list[str]:
        asked.append(host)
        return []

    urls = Urls(fetcher=Fetcher(resolve=nobody))
    gallery = Several([Folder(folder), urls])
    assert gallery.read("https://one.example/a.jpg") == b"at the top"
    assert "'two.example' is at no address" in reason(gallery, "HTTPS://two.example/c.jpg")
    assert reason(gallery, "c.jpg").startswith("no file 'c.jpg' in images")
    assert reason(gallery, "ftp://three.example/c.jpg").startswith("no file ")
    assert reason(urls, "file:///etc/passwd") == (
        "'file:///etc/passwd' is no http or https URL; name the folder of the images"
    )
    assert asked == ["two.example"]
