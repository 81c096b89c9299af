"""What the sweep does: hand out what got lost, remove what has expired or was deleted, forget what is old."""

from datetime import timedelta

from chassis.io.concurrently import beside
from ingest_svc.adapters.export_sweep_store import ExportSweepStore
from ingest_svc.adapters.report_store import ReportStore
from ingest_svc.domain.exports.values import ExportState
from ingest_svc.exports.record import beside_key
from ingest_svc.exports.sweeper import ExportSweeper
from ingest_svc.exports.worker import CONSUMER
from ingest_svc.storage import StorageScanner
from tests.support.eventually import eventually
from tests.support.export_lab import order_one
from tests.support.export_worker_lab import CLOCK, asked, becomes, keys, working
from tests.support.ingest_lab import OWNER
from tests.support.told_lab import told_bytes


async def test_an_export_whose_message_is_gone_is_handed_out_again(lab):
    """The sweep: what neither the outbox nor the carrier has is lost; what one of them has is not."""
    export = await asked(lab)
    await eventually(lambda: _is_waiting(lab.bus))
    await lab.sweeper.sweep()
    assert (await lab.shelf.get(OWNER, "e_1")).export.fence == export.fence, "the carrier has it"
    await lab.bus._jetstream.purge_stream("HEIMDEX_WORK")  # a lost store
    await lab.sweeper.sweep()
    async with working(lab.worker):
        done = await becomes(lab, ExportState.COMPLETED)

    assert (done.export.fence, done.export.attempt) == (export.fence + 1, 1)


async def _is_waiting(bus):
    return await bus.pending(CONSUMER) == 1


async def test_an_expired_export_loses_its_files_and_a_deleted_one_too(lab):
    """R-EXP-11: the objects are swept; the row stays as expired."""
    await asked(lab, "e_1")
    await asked(lab, "e_2")
    await asked(lab, "e_3", lives=timedelta(0))
    async with working(lab.worker):
        await becomes(lab, ExportState.COMPLETED)
        await becomes(lab, ExportState.COMPLETED, "e_2")
    await lab.exports.delete(OWNER, "e_2", now=CLOCK.now())
    async with lab.database.connection() as connection:
        await connection.execute("UPDATE ingest.exports SET expires_at = created_at WHERE id = 'e_1'")
    await lab.sweeper.sweep()
    await lab.sweeper.sweep()

    assert await keys(lab.blobs, "") == []
    assert (await lab.shelf.get(OWNER, "e_1")).export.state is ExportState.EXPIRED
    assert (await lab.exports.quota(OWNER, now=CLOCK.now())).used >= 2


async def test_exports_are_counted_to_the_video_they_show(lab):
    """R-AD3-03, R-STO-01: by their keys and their rows; what belongs to no known export is an orphan."""
    scanner = StorageScanner(ReportStore(lab.database), lab.blobs, lab.bus, CLOCK, period_seconds=60.0)
    await asked(lab)
    async with working(lab.worker):
        done = await becomes(lab, ExportState.COMPLETED)
    await lab.blobs.put("exports/ada/e_nobody.mp4", b"x" * 77)
    await scanner.scan()
    told = {(event.video_id, one.kind): one.bytes for event in await told_bytes(lab.database) for one in event.stored}
    size = 0
    for kind in ("mp4", "jpg", "srt", "vtt"):
        size += await lab.blobs.head(beside_key(done.order.storage_path, kind))

    assert told == {("v_1", "export"): size, ("", "orphan"): 77}
    await lab.exports.delete(OWNER, "e_1", now=CLOCK.now())
    await lab.sweeper.sweep()
    await scanner.measure(["v_1"])
    assert [one.bytes for event in await told_bytes(lab.database) for one in event.stored if one.kind == "export"][
        -1
    ] == 0


async def test_the_sweep_goes_on_by_itself(lab, database):
    """An export that was never made before its time was over has its reason, and then it is expired."""
    await asked(lab, lives=timedelta(0))
    sweeper = ExportSweeper(
        store=lab.exports,
        sweeps=ExportSweepStore(database),
        bus=lab.bus,
        blobs=lab.blobs,
        clock=CLOCK,
        overdue_seconds=60.0,
        period_seconds=0.01,
    )
    async with beside(sweeper.run()):
        expired = (await becomes(lab, ExportState.EXPIRED)).export

    assert (expired.reason, expired.completed_at is not None) == ("EXPORT_TIMED_OUT", True)
    assert (await lab.exports.quota(OWNER, now=CLOCK.now())).used == 0


async def test_old_exports_are_forgotten(lab, database):
    """Expired ones after a month, deleted ones as soon as they do not count."""
    now = CLOCK.now()
    for export_id, age in (("e_old", 32), ("e_new", 2), ("e_deleted", 1.1)):
        await order_one(lab.exports, export_id, at=now - timedelta(days=age))
    await lab.exports.delete(OWNER, "e_deleted", now=now)
    await lab.sweeper.sweep()
    async with database.connection() as connection:
        left = await connection.fetch("SELECT id FROM ingest.exports")

    assert {row["id"] for row in left} == {"e_new"}
