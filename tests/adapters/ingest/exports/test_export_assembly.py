"""All parts of exports put together as the service does it: a real clip is asked for, made, checked and kept."""

import pytest

from chassis.io.concurrently import beside
from chassis.io.identity import Principal, principal_var
from chassis.io.service import ServiceContext
from chassis.io.settings import load
from heimdex.ingest.v1 import export_pb2
from heimdex.ingest.v1 import export_service_pb2 as api
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.adapters.progress_store import ProgressStore
from ingest_svc.exports.assembly import Needs, assemble
from ingest_svc.relay import OutboxRelay
from ingest_svc.settings import Settings
from ingest_svc.work_codec import media_info_message
from tests.support.eventually import eventually
from tests.support.export_lab import Shelves, cuttable
from tests.support.ingest_lab import OWNER
from tests.support.media_clips import Clip, Shot, write_clip

TOLD = {
    "HEIMDEX_DATABASE_URL": "postgresql://unused",
    "HEIMDEX_INDEX_ADDR": "127.0.0.1:1",
    "HEIMDEX_INFERENCE_ADDR": "",
    "HEIMDEX_MEDIA_SECRET": "secret",
    "HEIMDEX_NATS_URL": "nats://unused",
    "HEIMDEX_AUTH_PUBLIC_KEY_FILE": "unused.pem",
    "HEIMDEX_SERVICE_TOKEN": "token",
    "HEIMDEX_INGEST_ADDR": "127.0.0.1:0",
    "HEIMDEX_INGEST_METRICS_ADDR": "127.0.0.1:0",
    "HEIMDEX_BLOB_URL": "unused",
    "HEIMDEX_METRICS_ADDR": "127.0.0.1:1",
    "HEIMDEX_EXPORT_QUOTA": "1",
}


@pytest.fixture
async def sandbox():
    async with MediaSandbox(keeps_spares=False) as sandbox:
        yield sandbox


@pytest.fixture
async def needs(database, bus, blobs, sandbox, request):
    """What exports share with the rest of the service."""
    return database, bus, blobs, sandbox, *map(request.getfixturevalue, ("library", "system_clock"))


@pytest.fixture
async def video(request, database, blobs, sandbox, tmp_path):
    """A ready video of one second with its real file."""
    shelves = Shelves(*map(request.getfixturevalue, ("progress", "library")), database, blobs)
    path = write_clip(tmp_path / "a.mp4", (Shot(1.0, (200, 60, 60)),), Clip(width=320, height=180, has_tone=True))
    (tmp_path / "probed").mkdir()
    facts = (await sandbox.probe(path, tmp_path / "probed")).facts
    info = media_info_message(facts, "a.mp4")
    made = await cuttable(shelves, seconds=facts.duration_ns / 1e9, scenes=((0.0, 1.0),), info=info)
    async with database.connection() as connection:
        key = await connection.fetchval(
            "UPDATE ingest.videos SET size_bytes = $1 RETURNING source_key", path.stat().st_size
        )
    await blobs.put_file(key, path)
    return made


async def test_a_short_is_made_by_the_parts_of_the_service(needs, video, tmp_path):
    """R-EXP-01, R-EXP-06, R-EXP-07: without models and without searches: it is made, and says what it did without."""
    scratch = tmp_path / "scratch"
    settings = load(Settings, {**TOLD, "HEIMDEX_SCRATCH_DIR": str(scratch)}, service="ingest")
    database, bus, blobs, sandbox, library, clock = needs
    context = ServiceContext("ingest_svc", settings)
    token = principal_var.set(Principal(OWNER, is_admin=False, service=""))
    relay = OutboxRelay(ProgressStore(database, lambda *_: None), bus, clock)
    async with context.stack, beside(relay.run()):
        service = assemble(context, Needs(settings, database, bus, blobs, sandbox, library)).api
        wish = api.CreateExportRequest(scene="s_harbour_0", output_quality=export_pb2.OUTPUT_QUALITY_LOW)
        asked = (await service.CreateExport(wish, None)).export

        async def made():
            export = (await service.GetExport(api.GetExportRequest(export=asked.id), None)).export
            return export if export.HasField("completed_at") else False

        done = await eventually(made, within_seconds=60.0)
        proposed = await service.ProposeShorts(api.ProposeShortsRequest(video=video), None)
        await context.drain()
    principal_var.reset(token)

    assert (done.status, done.error_message) == (export_pb2.EXPORT_STATE_COMPLETED, "")
    assert (done.resolution, done.check_report.width_px, done.check_report.height_px) == ("720x1280", 720, 1280)
    assert done.used_strategy == export_pb2.ASPECT_RATIO_STRATEGY_BLUR_PAD
    assert done.notes[0].startswith("SMART_WITHOUT_MODEL: ")
    assert abs(done.duration_s - 1.0) <= 0.04
    assert await blobs.head(done.storage_path) == done.file_size_bytes
    assert any(one.startswith("no searches: ") for one in proposed.missing)
    assert list(scratch.iterdir()) == []
