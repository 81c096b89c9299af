"""R-AD3-03: what the index takes on the disk is told as its files have it, and only when it changed."""

from datetime import timedelta

import pytest

from chassis.core.errors import UpstreamUnavailable
from chassis.io.concurrently import beside
from chassis.io.jetstream import Bus
from heimdex.metrics.v1 import storage_measured_pb2
from index_svc.storage import IndexScanner, bytes_below
from tests.support.eventually import eventually
from tests.support.metrics_samples import NOW


class StoppedClock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self):
        return self.at

    def monotonic_ns(self):
        return 0


@pytest.fixture
async def bus(bus_url):
    async with Bus.open(bus_url, name="test") as bus:
        yield bus


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "collections" / "moments").mkdir(parents=True)
    (tmp_path / "collections" / "moments" / "segment").write_bytes(b"x" * 700)
    (tmp_path / "LOCK").write_bytes(b"x" * 7)
    return tmp_path


async def told(bus, message):
    info = await bus._jetstream.stream_info("HEIMDEX_STAGE", subjects_filter=f"heimdex.stage.v1.index.{message}.>")
    return sum((info.state.subjects or {}).values())


async def last(bus, subject, kind):
    message = await bus._jetstream.get_last_msg("HEIMDEX_STAGE", f"heimdex.stage.v1.index.{subject}")
    return kind.FromString(message.data)


async def test_the_files_are_counted_and_told_once_until_they_change(bus, folder):
    clock = StoppedClock()
    scanner = IndexScanner(folder, bus, clock, period_seconds=0.05)
    async with beside(scanner.run()):
        await eventually(lambda: _has_scanned(bus, 1))
        clock.at += timedelta(seconds=300)
        await eventually(lambda: _has_scanned(bus, 2))
    assert await told(bus, "storage_measured") == 1
    (folder / "LOCK").unlink()
    await scanner.scan()
    assert await told(bus, "storage_measured") == 2
    event = await last(bus, "storage_measured.none", storage_measured_pb2.StorageMeasured)
    scan = await last(bus, "store_scanned.index", storage_measured_pb2.StoreScanned)

    assert [(one.kind, one.bytes) for one in event.stored] == [("index", 700)]
    assert (event.video_id, event.owner_id, event.measured_at.ToDatetime()) == ("", "", clock.at.replace(tzinfo=None))
    assert (scan.store, 0 < scan.free_bytes <= scan.total_bytes) == ("index", True)


async def test_links_count_themselves_and_not_what_they_lead_to(folder, tmp_path_factory):
    large = tmp_path_factory.mktemp("elsewhere") / "large"
    large.write_bytes(b"x" * 100_000)
    (folder / "link").symlink_to(large)

    assert bytes_below(folder) == 707 + len(str(large))


async def test_a_folder_that_is_gone_is_said_so_and_not_told_as_empty(bus, tmp_path):
    with pytest.raises(UpstreamUnavailable):
        await IndexScanner(tmp_path / "nothing", bus, StoppedClock(), period_seconds=1).scan()

    assert await told(bus, "storage_measured") == 0


async def _has_scanned(bus, times):
    assert await told(bus, "store_scanned") == times
