"""The worker, the relay and the intake when they are cut off between two steps: nothing is lost or done twice."""

import asyncio
from datetime import UTC, datetime

import pytest

from chassis.core.errors import Corruption, UpstreamUnavailable
from chassis.core.stages import PIPELINE, Outcome, Stage
from chassis.core.subjects import fact_subject
from chassis.io.blobs import BlobStore, result_key
from chassis.io.jetstream import Bus, Outgoing
from chassis.io.postgres import Database
from chassis.io.stage import outcome_to_proto, stage_to_proto, timestamp
from heimdex.ingest.v1 import work_pb2
from ingest_svc.adapters.library_store import LibraryStore
from ingest_svc.adapters.progress_store import ProgressStore
from ingest_svc.domain.advance import MAX_ATTEMPTS_OF_A_BUG, advance
from ingest_svc.domain.facts import ReprocessRequested
from ingest_svc.domain.video import VideoState
from ingest_svc.work_codec import encode_outgoing
from tests.support.eventually import eventually
from tests.support.fault_lab import OWNER, VIDEO, Lab


@pytest.fixture
async def lab(new_database, bus_url, tmp_path):
    async with (
        Database.open(await new_database("ingest_svc", "ingest"), max_connections=6) as database,
        Bus.open(bus_url, name="lab") as bus,
    ):
        progress, library = ProgressStore(database, encode_outgoing), LibraryStore(database)
        yield Lab(bus, BlobStore(str(tmp_path)), database, progress, library)


_NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class DyingBus:
    """A connection whose process dies when it is about to publish a kind of message."""

    def __init__(self, bus, last_words) -> None:
        self._bus, self._last_words = bus, last_words

    async def publish(self, outgoing, **patience: float):
        if f".{self._last_words}." in outgoing.subject:
            raise asyncio.CancelledError
        return await self._bus.publish(outgoing, **patience)


class FlakyStore(BlobStore):
    """A store that is away for the named verbs, one after the other."""

    def __init__(self, url, *away: str) -> None:
        super().__init__(url)
        self._away = list(away)

    async def get(self, key):
        self._fail("get")
        return await super().get(key)

    async def put(self, key, content):
        self._fail("put")
        await super().put(key, content)

    def _fail(self, verb):
        if self._away[:1] == [verb]:
            raise UpstreamUnavailable("the object store is away", reason=f"AWAY_FOR_{self._away.pop(0).upper()}")


@pytest.mark.parametrize("last_words", ["stage_event", "stage_ended"])
async def test_a_worker_killed_between_storing_and_publishing_leaves_the_same_messages_to_the_next(lab, last_words):
    """R-STG-09, R-RET-06: the un-acknowledged message is the outbox of a worker; the work is not done again."""
    async with lab.sending():
        await lab.upload()
        first = await lab.delivery(Stage.DOWNLOADING)
        with pytest.raises(asyncio.CancelledError):
            await lab.worker(Stage.DOWNLOADING, bus=DyingBus(lab.bus, last_words)).handle(first)
        assert (await lab.held("HEIMDEX_FACT"))["stage_ended"] == 0
        await first.retry(0)  # what the broker does by itself after ack_wait

        second = await lab.delivery(Stage.DOWNLOADING)
        assert second.deliveries == 2
        await lab.worker(Stage.DOWNLOADING).handle(second)
        await lab.until(lambda video: video.step(Stage.METADATA).state.is_open)

    assert lab.work.runs == {Stage.DOWNLOADING: 1}
    assert (await lab.held("HEIMDEX_FACT"))["stage_ended"] == 1
    assert (await lab.held("HEIMDEX_STAGE"))["stage_event"] == 1
    (attempt,) = await lab.attempts(Stage.DOWNLOADING)
    assert attempt.outcome == Outcome.SUCCEEDED


async def test_work_that_kills_its_worker_three_times_is_poison_and_lies_with_the_dead_letters(lab):
    """R-RET-02: the fourth delivery is not tried; the video fails with POISON and can be replayed."""
    async with lab.sending():
        await lab.upload()
        for number in (1, 2, 3):
            taken = await lab.delivery(Stage.DOWNLOADING)
            assert taken.deliveries == number
            await taken.retry(0)
        await lab.worker(Stage.DOWNLOADING).handle(await lab.delivery(Stage.DOWNLOADING))
        failed = await lab.until(lambda video: video.state.is_terminal)
        assert (failed.state, failed.failure.reason) == (VideoState.FAILED, "POISON")
        assert not lab.work.runs
        await eventually(lambda: _holds(lab, "HEIMDEX_DEAD", "downloading", 1))

    async with lab.running():
        await _replay(lab, Stage.DOWNLOADING)
        assert (await lab.until(lambda video: video.state.is_terminal)).state is VideoState.READY


async def test_a_transient_fault_costs_two_attempts_and_the_third_succeeds(lab):
    """R-RET-01, R-RET-07."""

    async def away(run):
        if run <= 2:
            raise UpstreamUnavailable("the model host is away", reason="MODEL_AWAY")

    lab.work.faults[Stage.TRANSCRIPTION] = away
    async with lab.running():
        await lab.upload()
        assert (await lab.until(lambda video: video.state.is_terminal)).state is VideoState.READY
        await eventually(lambda: _holds(lab, "HEIMDEX_STAGE", "stage_event", 7 + 2 + 1))
    told = [(one.number, one.outcome, one.reason) for one in await lab.attempts(Stage.TRANSCRIPTION)]
    assert told == [(1, "failed", "MODEL_AWAY"), (2, "failed", "MODEL_AWAY"), (3, "succeeded", "")]


async def test_a_bug_is_tried_three_times_then_told_and_replayed_after_the_fix_from_where_it_broke(lab):
    """R-RET-02: finished stages are kept; no new upload is needed."""

    async def bug(_run):
        raise ZeroDivisionError

    lab.work.faults[Stage.SCENE_PROCESSING] = bug
    async with lab.running():
        await lab.upload()
        failed = await lab.until(lambda video: video.state.is_terminal)
        assert (failed.failure.stage, failed.failure.reason) == (Stage.SCENE_PROCESSING, "INTERNAL")
        assert len(await lab.attempts(Stage.SCENE_PROCESSING)) == MAX_ATTEMPTS_OF_A_BUG
        await eventually(lambda: _holds(lab, "HEIMDEX_DEAD", "scene_processing", 1))

        lab.work.faults.clear()
        await _replay(lab, Stage.SCENE_PROCESSING)
        assert (await lab.until(lambda video: video.state.is_terminal)).state is VideoState.READY
    assert lab.work.runs[Stage.DOWNLOADING] == lab.work.runs[Stage.TRANSCRIPTION] == 1


async def test_a_permanent_fault_gets_one_delivery(lab):
    """R-RET-01."""

    async def damaged(_run):
        raise Corruption("the file is damaged", reason="DAMAGED")

    lab.work.faults[Stage.METADATA] = damaged
    async with lab.running():
        await lab.upload()
        await lab.until(lambda video: video.state is VideoState.FAILED)
    (only,) = await lab.attempts(Stage.METADATA)
    assert (only.reason, only.deliveries, lab.work.runs[Stage.METADATA]) == ("DAMAGED", 1, 1)


async def test_an_object_store_that_is_away_for_a_while_poisons_nothing(lab):
    """R-RET-01: an outage outside of the worker is a transient fault, not a message that kills."""
    away = ("get", "put", "get", "put")
    async with lab.running(blobs=FlakyStore(lab.blobs.url, *away)):
        await lab.upload()
        assert (await lab.until(lambda video: video.state.is_terminal)).state is VideoState.READY
    reasons = [one.reason for stage in PIPELINE for one in await lab.attempts(stage) if one.reason]
    assert reasons == [f"AWAY_FOR_{verb.upper()}" for verb in away]


async def test_a_stored_result_that_is_damaged_is_made_again(lab):
    """R-RET-06: what can not be read is as good as not there."""
    await lab.blobs.put(result_key(OWNER, VIDEO, 1, Stage.DOWNLOADING), b"\xff\xff damaged")
    async with lab.running():
        await lab.upload()
        assert (await lab.until(lambda video: video.state.is_terminal, within_seconds=20)).state is VideoState.READY


async def test_duplicated_late_and_unreadable_facts_change_nothing_and_garbage_is_kept(lab):
    """R-RET-06: only the fence of the open attempt counts, once."""
    async with lab.sending():
        await lab.upload()
        before = (await lab.until(lambda video: video.step(Stage.DOWNLOADING).fence > 0)).step(Stage.DOWNLOADING)
        await lab.worker(Stage.DOWNLOADING).handle(await lab.delivery(Stage.DOWNLOADING))
        settled = await lab.until(lambda video: video.step(Stage.METADATA).state.is_open)

        for number in range(3):
            await lab.bus.publish(_ended(before.fence, f"again-{number}"))
        for stale in (0, 1, before.fence - 1, before.fence + 100, 2**63 - 1):
            await lab.bus.publish(_ended(stale, f"stale-{stale}", stage=Stage.METADATA))
        await lab.bus.publish(_ended(before.fence, "other-video", video="v_nobody"))
        await lab.bus.publish(_raw(b"\xff\xfe garbage", "garbage"))
        await lab.bus.publish(_raw(work_pb2.StageEnded(video_id=VIDEO).SerializeToString(), "no-stage"))
        await lab.bus.publish(_raw(b"", "empty"))
        far = work_pb2.StageStarted(video_id=VIDEO, stage=stage_to_proto(Stage.METADATA), fence=1)
        far.started_at.seconds = 2**62
        await lab.bus.publish(_raw(far.SerializeToString(), "far", kind="heimdex.ingest.v1.StageStarted"))
        await lab.bus.publish(_raw(b"\x01", "unknown", kind="heimdex.ingest.v9.Something"))
        await eventually(lambda: _taken(lab), within_seconds=20)

        assert await lab.video() == settled
        assert (await lab.held("HEIMDEX_DEAD"))["unreadable_fact"] == 4


async def test_a_fact_with_a_character_the_database_refuses_is_taken_in_without_it(lab):
    """R-RET-01: a message made from hostile metadata must not come again for ever and hold the sweeper up."""
    async with lab.sending():
        await lab.upload()
        await lab.delivery(Stage.DOWNLOADING)
        fence = (await lab.video()).step(Stage.DOWNLOADING).fence
        fact = _ended(fence, "nul", outcome=Outcome.FAILED, message="title: a\0b", reason="BAD\0", worker="w\0")
        await lab.bus.publish(fact)
        failed = await lab.until(lambda video: video.state is VideoState.FAILED)
        assert failed.failure.message == "title: ab"

        await lab.bus.publish(_ended(1, "nul-id", video="v\0"))
        await eventually(lambda: _taken(lab), within_seconds=40)


def _ended(fence, msg_id, *, stage=Stage.DOWNLOADING, video=VIDEO, outcome=Outcome.SUCCEEDED, **more: str):
    now = timestamp(_NOW)
    fact = work_pb2.StageEnded(
        video_id=video,
        stage=stage_to_proto(stage),
        fence=fence,
        outcome=outcome_to_proto(outcome),
        started_at=now,
        finished_at=now,
        is_permanent=True,
        **more,
    )
    return _raw(fact.SerializeToString(), msg_id)


def _raw(payload, msg_id, *, kind="heimdex.ingest.v1.StageEnded"):
    return Outgoing(fact_subject("ingest", "stage_ended", VIDEO), payload, kind, msg_id)


async def _taken(lab):
    return await lab.bus.pending("ingest_take_facts") == 0


async def _holds(lab, stream, kind, number):
    return (await lab.held(stream))[kind] == number


async def _replay(lab, stage):
    await lab.progress.apply(VIDEO, lambda video: advance(video, ReprocessRequested(stage), now=lab.clock.now()))
