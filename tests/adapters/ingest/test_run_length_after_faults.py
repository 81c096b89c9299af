"""The length of a run is the sum of its stage events also when workers die, and says where it can not be."""

import asyncio

import pytest

from chassis.core.errors import Stopping, UpstreamUnavailable
from chassis.core.stages import PIPELINE, Stage
from chassis.io.blobs import BlobStore
from chassis.io.concurrently import beside
from heimdex.common.v1 import stage_pb2
from ingest_svc.domain.video import StepState
from tests.support.eventually import eventually
from tests.support.fault_lab import Lab
from tests.support.run_lab import ForgetfulStore, Mute, lose, told


@pytest.fixture
def lab(bus, blobs, database, progress, library):
    return Lab(bus, blobs, database, progress, library)


async def test_work_that_was_lost_is_counted_as_unmeasured_once(lab):
    """R-AD2-11: the sum is a lower bound, and the run says so."""
    async with lab.sending():
        await lab.upload()
        await (await lab.delivery(Stage.DOWNLOADING)).reject()
        await lose(lab, Stage.DOWNLOADING)
    async with lab.running():
        run = await told(lab)

    assert (run.end.duration_ns, run.end.unmeasured_attempts) == (run.sum_ns, 1)


@pytest.mark.parametrize("last_words", ["stage_event", "stage_ended"])
async def test_a_result_that_outlived_its_worker_is_counted_once_and_by_the_attempt_that_made_it(lab, last_words):
    """R-RET-06: the next attempt finds it stored, tells the same event, and did nothing itself."""
    async with lab.sending():
        await lab.upload()
        taken = await lab.delivery(Stage.DOWNLOADING)
        await lab.worker(Stage.DOWNLOADING, bus=Mute(lab.bus, last_words)).handle(taken)
        await taken.reject()
        await lab.until(lambda video: video.step(Stage.DOWNLOADING).state is StepState.RUNNING)
        await lose(lab, Stage.DOWNLOADING)
    async with lab.running():
        run = await told(lab)
    first, second = await lab.attempts(Stage.DOWNLOADING)

    assert lab.work.runs[Stage.DOWNLOADING] == 1
    assert len(run.work) == len(PIPELINE)
    assert (run.end.duration_ns, run.end.unmeasured_attempts) == (run.sum_ns, 0)
    assert first.duration_ns > 0 == second.duration_ns


async def test_a_result_whose_storing_seemed_to_fail_is_counted_once(lab):
    """R-RET-06: told as a failure first, found stored by the retry; one piece of work, one length."""
    async with lab.running(blobs=ForgetfulStore(lab.blobs.url)):
        await lab.upload()
        run = await told(lab)

    assert sum(lab.work.runs.values()) == len(PIPELINE)
    assert len(run.work) == len(PIPELINE)
    assert (run.end.duration_ns, run.end.unmeasured_attempts) == (run.sum_ns, 0)


async def test_work_whose_worker_was_killed_and_that_came_again_has_one_unmeasured_try(lab):
    """R-AD2-11: the second delivery is measured, the first died with its worker."""
    hangs = asyncio.Event()

    async def hang(number):
        if number == 1:
            hangs.set()
            await asyncio.Event().wait()

    lab.work.faults[Stage.DOWNLOADING] = hang
    async with lab.sending():
        await lab.upload()
        taken = await lab.delivery(Stage.DOWNLOADING)
        async with beside(lab.worker(Stage.DOWNLOADING, bus=Mute(lab.bus, "stage_event")).handle(taken)):
            await hangs.wait()
            await lab.until(lambda video: video.step(Stage.DOWNLOADING).state is StepState.RUNNING)
        await taken.retry(0)
    async with lab.running():
        run = await told(lab)

    assert lab.work.runs[Stage.DOWNLOADING] == 2
    assert (run.end.duration_ns, run.end.unmeasured_attempts) == (run.sum_ns, 1)


async def test_poison_has_no_length_and_is_not_a_length_of_zero(lab):
    """R-STG-11: nobody measured the work that ended its workers; its event and its run say so."""
    async with lab.sending():
        await lab.upload()
        for _ in (1, 2, 3):
            await (await lab.delivery(Stage.DOWNLOADING)).retry(0)
        await lab.worker(Stage.DOWNLOADING).handle(await lab.delivery(Stage.DOWNLOADING))
        run = await told(lab)
    (poison,) = run.work

    assert (poison.reason, poison.unmeasured_attempts, poison.duration_ns) == ("POISON", 1, 0)
    assert (run.end.duration_ns, run.end.unmeasured_attempts) == (0, 3)
    assert [row.duration_ns for row in await lab.attempts(Stage.DOWNLOADING)] == [None]


async def test_work_that_a_stopping_worker_gives_back_is_measured_as_far_as_it_went(lab):
    """K4: a deployment in the middle costs nothing but is part of the sum."""
    hangs = asyncio.Event()

    async def hang(number):
        if number == 1:
            hangs.set()
            await asyncio.Event().wait()

    lab.work.faults[Stage.DOWNLOADING] = hang
    async with lab.sending():
        await lab.upload()
        taken = await lab.delivery(Stage.DOWNLOADING)
        async with beside(lab.worker(Stage.DOWNLOADING).handle(taken)):
            await hangs.wait()
        await eventually(lambda: _handed_out(lab, 2))
    async with lab.running():
        run = await told(lab)
    given_back = [one for one in run.work if one.outcome == stage_pb2.OUTCOME_CANCELLED]

    assert [(one.reason, one.duration_ns > 0) for one in given_back] == [(Stopping().reason, True)]
    assert len(run.work) == len(PIPELINE) + 1
    assert (run.end.duration_ns, run.end.unmeasured_attempts) == (run.sum_ns, 0)


async def test_a_late_answer_tells_how_long_its_attempt_took_though_it_changes_nothing(lab):
    """R-STG-07: the fence decides about the video; the length is true all the same, and its event was told."""
    async with lab.sending():
        await lab.upload()
        taken = await lab.delivery(Stage.DOWNLOADING)
        await lose(lab, Stage.DOWNLOADING)
        await lab.worker(Stage.DOWNLOADING).handle(taken)
    async with lab.running():
        run = await told(lab)
    first, second = await lab.attempts(Stage.DOWNLOADING)

    assert (run.end.duration_ns, run.end.unmeasured_attempts) == (run.sum_ns, 0)
    assert first.duration_ns > 0 == second.duration_ns


async def test_a_store_that_is_away_when_the_work_begins_is_a_measured_failure(lab):
    """R-STG-04: looking in vain takes time too; it has an event and is in the sum."""

    class Away(BlobStore):
        is_away = True

        async def get(self, key):
            if self.is_away:
                Away.is_away = False
                raise UpstreamUnavailable("away", reason="BLOB_STORE_UNAVAILABLE")
            return await super().get(key)

    async with lab.running(blobs=Away(lab.blobs.url)):
        await lab.upload()
        run = await told(lab)

    assert len(run.work) == len(PIPELINE) + 1
    assert all(one.duration_ns > 0 for one in run.work)
    assert (run.end.duration_ns, run.end.unmeasured_attempts) == (run.sum_ns, 0)


async def _handed_out(lab, times):
    return len(await lab.attempts(Stage.DOWNLOADING)) == times
