"""The length of a run is the sum of its stage events: real workers, a real broker, a real database."""

import asyncio

import pytest

from chassis.core.errors import Corruption, UpstreamUnavailable
from chassis.core.stages import PIPELINE, Stage
from heimdex.common.v1 import stage_pb2
from ingest_svc.domain.advance import advance
from ingest_svc.domain.facts import CancelRequested, ReprocessRequested
from ingest_svc.domain.video import StepState, VideoState
from tests.support.fault_lab import OWNER, VIDEO, Lab
from tests.support.run_lab import told


@pytest.fixture
def lab(bus, blobs, database, progress, library):
    return Lab(bus, blobs, database, progress, library)


async def test_an_undisturbed_run_is_as_long_as_its_stages_and_all_is_measured(lab):
    """R-AD3-02, K4, R-STG-04: exactly, not within 1 %."""
    async with lab.running():
        await lab.upload()
        run = await told(lab)
    video = await lab.video()
    row = await lab.library.get_video(OWNER, VIDEO)

    assert len(run.work) == len(PIPELINE)
    assert run.end.duration_ns == run.sum_ns > 0
    assert run.end.unmeasured_attempts == 0
    elapsed = video.processing_finished_at - video.processing_started_at
    assert run.end.elapsed_ns == round(elapsed.total_seconds() * 1e6) * 1000
    assert (row.processing_finished_at, row.state) == (video.processing_finished_at, VideoState.READY)
    assert {one.worker_slots for one in run.work} == {1}
    assert all(one.HasField("cpu_ns") and 0 < one.cpu_ns for one in run.work)


async def test_the_length_of_each_attempt_is_kept_beside_it(lab):
    """R-RET-07: what the sum is made of can be looked at."""
    async with lab.running():
        await lab.upload()
        run = await told(lab)
    rows = await lab.library.list_attempts(OWNER, VIDEO)

    assert {row.fence: row.duration_ns for row in rows} == {
        int(one.event_id.rpartition("/")[2]): one.duration_ns for one in run.work
    }


async def test_failed_attempts_count_with_their_lengths_and_the_waits_between_them_do_not(lab):
    """K4: a retried video is as long as its attempts."""

    async def away(number):
        if number <= 2:
            await asyncio.sleep(0)
            raise UpstreamUnavailable("away", reason="MODEL_AWAY")

    lab.work.faults[Stage.TRANSCRIPTION] = away
    async with lab.running():
        await lab.upload()
        run = await told(lab)

    assert len(run.work) == len(PIPELINE) + 2
    assert run.end.duration_ns == run.sum_ns
    assert run.end.unmeasured_attempts == 0
    assert run.end.elapsed_ns > run.end.duration_ns  # two backoffs lie between


async def test_a_run_that_is_cancelled_says_that_work_was_still_going_on(lab):
    """R-AD2-11: what a worker goes on with after the end is not in the sum, and the sum admits it."""
    goes_on, hangs = asyncio.Event(), asyncio.Event()

    async def hang(_number):
        hangs.set()
        await goes_on.wait()

    lab.work.faults[Stage.METADATA] = hang
    async with lab.running():
        await lab.upload()
        await hangs.wait()
        await lab.until(lambda video: video.step(Stage.METADATA).state is StepState.RUNNING)
        await lab.progress.apply(VIDEO, lambda video: advance(video, CancelRequested(), now=lab.clock.now()))
        run = await told(lab)
        goes_on.set()
        await lab.until(lambda video: video.step(Stage.METADATA).state is StepState.DONE)
    (late,) = await lab.attempts(Stage.METADATA)
    (download,) = await lab.attempts(Stage.DOWNLOADING)

    assert run.end.outcome == stage_pb2.OUTCOME_CANCELLED
    assert (run.end.duration_ns, run.end.unmeasured_attempts) == (download.duration_ns, 1)
    assert late.duration_ns > 0


async def test_a_reprocess_counts_its_own_attempts_alone(lab):
    """R-RET-03."""
    async with lab.running():
        await lab.upload()
        first = await told(lab)
        again = ReprocessRequested(Stage.INDEXING)
        await lab.progress.apply(VIDEO, lambda video: advance(video, again, now=lab.clock.now()))
        second = await told(lab, generation=2)

    assert {one.stage for one in second.work} == {stage_pb2.STAGE_INDEXING, stage_pb2.STAGE_FINALIZING}
    assert (second.end.duration_ns, second.end.unmeasured_attempts) == (second.sum_ns, 0)
    assert first.end.duration_ns == first.sum_ns


async def test_attempts_of_an_older_version_are_unmeasured_and_not_zero(lab):
    """R-STG-11, R-OPS-05: a run that was under way during an upgrade."""
    async with lab.sending():
        await lab.upload()
        await lab.worker(Stage.DOWNLOADING).handle(await lab.delivery(Stage.DOWNLOADING))
        await lab.until(lambda video: video.step(Stage.METADATA).state.is_open)
        async with lab.database.connection() as connection:
            await connection.execute("UPDATE ingest.attempts SET duration_ns = NULL")
    async with lab.running():
        run = await told(lab)
    download = next(one for one in run.work if one.stage == stage_pb2.STAGE_DOWNLOADING)

    assert (run.end.duration_ns, run.end.unmeasured_attempts) == (run.sum_ns - download.duration_ns, 1)


async def test_a_permanent_failure_is_as_long_as_what_was_done_until_then(lab):
    """R-STG-03."""

    async def damaged(_number):
        raise Corruption("damaged", reason="DAMAGED")

    lab.work.faults[Stage.METADATA] = damaged
    async with lab.running():
        await lab.upload()
        run = await told(lab)

    assert run.end.failed_stage == stage_pb2.STAGE_METADATA
    assert len(run.work) == 2
    assert (run.end.duration_ns, run.end.unmeasured_attempts) == (run.sum_ns, 0)
