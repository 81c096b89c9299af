"""ExportService through a real gRPC server: identity, refusals, links and streams as a client sees them."""

import asyncio
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chassis.core.errors import AlreadyExists, InvalidInput, NotFound, NotReady, Overloaded, PermissionDenied
from chassis.io.concurrently import beside
from chassis.io.grpc_client import GrpcClient
from chassis.io.grpc_server import serve_grpc
from chassis.io.health import Health
from chassis.io.identity import TokenVerifier, mint_token
from chassis.io.signed_urls import verify_signature
from heimdex.ingest.v1 import export_pb2, export_service_pb2, export_service_pb2_grpc, video_pb2
from ingest_svc.adapters.index_client import IndexClient
from ingest_svc.channels import EXPORT_CHANNEL
from ingest_svc.deletion import Deletion
from ingest_svc.domain.exports.facts import Done
from ingest_svc.exports.api import ExportApi
from ingest_svc.exports.asking import Asking
from ingest_svc.exports.ending import ExportsOfVideos
from ingest_svc.exports.proposals import Proposer
from ingest_svc.exports.record import beside_key
from ingest_svc.watchers import Watchers
from tests.support.eventually import eventually
from tests.support.export_lab import DAY, Shelves, a_deed, claim, cuttable, nothing
from tests.support.ingest_lab import OWNER, T0, registered
from tests.support.video_door import KEYS, TOKEN

M = export_service_pb2
E = export_pb2
EVE = mint_token(KEYS.private_pem, subject="eve")
SECRET = "secret"


@dataclass
class Door:
    """A client of the running service, and what lies behind it."""

    client: GrpcClient
    shelves: Shelves
    exports: Any
    shelf: Any
    clock: Any

    def __post_init__(self) -> None:
        self.stub = self.client.stub(export_service_pb2_grpc.ExportServiceStub)

    async def __call__(self, method, *, token=TOKEN, **fields: object) -> Any:
        request = getattr(M, f"{method}Request")(**fields)
        return await self.client.call(getattr(self.stub, method), request, timeout_seconds=10, token=token)

    async def create(self, **fields: object) -> Any:
        return (await self("CreateExport", **fields)).export

    async def get(self, export_id, **more: object) -> Any:
        return (await self("GetExport", export=export_id, **more)).export

    async def video(self, name="harbour", **more: object) -> str:
        return await cuttable(self.shelves, name, **more)

    async def finish(self, export_id, publish=nothing, **result: object) -> None:
        export = await claim(self.exports, (await self.shelf.get(OWNER, export_id)).export, at=self.clock.now())
        await self.exports.apply(export_id, Done(export.fence), now=self.clock.now(), deed=a_deed(publish, **result))


@pytest.fixture
async def door(request, database, exports, shelf, clock):
    progress, library, blobs, limits = map(request.getfixturevalue, ("progress", "library", "blobs", "limits"))
    watchers = Watchers()
    api = ExportApi(
        asking=Asking(exports=exports, library=shelf, blobs=blobs, clock=clock, limits=limits),
        exports=exports,
        library=shelf,
        proposer=Proposer(library, None, clock),
        blobs=blobs,
        watchers=watchers,
        clock=clock,
        media_secret=SECRET,
    )

    def register(server):
        export_service_pb2_grpc.add_ExportServiceServicer_to_server(api, server)
        return ("heimdex.ingest.v1.ExportService",)

    async with (
        beside(database.listen(EXPORT_CHANNEL, watchers.notify)),
        serve_grpc(
            "127.0.0.1:0",
            verifier=TokenVerifier(KEYS.public_pem),
            health=Health(),
            register=register,
            grace_seconds=0.1,
        ) as port,
    ):
        client = GrpcClient(f"127.0.0.1:{port}", token="")
        yield Door(client, Shelves(progress, library, database, blobs), exports, shelf, clock)
        await client.close()


async def refusal(call, kind):
    with pytest.raises(kind) as refused:
        await call
    return refused.value


async def test_an_export_of_a_scene_comes_back_queued(door):
    """R-EXP-01, R-EXP-07, R-EXP-13: defaults are filled in, both times are there, what is not known is absent."""
    await door.video()
    made = await door.create(scene="s_harbour_0")
    (listed,) = (await door("ListExports")).exports

    assert made == listed == await door.get(made.id)
    assert made.id.startswith("e_")
    assert (made.scene_id, made.user_id, made.status) == ("s_harbour_0", OWNER, E.EXPORT_STATE_QUEUED)
    assert (made.aspect_ratio, made.resolution) == (E.ASPECT_RATIO_9_16, "1080x1920")
    assert (made.aspect_ratio_strategy, made.output_quality) == (E.ASPECT_RATIO_STRATEGY_SMART, E.OUTPUT_QUALITY_MEDIUM)
    assert (made.caption_style, made.snap_to_words, made.attempt) == (E.CAPTION_STYLE_NONE, True, 1)
    assert made.expires_at.ToDatetime() - made.created_at.ToDatetime() == DAY
    assert made.storage_path == f"exports/{OWNER}/{made.id}.mp4"
    assert list(made.segments) == [E.ExportSegment(scene="s_harbour_0")]
    absent = ("progress_pct", "started_at", "completed_at", "duration_s", "file_size_bytes", "check_report")
    assert [name for name in absent if made.HasField(name)] == []
    assert (made.download_url, made.error_message) == ("", "")


async def test_a_reel_keeps_what_was_asked_for(door):
    """Several stretches, scenes and ranges of several videos, in order."""
    one, other = await door.video("one"), await door.video("other")
    segments = [
        E.ExportSegment(video=other, start_s=5.5, end_s=8.25),
        E.ExportSegment(scene="s_one_0"),
        E.ExportSegment(video=one, start_s=0.0, end_s=1.0),
    ]
    made = await door.create(segments=segments, aspect_ratio=E.ASPECT_RATIO_1_1, snap_to_words=False)

    assert (list(made.segments), made.scene_id) == (segments, "")
    assert (made.resolution, made.snap_to_words) == ("1080x1080", False)
    assert [len((await door("ListExports", video=video)).exports) for video in (one, other, "v_x")] == [1, 1, 0]


@pytest.mark.parametrize(
    ("fields", "kind", "reason"),
    [
        ({}, InvalidInput, "SCENE_OR_SEGMENTS"),
        ({"scene": "s_x"}, NotFound, "SCENE_NOT_FOUND"),
        ({"scene": "a\0b"}, InvalidInput, "INVALID_CHARACTER"),
        ({"segments": [E.ExportSegment(scene="s_x")]}, NotFound, "SCENE_NOT_FOUND"),
        ({"segments": [E.ExportSegment(video="v_x", start_s=0.0, end_s=1.0)]}, NotFound, "VIDEO_NOT_FOUND"),
        ({"scene": "s_long_1"}, NotReady, "SCENE_TOO_LONG"),
        ({"scene": "s_long_2"}, InvalidInput, "EMPTY_RANGE"),
        ({"scene": "s_long_0", "request_id": "x" * 129}, InvalidInput, "INVALID_INPUT"),
        ({"scene": "s_long_0", "aspect_ratio": 99}, InvalidInput, "INVALID_INPUT"),
        ({"scene": "s_long_0", "caption_style": 99}, InvalidInput, "INVALID_INPUT"),
    ],
)
async def test_what_can_not_be_made_is_refused_and_not_charged(door, fields, kind, reason):
    """R-EXP-02, R-EXP-03: 180.0 s passes, 180.1 s does not; nothing is stored."""
    await door.video("long", scenes=((0.0, 180.0), (0.0, 180.1), (5.0, 5.0)), seconds=200.0)

    assert (await refusal(door("CreateExport", **fields), kind)).reason == reason
    assert (await door("GetExportQuota")).used == 0
    assert (await door.create(scene="s_long_0")).status == E.EXPORT_STATE_QUEUED


@pytest.mark.parametrize("times", [(0.0, 300.1), (-1.0, 1.0), (math.nan, 1.0), (0.0, math.inf)])
async def test_a_range_outside_of_its_video_is_refused(door, times):
    video = await door.video()
    segments = [E.ExportSegment(video=video, start_s=times[0], end_s=times[1])]

    assert (await refusal(door("CreateExport", segments=segments), InvalidInput)).reason == "RANGE_OUTSIDE_VIDEO"


async def test_a_video_that_can_not_be_cut_says_why(door):
    """R-ING-17: not ready, no pictures, no source in the store."""
    unready = (await registered(door.shelves.progress, "fresh")).id
    await door.video("sound", info=video_pb2.MediaInfo(container="mp3", audio_codec="mp3"))
    await door.video("gone")
    await door.shelves.blobs.delete_prefix("users")
    await door.video("here")
    segments = [E.ExportSegment(video=unready, start_s=0.0, end_s=1.0)]

    assert (await refusal(door("CreateExport", segments=segments), NotReady)).reason == "VIDEO_NOT_READY"
    assert (await refusal(door("CreateExport", scene="s_sound_0"), NotReady)).reason == "VIDEO_WITHOUT_PICTURES"
    assert (await refusal(door("CreateExport", scene="s_gone_0"), NotReady)).reason == "SOURCE_MISSING"
    assert (await door.create(scene="s_here_0")).id


async def test_a_trial_checks_everything_and_stores_nothing(door):
    """validate_only: no id and no place, and the refusals are those of the real thing."""
    await door.video()
    trial = await door.create(scene="s_harbour_0", validate_only=True, request_id="r")

    assert (trial.id, trial.storage_path, trial.resolution) == ("", "", "1080x1920")
    assert list((await door("ListExports")).exports) == []
    await refusal(door("CreateExport", scene="s_x", validate_only=True), NotFound)
    for _ in range(10):
        await door.create(scene="s_harbour_0")
    await refusal(door("CreateExport", scene="s_harbour_0", validate_only=True), Overloaded)


async def test_the_same_request_is_the_same_export_even_after_its_video_has_gone(door):
    """request_id: a repeat is answered from what is kept."""
    await door.video()
    first = await door.create(scene="s_harbour_0", request_id="r")
    await door.shelves.blobs.delete_prefix("users")

    assert (await door.create(scene="s_harbour_0", request_id="r")).id == first.id
    again = door("CreateExport", scene="s_harbour_0", request_id="r", output_quality=E.OUTPUT_QUALITY_LOW)
    assert (await refusal(again, AlreadyExists)).reason == "REQUEST_ID_REUSED"
    await door("DeleteExport", export=first.id)
    deleted = door("CreateExport", scene="s_harbour_0", request_id="r")
    assert (await refusal(deleted, NotFound)).reason == "EXPORT_NOT_FOUND"


async def test_the_quota_travels_with_its_details(door):
    """R-EXP-04, R-USR-05: QuotaFailure, RetryInfo and the reset reach a client."""
    await door.video()
    for _ in range(10):
        await door.create(scene="s_harbour_0")
        door.clock.forward(60)
    refused = await refusal(door("CreateExport", scene="s_harbour_0"), Overloaded)
    quota = await door("GetExportQuota")

    assert refused.retry_after_seconds == 86_400 - 600
    assert refused.quotas[0].subject == "exports per 24 hours"
    assert refused.metadata["reset_at"] == "2026-11-21T12:00:00Z"
    assert (quota.limit, quota.used, quota.remaining) == (10, 10, 0)
    assert quota.reset_at.ToJsonString() == "2026-11-21T12:00:00Z"
    assert not (await door("GetExportQuota", token=EVE)).HasField("reset_at")


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
