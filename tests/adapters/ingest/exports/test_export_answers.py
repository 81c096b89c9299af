"""ExportService about exports that there are: links, captions, lists, watching, ending them."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chassis.core.errors import InvalidInput, NotFound, NotReady, PermissionDenied
from chassis.io.grpc_client import GrpcClient
from chassis.io.signed_urls import verify_signature
from ingest_svc.adapters.index_client import IndexClient
from ingest_svc.deletion import Deletion
from ingest_svc.exports.ending import ExportsOfVideos
from ingest_svc.exports.record import beside_key
from tests.support.eventually import eventually
from tests.support.export_door import EVE, SECRET, E, M, refusal
from tests.support.export_lab import DAY
from tests.support.ingest_lab import OWNER, T0
from tests.support.video_door import TOKEN


async def test_a_finished_export_has_links_that_end_with_it(door):
    """R-EXP-10: signed; an hour, but never longer than the export; another key or another time is refused."""
    await door.video()
    made = await door.create(scene="s_harbour_0")
    await door.finish(made.id)
    fresh = await door.get(made.id)
    door.clock.forward(23.9 * 3600)
    late = await door.get(made.id)
    link = urlsplit(late.download_url)
    query = {name: values[0] for name, values in parse_qs(link.query).items()}
    key = link.path.removeprefix("/media/")
    now = door.clock.now().timestamp()

    assert (fresh.status, fresh.progress_pct) == (E.EXPORT_STATE_COMPLETED, 100.0)
    assert fresh.download_url_expires_at.ToDatetime() <= (T0 + timedelta(seconds=3900)).replace(tzinfo=None)
    assert late.download_url_expires_at == late.expires_at
    assert (key, int(query["exp"])) == (late.storage_path, int((T0 + DAY).timestamp()))
    verify_signature(SECRET, key, query["exp"], query["sig"], now_seconds=now)
    for changed in (
        (beside_key(key, "jpg"), query["exp"], now),
        (key, "9999999999", now),
        (key, query["exp"], now + 361),
    ):
        with pytest.raises(PermissionDenied):
            verify_signature(SECRET, changed[0], changed[1], query["sig"], now_seconds=changed[2])
    assert [late.captions_srt_url[:50], late.thumbnail_url[:7]] == [f"/media/{beside_key(key, 'srt')}"[:50], "/media/"]


async def test_a_finished_export_shows_what_was_made(door):
    """R-EXP-07: what is in the file, what was done otherwise, and the report."""
    await door.video()
    made = await door.create(scene="s_harbour_0")
    await door.finish(made.id)
    done = await door.get(made.id)

    assert (done.file_size_bytes, done.duration_s) == (1_234, 10.0)
    assert [(cut.start_s, cut.end_s) for cut in done.cuts] == [(0.0, 10.0)]
    assert done.used_strategy == E.ASPECT_RATIO_STRATEGY_BLUR_PAD
    assert done.notes[0].startswith("SMART_WITHOUT_MODEL: ")
    assert done.check_report.verdict == E.CHECK_VERDICT_GOOD
    assert done.completed_at.ToDatetime() == T0.replace(tzinfo=None)


async def test_captions_come_as_files(door):
    """Both kinds; no captions and no such file are told apart."""
    await door.video()
    made, silent = await door.create(scene="s_harbour_0"), await door.create(scene="s_harbour_0")

    async def publish():
        for kind in ("srt", "vtt"):
            await door.shelves.blobs.put(beside_key(made.storage_path, kind), kind.encode())

    assert (await refusal(door("DownloadCaptions", export=made.id, file="captions.srt"), NotFound)).reason == (
        "CAPTIONS_NOT_FOUND"
    )
    await door.finish(made.id, publish)
    await door.finish(silent.id, has_captions=False)
    srt = await door("DownloadCaptions", export=made.id, file="captions.srt")
    vtt = await door("DownloadCaptions", export=made.id, file="captions.vtt")

    assert (srt.content_type, srt.data) == ("application/x-subrip; charset=utf-8", b"srt")
    assert (vtt.content_type, vtt.data) == ("text/vtt; charset=utf-8", b"vtt")
    assert (await refusal(door("DownloadCaptions", export=made.id, file="x"), NotFound)).reason == "FILE_NOT_FOUND"
    none = door("DownloadCaptions", export=silent.id, file="captions.srt")
    assert (await refusal(none, NotFound)).reason == "CAPTIONS_NOT_FOUND"
    assert (await door.get(silent.id)).captions_srt_url == ""


async def test_what_is_another_users_is_not_there(door):
    """R-EXP-02: on every RPC the same answer as for one that never was."""
    video = await door.video()
    made = await door.create(scene="s_harbour_0")
    calls = [
        ("CreateExport", {"scene": "s_harbour_0"}, "SCENE_NOT_FOUND"),
        ("CreateExport", {"segments": [E.ExportSegment(video=video, start_s=0.0, end_s=1.0)]}, "VIDEO_NOT_FOUND"),
        *((name, {"export": made.id}, "EXPORT_NOT_FOUND") for name in ("GetExport", "CancelExport", "RetryExport")),
        ("DeleteExport", {"export": made.id}, "EXPORT_NOT_FOUND"),
        ("DownloadCaptions", {"export": made.id, "file": "captions.srt"}, "EXPORT_NOT_FOUND"),
    ]
    for method, fields, reason in calls:
        assert (await refusal(door(method, token=EVE, **fields), NotFound)).reason == reason
    with pytest.raises(NotFound):
        async for _ in door.client.stream(
            door.stub.WatchExport, M.WatchExportRequest(export=made.id), timeout_seconds=5, token=EVE
        ):
            pass
    assert list((await door("ListExports", token=EVE)).exports) == []
    assert await door.get(made.id) == made, "nothing of it was changed"


async def test_an_expired_export_is_gone_before_any_sweep_came(door):
    """R-EXP-11: 404 with its reason; a list says expired, without links."""
    await door.video()
    made = await door.create(scene="s_harbour_0")
    await door.finish(made.id)
    door.clock.forward(86_400)
    for method in ("GetExport", "CancelExport", "RetryExport"):
        assert (await refusal(door(method, export=made.id), NotFound)).reason == "EXPORT_EXPIRED"
    (listed,) = (await door("ListExports")).exports

    assert (listed.status, listed.download_url) == (E.EXPORT_STATE_EXPIRED, "")


async def test_cancel_retry_and_delete(door):
    await door.video()
    made = await door.create(scene="s_harbour_0")
    cancelled = (await door("CancelExport", export=made.id)).export
    assert (await door("CancelExport", export=made.id)).export == cancelled
    again = (await door("RetryExport", export=made.id)).export
    await door.finish(made.id)
    stays = (await door("CancelExport", export=made.id)).export
    refused = await refusal(door("RetryExport", export=made.id), NotReady)
    await door("DeleteExport", export=made.id)

    assert (cancelled.status, cancelled.HasField("completed_at")) == (E.EXPORT_STATE_CANCELLED, True)
    assert (again.status, again.attempt, again.HasField("completed_at")) == (E.EXPORT_STATE_QUEUED, 1, False)
    assert (stays.status, refused.reason) == (E.EXPORT_STATE_COMPLETED, "EXPORT_NOT_FAILED")
    assert (await refusal(door("GetExport", export=made.id), NotFound)).reason == "EXPORT_NOT_FOUND"


async def test_who_watches_sees_what_polling_sees(door):
    """R-EXP-09: the present state at once, every change, and the end."""
    await door.video()
    made = await door.create(scene="s_harbour_0")
    seen: list[Any] = []

    async def watch():
        request = M.WatchExportRequest(export=made.id)
        async for one in door.client.stream(door.stub.WatchExport, request, timeout_seconds=10, token=TOKEN):
            seen.append(one.export)  # noqa: PERF401  # the test looks on while they come

    watching = asyncio.ensure_future(watch())
    await eventually(lambda: bool(seen))
    await door.finish(made.id)
    await asyncio.wait_for(watching, 5.0)

    assert seen[0] == made
    assert seen[-1] == await door.get(made.id)
    assert [int(one.etag.strip('"')) for one in seen] == sorted({int(one.etag.strip('"')) for one in seen})


@pytest.mark.parametrize("fields", [{"page_size": -1}, {"page_size": 201}, {"page_token": "mine"}, {"status": 99}])
async def test_a_malformed_list_request_names_its_field(door, fields):
    refused = await refusal(door("ListExports", **fields), InvalidInput)

    assert [one.field for one in refused.violations] == list(fields)


async def test_pages_follow_each_other(door):
    await door.video()
    made = []
    for _ in range(3):
        made.append((await door.create(scene="s_harbour_0")).id)
        door.clock.forward(1)
    first = await door("ListExports", page_size=2)
    second = await door("ListExports", page_size=2, page_token=first.next_page_token)

    assert [one.id for one in (*first.exports, *second.exports)] == made[::-1]
    assert second.next_page_token == ""


async def test_deleting_a_video_ends_its_exports_under_way_and_leaves_those_that_were_made(door):
    """Those under way fail with SOURCE_MISSING and are not charged; a finished one stays until it expires."""
    video = await door.video()
    done, open_one = await door.create(scene="s_harbour_0"), await door.create(scene="s_harbour_0")
    await door.finish(done.id)
    nobody = GrpcClient("127.0.0.1:1", token="")  # the index is down
    ending = ExportsOfVideos(door.exports, door.shelf, door.clock)
    await Deletion(door.shelves.library, door.shelves.blobs, IndexClient(nobody), door.clock, exports=ending).delete(
        OWNER, video
    )
    await nobody.close()
    failed = await door.get(open_one.id)

    assert (failed.status, failed.error_reason) == (E.EXPORT_STATE_FAILED, "SOURCE_MISSING")
    assert (await door.get(done.id)).status == E.EXPORT_STATE_COMPLETED
    assert (await door("GetExportQuota")).used == 1
