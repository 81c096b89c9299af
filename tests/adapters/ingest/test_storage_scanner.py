"""R-AD3-03: what is told of bytes is what lies in the folder, by video and kind, and only when it changed."""

import os
from collections import Counter
from datetime import timedelta

import pytest

from chassis.core.ids import owner_key
from chassis.io.blobs import generation_key, result_key, source_key, video_prefix
from chassis.io.concurrently import beside
from heimdex.metrics.v1 import storage_measured_pb2
from ingest_svc.adapters.index_client import IndexClient
from ingest_svc.adapters.library_store import LibraryStore
from ingest_svc.adapters.report_store import ReportStore
from ingest_svc.deletion import Deletion
from ingest_svc.storage import StorageScanner
from tests.support.eventually import eventually
from tests.support.ingest_lab import OWNER, finish, registered
from tests.support.told_lab import told_bytes


@pytest.fixture
def scanner(database, blobs, bus, clock):
    clock.forward(86_400)
    return StorageScanner(ReportStore(database), blobs, bus, clock, period_seconds=0.2)


def du(blobs):
    """The sum of the lengths of all files, as `du --apparent-size` counts them."""
    folder = blobs.local_path("x").parent
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def held(database):
    """What metrics_svc must believe after all events: bytes by video and kind."""
    found = Counter()
    for event in await told_bytes(database):
        for one in event.stored:
            found[event.video_id, one.kind] = one.bytes
    return {key: size for key, size in found.items() if size}


async def fill(blobs, video, owner=OWNER):
    files = {
        source_key(owner, video): 1_000,
        generation_key(owner, video, 1, "audio.flac"): 70,
        generation_key(owner, video, 1, "keyframes", "0.jpg"): 30,
        generation_key(owner, video, 1, "thumbnails", "0.jpg"): 9,
        generation_key(owner, video, 2, "thumbnails", "0.jpg"): 11,
        result_key(owner, video, 1, "metadata"): 5,
    }
    for key, size in files.items():
        await blobs.put(key, b"x" * size)
        written = 1_700_000_000
        os.utime(blobs.local_path(key), (written, written))


OF_A_VIDEO = {"source": 1_000, "audio": 70, "keyframe": 30, "thumbnail": 20, "result": 5}


async def test_everything_in_the_folder_is_told_once_under_its_video_and_kind(database, progress, blobs, scanner):
    one, other = (await registered(progress)).id, (await registered(progress, owner="eve")).id
    await fill(blobs, one)
    await fill(blobs, other, "eve")
    await scanner.scan()
    believed = await held(database)

    assert believed == {(video, kind): size for video in (one, other) for kind, size in OF_A_VIDEO.items()}
    assert sum(believed.values()) == du(blobs)
    assert {(event.video_id, event.owner_id) for event in await told_bytes(database)} == {(one, OWNER), (other, "eve")}


async def test_a_second_scan_tells_nothing_and_a_changed_file_alone_is_told(database, progress, blobs, scanner, clock):
    video = (await registered(progress)).id
    await fill(blobs, video)
    await scanner.scan()
    clock.forward(300)
    await scanner.scan()
    assert len(await told_bytes(database)) == 1
    clock.forward(300)
    await blobs.put(result_key(OWNER, video, 1, "indexing"), b"x" * 95)
    await scanner.scan()
    _, last = await told_bytes(database)

    assert [(one.kind, one.bytes) for one in last.stored] == [("result", 100)]
    assert sum((await held(database)).values()) == du(blobs)


async def test_files_of_no_known_video_are_orphans_and_uploads_are_told_apart(
    database, progress, blobs, scanner, clock
):
    """Nothing that takes space is invisible."""
    video = (await registered(progress)).id
    await fill(blobs, video)
    await fill(blobs, "v_gone")
    await fill(blobs, video, "mallory")  # a known video in somebody else's folder
    await blobs.put("uploads/u_x/draft", b"x" * 40)
    (blobs.local_path("x").parent / "lost file").write_bytes(b"x" * 7)
    now = clock.now().timestamp()
    await blobs.put(source_key("eve", "v_fresh"), b"x" * 300)
    os.utime(blobs.local_path(source_key("eve", "v_fresh")), (now, now))  # moved into place, not yet registered
    await scanner.scan()
    believed = await held(database)

    assert believed["", "orphan"] == 2 * sum(OF_A_VIDEO.values()) + 7
    assert believed["", "upload"] == 340
    assert sum(believed.values()) == du(blobs)


async def test_a_deleted_video_is_told_to_be_gone_at_once(database, progress, blobs, scanner, clock):
    video, library = (await registered(progress)).id, LibraryStore(database)
    await fill(blobs, video)
    await scanner.scan()
    clock.forward(60)

    class Forgetful(IndexClient):
        def __init__(self) -> None: ...
        async def forget_video(self, owner_id, video_id): ...

    await Deletion(library, blobs, Forgetful(), clock, on_removed=scanner.touch).delete(OWNER, video)
    async with beside(scanner.follow()):
        await eventually(lambda: _holds(database, {}))

    assert du(blobs) == 0


async def test_a_video_is_measured_when_its_run_has_ended_and_not_before(database, progress, blobs, scanner):
    video = await registered(progress)
    await fill(blobs, video.id)
    await scanner.measure([video.id])
    assert await told_bytes(database) == []
    await finish(progress, video)
    await scanner.measure([video.id, "v_nobodys"])

    assert await held(database) == {(video.id, kind): size for kind, size in OF_A_VIDEO.items()}


async def test_an_older_measurement_does_not_replace_a_newer_one(database, progress, blobs, scanner, clock):
    """A scan that began before a video was measured tells nothing of that video."""
    video = await finish(progress, await registered(progress))
    await fill(blobs, video.id)
    await scanner.measure([video.id])
    await blobs.delete_prefix(video_prefix(OWNER, video.id))
    clock.at -= timedelta(seconds=1)
    await scanner.scan()
    assert await held(database) != {}
    clock.forward(2)
    await scanner.scan()

    assert await held(database) == {}


async def test_a_clock_that_was_far_ahead_does_not_bar_later_measurements(database, progress, blobs, scanner, clock):
    video = await finish(progress, await registered(progress))
    await fill(blobs, video.id)
    clock.forward(10 * 365 * 86_400)
    await scanner.measure([video.id])
    clock.forward(-10 * 365 * 86_400)
    await blobs.delete_prefix(video_prefix(OWNER, video.id))
    await scanner.measure([video.id])

    assert await held(database) == {}


async def test_everything_is_told_again_before_the_stream_forgets_it(database, progress, blobs, scanner, clock):
    video = (await registered(progress)).id
    await fill(blobs, video)
    await scanner.scan()
    clock.forward(21 * 86_400)
    await scanner.scan()
    first, again = await told_bytes(database)

    assert list(first.stored) == list(again.stored)
    assert first.measured_at.ToDatetime() < again.measured_at.ToDatetime()


async def test_a_scan_tells_how_full_the_disk_is(bus, bus_url, blobs, scanner, clock):
    async with beside(scanner.run()):
        await eventually(lambda: _has_scanned(bus))
    message = await bus._jetstream.get_last_msg("HEIMDEX_STAGE", "heimdex.stage.v1.ingest.store_scanned.objects")
    event = storage_measured_pb2.StoreScanned.FromString(message.data)

    assert (event.store, event.scanned_at.ToDatetime()) == ("objects", clock.now().replace(tzinfo=None))
    assert 0 < event.free_bytes <= event.total_bytes


async def test_a_thousand_files_are_all_counted(database, progress, blobs, scanner):
    video = (await registered(progress)).id
    for number in range(1_100):
        await blobs.put(generation_key(OWNER, video, 1, "keyframes", f"{number}.jpg"), b"x" * 3)
    await scanner.scan()

    assert await held(database) == {(video, "keyframe"): 3_300}
    assert du(blobs) == 3_300
    assert owner_key(OWNER) in str(blobs.local_path(source_key(OWNER, video)))


async def _holds(database, expected):
    assert await held(database) == expected


async def _has_scanned(bus):
    info = await bus._jetstream.stream_info("HEIMDEX_STAGE", subjects_filter="heimdex.stage.v1.ingest.store_scanned.>")
    assert info.state.subjects
