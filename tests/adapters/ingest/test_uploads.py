"""Uploads: what is announced is what is kept, or nothing is."""

import hashlib
import itertools
import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chassis.core.errors import InvalidInput
from chassis.io.blobs import source_key
from chassis.io.concurrently import beside
from ingest_svc.uploads import UploadFacts, Uploads, check_upload_facts
from tests.support.eventually import eventually
from tests.support.ingest_lab import OWNER, count

MAX_BYTES = 1 << 20


@pytest.fixture
def uploads(blobs, progress, clock):
    return Uploads(blobs, progress, clock, max_bytes=MAX_BYTES, report=lambda _message: None)


def facts(**changes: object):
    values = {"filename": "clip.mp4", "mime_type": "", "title": "", "description": "", "size_bytes": 0, "sha256": ""}
    return UploadFacts(**{**values, **changes})


async def pieces(*parts: bytes):
    for part in parts:
        yield part


def files(blobs):
    folder = blobs.local_path("x").parent
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def nothing_is_left(database, blobs):
    assert files(blobs) == []
    assert await count(database, "videos") == 0
    assert await count(database, "outbox") == 0


async def test_an_upload_is_stored_hashed_and_registered_whole(database, uploads, blobs, library):
    """R-ING-01, R-ING-18, R-STO-01."""
    parts = [bytes([number]) * 70_000 for number in range(9)]
    whole = b"".join(parts)
    video = await uploads.take(OWNER, facts(title="Harbour", size_bytes=len(whole)), pieces(*parts))
    row = await library.get_video(OWNER, video)

    assert await blobs.get(source_key(OWNER, video)) == whole
    assert files(blobs) == [source_key(OWNER, video)]
    assert (row.size_bytes, row.mime_type, row.filename, row.title) == (len(whole), "video/mp4", "clip.mp4", "Harbour")
    assert await count(database, "videos", "sha256 = $1", hashlib.sha256(whole).hexdigest()) == 1


async def test_a_draft_of_a_killed_process_is_removed_after_a_day_and_a_fresh_one_stays(uploads, blobs, clock):
    """R-STO-05: nothing of a user stays behind unseen."""
    await blobs.put("uploads/u_x/old", b"draft")
    await blobs.put("uploads/u_x/fresh", b"draft")
    for name, hours in (("old", 25), ("fresh", 23)):
        written = clock.now().timestamp() - hours * 3600
        os.utime(blobs.local_path(f"uploads/u_x/{name}"), (written, written))
    async with beside(uploads.sweep_drafts()):
        await eventually(lambda: files(blobs) == ["uploads/u_x/fresh"])


async def test_the_same_bytes_twice_are_the_same_video_and_of_another_owner_another(database, uploads, blobs):
    """R-ING-01, R-SRC-06."""
    first = await uploads.take(OWNER, facts(title="one"), pieces(b"same"))
    again = await uploads.take(OWNER, facts(title="two", filename="other.mov"), pieces(b"sa", b"me"))
    stranger = await uploads.take("eve", facts(), pieces(b"same"))

    assert first == again != stranger
    assert await count(database, "videos") == 2
    assert len(files(blobs)) == 2


@pytest.mark.parametrize(
    ("announced", "sent"),
    [
        ({"size_bytes": 5}, b"four"),
        ({"size_bytes": 3}, b"four"),
        ({"sha256": hashlib.sha256(b"other").hexdigest()}, b"four"),
        ({}, bytes(MAX_BYTES + 1)),
    ],
)
async def test_bytes_that_are_not_those_announced_leave_nothing(database, uploads, blobs, announced, sent):
    """R-ING-02, R-STO-01."""
    reason = "DIGEST_MISMATCH" if "sha256" in announced else "SIZE_MISMATCH"
    with pytest.raises(InvalidInput) as refused:
        await uploads.take(OWNER, facts(**announced), pieces(sent))

    assert refused.value.reason == reason
    await nothing_is_left(database, blobs)


async def test_a_sender_that_breaks_off_leaves_nothing(database, uploads, blobs):
    """R-ING-01: a stream that was cut off looks like one that ended, so it must not be kept."""

    async def broken():
        yield b"x" * 100_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await uploads.take(OWNER, facts(), broken())
    await nothing_is_left(database, blobs)


odd = ["..", ".", "/", "\\", "\0", "etc", "passwd", "C:", "%2e%2e", "~", "\u202e", "a" * 60]
hostile = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(odd)).map("".join))
fresh = itertools.count()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hostile, hostile)
@example("../../../../etc/passwd", "../../evil")
@example("..\\..\\boot.ini", "..")
@example("/abs/olute.mp4", "a\0b")
async def test_no_name_of_a_file_or_of_an_owner_reaches_a_path(uploads, blobs, library, name, owner):
    """R-STO-02: names are shown, never used; every object lies where its id says."""
    owner = owner.replace("\0", "")
    video = await uploads.take(owner, facts(filename=name), pieces(b"%d" % next(fresh)))
    row = await library.get_video(owner, video)
    inside = set(files(blobs))

    assert source_key(owner, video) in inside
    assert all(one.startswith("users/u_") and one.endswith("/source") for one in inside)
    assert [path.name for path in blobs.local_path("x").parent.parent.iterdir()] == ["blobs"]
    assert row.filename
    assert not set(row.filename) & {"/", "\\", "\0"}


@settings(max_examples=200, deadline=None)
@given(hostile, hostile, hostile, hostile)
def test_the_header_is_cleaned_or_refused_and_cleaning_it_again_changes_nothing(name, mime, title, description):
    """R-STO-02, R-ING-18."""
    header = UploadFacts(name, mime, title, description, 0, "")
    try:
        clean = check_upload_facts(header, max_bytes=10)
    except InvalidInput:
        return

    assert check_upload_facts(clean, max_bytes=10) == clean
    assert clean.mime_type.count("/") == 1
    assert "\0" not in clean.filename + clean.title + clean.description


def test_every_wrong_field_is_named_at_once():
    """R-OPS-09."""
    wrong = UploadFacts("n" * 256, "", "t" * 256, "d" * 10_001, -1, "ABC")
    with pytest.raises(InvalidInput) as refused:
        check_upload_facts(wrong, max_bytes=10)

    assert [one.field for one in refused.value.violations] == [
        "filename",
        "title",
        "description",
        "size_bytes",
        "sha256",
    ]


@pytest.mark.parametrize(
    ("name", "told", "kept"),
    [
        ("a.mp4", "", "video/mp4"),
        ("a.mp4", "video/webm", "video/webm"),
        ("a.mp4", "application/octet-stream", "video/mp4"),
        ("a.mp4", "text/html; charset=x\r\nX-Evil: 1", "video/mp4"),
        ("nothing", "", "application/octet-stream"),
    ],
)
def test_the_media_type_is_the_told_one_or_guessed(name, told, kept):
    """R-ING-18."""
    assert check_upload_facts(facts(filename=name, mime_type=told), max_bytes=10).mime_type == kept
