"""However an upload ends, metrics_svc hears how long it took."""

import asyncio

import pytest

from chassis.core.errors import InvalidInput, UpstreamUnavailable
from chassis.core.stages import Outcome
from chassis.io.concurrently import beside
from chassis.io.report_queue import ReportQueue
from chassis.io.stage import outcome_to_proto
from heimdex.metrics.v1 import stage_event_pb2
from ingest_svc.uploads import UploadFacts, Uploads
from tests.support.eventually import eventually
from tests.support.ingest_lab import OWNER, T0
from tests.support.told_lab import told_uploads


@pytest.fixture
def refused():
    return []


@pytest.fixture
def uploads(blobs, progress, clock, refused):
    return Uploads(blobs, progress, clock, max_bytes=1_000, report=refused.append)


def facts(**changes: object):
    values = {"filename": "clip.mp4", "mime_type": "", "title": "", "description": "", "size_bytes": 0, "sha256": ""}
    return UploadFacts(**{**values, **changes})


def slowly(clock, *parts: bytes):
    """Pieces, a second before each."""

    async def pieces():
        for part in parts:
            clock.forward(1)
            yield part

    return pieces()


def read(message):
    return stage_event_pb2.OperationEvent.FromString(message.payload)


async def test_an_accepted_upload_is_told_from_its_first_byte_in_the_transaction_that_registers_it(
    database, uploads, refused, clock
):
    video = await uploads.take(OWNER, facts(), slowly(clock, b"one", b"two"))
    (event,) = await told_uploads(database)

    assert (event.operation, event.outcome) == (
        stage_event_pb2.OPERATION_UPLOAD,
        outcome_to_proto(Outcome.SUCCEEDED),
    )
    assert (event.owner_id, event.video_id, event.size_bytes, event.reason) == (OWNER, video, 6, "")
    assert (event.started_at.ToDatetime(), event.duration_ns) == (T0.replace(tzinfo=None), 2_000_000_000)
    assert event.event_id.startswith(f"{video}/upload/")
    assert refused == []


async def test_the_same_file_again_is_another_upload_of_the_same_video(database, uploads, clock):
    for _ in range(2):
        await uploads.take(OWNER, facts(), slowly(clock, b"same"))
    first, second = await told_uploads(database)

    assert first.video_id == second.video_id
    assert first.event_id != second.event_id


@pytest.mark.parametrize("header", [{"size_bytes": 9}, {"sha256": "0" * 64}, {"sha256": "x"}])
async def test_a_refused_upload_is_told_with_its_reason(database, uploads, refused, clock, header):
    with pytest.raises(InvalidInput) as error:
        await uploads.take(OWNER, facts(**header), slowly(clock, b"four"))
    event = read(*refused)

    assert (event.outcome, event.reason) == (outcome_to_proto(Outcome.FAILED), error.value.reason)
    assert (event.video_id, event.HasField("size_bytes"), event.owner_id) == ("", False, OWNER)
    assert await told_uploads(database) == []


async def test_an_upload_that_is_broken_off_is_told_as_cancelled(uploads, refused):
    begun = asyncio.Event()

    async def never():
        yield b"some"
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(uploads.take(OWNER, facts(), never()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    event = read(*refused)

    assert (event.outcome, event.reason) == (outcome_to_proto(Outcome.CANCELLED), "UPLOAD_ABORTED")


class Away:
    """A store whose database is away."""

    async def register(self, *_values: object, **_more: object):
        raise UpstreamUnavailable("gone", reason="DATABASE_UNAVAILABLE")


async def test_a_database_that_is_away_is_told_as_a_failure(blobs, refused, clock):
    uploads = Uploads(blobs, Away(), clock, max_bytes=1_000, report=refused.append)
    with pytest.raises(UpstreamUnavailable):
        await uploads.take(OWNER, facts(), slowly(clock, b"four"))

    assert [read(one).reason for one in refused] == ["DATABASE_UNAVAILABLE"]


async def test_what_nobody_waits_for_reaches_the_broker_and_what_is_too_much_is_counted(bus, uploads, refused, clock):
    with pytest.raises(InvalidInput):
        await uploads.take(OWNER, facts(size_bytes=9), slowly(clock, b"four"))
    queue, stopping = ReportQueue(bus, drop_reason="test_queue_full"), asyncio.Event()
    queue.report(*refused)
    async with beside(queue.run(stopping)):
        await eventually(lambda: _holds(bus, 1))


async def _holds(bus, number):
    assert (await bus._jetstream.stream_info("HEIMDEX_STAGE")).state.messages == number
