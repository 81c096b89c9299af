"""Videos that can be cut, and exports of them, for tests."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chassis.core.mediatime import TimeSpan
from heimdex.ingest.v1 import export_pb2, video_pb2
from ingest_svc.domain.exports.facts import Claimed
from ingest_svc.domain.exports.rules import Segment
from ingest_svc.domain.exports.state import Export, ask
from ingest_svc.domain.exports.values import Cut, Options, Strategy
from ingest_svc.exports.record import AskedAt, Deed, ExportRow, Order, Result, digest_of, media_key
from ingest_svc.ports import SceneRow
from tests.support.ingest_lab import OWNER, T0, finish, registered

__all__ = [
    "DAY",
    "NS",
    "Shelves",
    "Ticks",
    "a_deed",
    "a_result",
    "an_order",
    "claim",
    "cuttable",
    "nothing",
    "order_one",
]

NS = 1_000_000_000
DAY = timedelta(hours=24)
INFO = video_pb2.MediaInfo(
    container="mov,mp4", video_codec="h264", audio_codec="aac", width=1920, height=1080, fps=25.0
)


class Ticks:
    """A monotonic clock that moves when it is told to, and may become another machine's."""

    def __init__(self) -> None:
        self.ns, self.clock = 1_000, "boot-1"

    def __call__(self) -> AskedAt:
        return AskedAt(self.ns, self.clock)


def an_order(
    video="v_1", *, owner=OWNER, export_id="e_1", request_id="", strategy=Strategy.SMART, end_ns=10 * NS
) -> Order:
    """Ten seconds of a video."""
    options = Options(strategy=strategy)
    return Order(
        cuts=(Cut(video, TimeSpan(0, end_ns), "s_1"),),
        options=options,
        request_id=request_id,
        request_digest=digest_of((Segment("s_1"),), options),
        resolution="1080x1920",
        storage_path=media_key(owner, export_id),
    )


async def order_one(store, export_id="e_1", *, at: datetime = T0, owner=OWNER, lives=DAY, **order: object) -> ExportRow:
    """Ask for an export."""
    export, out = ask(export_id=export_id, owner_id=owner, at=at, lives=lives)
    return await store.create(export, an_order(owner=owner, export_id=export_id, **order), out)


async def claim(store, export: Export, *, at: datetime = T0, worker="w/h/1") -> Export:
    """Begin the present hand-out."""
    return (await store.apply(export.id, Claimed(export.fence, at, worker), now=at)).export


def a_result(**changes: object) -> Result:
    """A clip of ten seconds."""
    report = export_pb2.CheckReport(verdict=export_pb2.CHECK_VERDICT_GOOD, duration_s=10.0)
    made = Result(
        spans=(TimeSpan(0, 10 * NS),),
        used_strategy=Strategy.BLUR_PAD,
        is_stream_copy=False,
        notes=("SMART_WITHOUT_MODEL: no model can find a subject",),
        report=report.SerializeToString(),
        has_captions=True,
        size_bytes=1_234,
        duration_ns=10 * NS,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def nothing() -> None:
    """Publish nothing."""


def a_deed(publish=nothing, **changes: object) -> Deed:
    """A clip that was made."""
    return Deed(a_result(**changes), publish)


@dataclass(frozen=True)
class Shelves:
    """Where videos are kept."""

    progress: object
    library: object
    database: object
    blobs: object


async def cuttable(shelves, name="harbour", *, owner=OWNER, seconds=300.0, scenes=((0.0, 10.0),), info=INFO) -> str:
    """Register a video, make it ready and return its id; its scenes are `s_{name}_{index}`."""
    progress, library, database, blobs = shelves.progress, shelves.library, shelves.database, shelves.blobs
    video = await finish(progress, await registered(progress, name, owner=owner), duration_ns=round(seconds * NS))
    rows = [_scene(f"s_{name}_{index}", video.id, index, start, end) for index, (start, end) in enumerate(scenes)]
    await library.store_findings(
        video_id=video.id,
        owner_id=owner,
        generation=video.generation,
        scenes=rows,
        transcript=video_pb2.Transcript(language="en").SerializeToString(),
        language="en",
        thumbnail_key="",
    )
    async with database.connection() as connection:
        key = await connection.fetchval(
            "UPDATE ingest.videos SET media_info = $2 WHERE id = $1 RETURNING source_key",
            video.id,
            info.SerializeToString(),
        )
    await blobs.put(key, b"0123456789")
    return video.id


def _scene(scene_id, video_id, index, start_s, end_s) -> SceneRow:
    start_ns, end_ns = round(start_s * NS), round(end_s * NS)
    message = video_pb2.Scene(id=scene_id, video_id=video_id, index=index, start_s=start_s, end_s=end_s)
    return SceneRow(scene_id, index, start_ns, end_ns, "", "", "r1", message.SerializeToString(), T0)
