"""The conformance suite of the port BackfillStore, and the runner that works on it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chassis.core.clock import SystemClock
from chassis.core.errors import Corruption, DeadlineExceeded, NotReady, Overloaded, StaleWrite, UpstreamUnavailable
from chassis.io.concurrently import beside
from metrics_svc.adapters.backfill_store import PostgresBackfillStore
from metrics_svc.backfill import BackfillRunner
from metrics_svc.domain.backfill.backfill import Backfill, BackfillState, EndPage, Tally, VideoEnd, after_page
from tests.support.eventually import eventually
from tests.support.metrics_samples import run_event, samples_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def backfills(database):
    return PostgresBackfillStore(database)


def begun(name, *, dry_run=False):
    return Backfill(
        backfill_id=f"bf_{name}",
        request_id=name,
        dry_run=dry_run,
        state=BackfillState.RUNNING,
        started_by="ada",
        started_at=NOW,
        updated_at=NOW,
    )


def video(name, trouble=""):
    return VideoEnd(
        video_id=name,
        owner_id='a"da',
        filename="häfen\\.mp4",
        state="ready",
        generation=1,
        finished_at=None if trouble else NOW.replace(microsecond=123_456),
        trouble=trouble,
    )


def page(*names: str, is_last=False, total=None, trouble=""):
    return EndPage(
        tally=Tally(examined=len(names), **{"failed" if trouble else "changed": len(names)}),
        videos=tuple(video(name, trouble) for name in names),
        last_video_id=names[-1] if names else "",
        is_last=is_last,
        videos_total=total,
    )


async def test_what_was_started_comes_back_as_it_was(backfills):
    started = await backfills.start(begun("a", dry_run=True))

    assert started == replace(begun("a", dry_run=True), number=started.number)
    assert await backfills.get("bf_a") == await backfills.running() == started
    assert await backfills.get("bf_nothing") is None


async def test_the_same_request_starts_one_backfill_also_at_once(backfills):
    """R-BKF-04."""
    async with asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(backfills.start(begun("a"))) for _ in range(6)]

    assert len({one.result() for one in made}) == 1
    assert len(await backfills.list(before=None, limit=9)) == 1


async def test_one_runs_at_a_time_and_the_second_is_told_which(backfills):
    first = await backfills.start(begun("a"))
    with pytest.raises(NotReady) as refused:
        await backfills.start(begun("b"))
    assert (refused.value.reason, refused.value.metadata["backfill_id"]) == ("BACKFILL_RUNNING", "bf_a")

    await backfills.end("bf_a", BackfillState.CANCELLED, "ada cancelled it.", NOW)
    second = await backfills.start(begun("b"))
    ended = await backfills.get("bf_a")
    assert second.number > first.number
    assert (ended.state, ended.sentence, ended.finished_at) == (BackfillState.CANCELLED, "ada cancelled it.", NOW)
    assert (await backfills.start(begun("a"))).state is BackfillState.CANCELLED  # the same request, long ended


async def test_a_page_is_written_down_once_with_its_videos(backfills):
    """R-BKF-04: whoever writes the same page again is refused, and so is who writes to one that has ended."""
    one = after_page(await backfills.start(begun("a")), page("v_1", "v_2", total=3), NOW)
    assert await backfills.keep(one)
    assert not await backfills.keep(one)
    assert await backfills.running() == one
    two = after_page(one, page("v_3", trouble="UNUSABLE_ID", is_last=True), NOW + timedelta(seconds=1))
    await backfills.explain("bf_a", "It waits.")
    assert (await backfills.running()).sentence == "It waits."
    assert await backfills.keep(two)

    assert await backfills.get("bf_a") == two
    assert (two.tally, two.finished_at) == (Tally(examined=3, changed=2, failed=1), NOW + timedelta(seconds=1))
    assert not await backfills.keep(replace(two, pages=3, state=BackfillState.RUNNING, finished_at=None))
    await backfills.explain("bf_a", "too late")
    await backfills.end("bf_a", BackfillState.FAILED, "too late", NOW)
    assert await backfills.get("bf_a") == two
    assert await backfills.running() is None


async def test_pages_of_backfills_are_newest_first_and_without_videos(backfills):
    for name in "abcde":
        started = await backfills.start(begun(name))
        await backfills.keep(after_page(started, page("v_1", is_last=True), NOW))
    newest = await backfills.list(before=None, limit=2)
    rest = await backfills.list(before=newest[-1].number, limit=9)

    assert [one.request_id for one in (*newest, *rest)] == list("edcba")
    assert {one.preview for one in newest} == {()}
    assert newest[0].tally.changed == 1


async def test_one_worker_has_its_turn_until_it_ends_or_dies(backfills, database):
    """R-BKF-04: no lease to wait for after a kill -9."""
    async with backfills.turn() as mine, backfills.turn() as others:
        assert (mine, others) == (True, False)
    async with database.connection() as dying:
        await dying.fetchval("SELECT pg_advisory_lock($1)", 0x6865696462616B66)
        async with backfills.turn() as mine:
            assert not mine
        pid = await dying.fetchval("SELECT pg_backend_pid()")
        async with database.connection() as other:
            await other.execute("SELECT pg_terminate_backend($1)", pid)

        async def free():
            async with backfills.turn() as mine:
                return mine

        assert await eventually(free)


async def test_the_runs_of_some_videos_are_found_by_their_generation(backfills, event_store):
    await event_store.add(samples_of(*(run_event(number, finished_at=NOW) for number in (1, 2, 3))))
    asked = [replace(video("v1"), generation=1), replace(video("v2"), generation=7), video("v_unknown")]
    found = await backfills.runs(asked)

    assert list(found) == [("v1", 1)]
    assert (found["v1", 1].is_backfilled, found["v1", 1].duration_ns) == (False, 60_000_000_000)
    assert await backfills.runs([]) == {}


class Ends:
    """VideoEnds by a script: pages, and errors that happen first."""

    def __init__(self, *answers: object) -> None:
        self.answers, self.asked = list(answers), []

    async def fill_in(self, backfill_id, *, after, dry_run):
        self.asked.append((backfill_id, after, dry_run))
        answer = self.answers.pop(0) if self.answers else page(is_last=True)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def done(backfills, name):
    async def look():
        found = await backfills.get(name)
        assert found.state is not BackfillState.RUNNING, found
        return found

    return await eventually(look, within_seconds=20)


async def test_a_backfill_is_worked_on_page_by_page_until_it_is_done(backfills):
    """R-BKF-04."""
    ends = Ends(page("v_1", "v_2", total=3), page("v_3", is_last=True))
    runner = BackfillRunner(backfills, ends, SystemClock())
    async with beside(runner.run()):
        await backfills.start(begun("a", dry_run=True))
        runner.wake()
        found = await done(backfills, "bf_a")

    assert ends.asked == [("bf_a", "", True), ("bf_a", "v_2", True)]
    assert (found.state, found.tally.changed, found.pages) == (BackfillState.DONE, 3, 2)


async def test_troubles_that_pass_are_waited_for_and_said(backfills):
    """R-BKF-04: the position stays, and the counts of no page are lost or doubled."""
    ends = Ends(
        page("v_1", total=2),
        UpstreamUnavailable("ingest_svc does not answer"),
        DeadlineExceeded("too late"),
        StaleWrite("changed meanwhile"),
        Overloaded("busy", retry_after_seconds=0.01),
        page("v_2", is_last=True),
    )
    await backfills.start(begun("a"))
    said = set()

    async def watch():
        while True:
            if (running := await backfills.running()) is not None:
                said.add(running.sentence)
            await asyncio.sleep(0.01)

    async with beside(BackfillRunner(backfills, ends, SystemClock()).run()), beside(watch()):
        found = await done(backfills, "bf_a")

    assert [after for _, after, _ in ends.asked] == ["", "v_1", "v_1", "v_1", "v_1", "v_1"]
    assert (found.tally.changed, found.pages, found.sentence) == (2, 2, "")
    assert "It waits: ingest_svc does not answer" in said


async def test_a_trouble_that_does_not_pass_ends_it_with_the_reason(backfills):
    ends = Ends(page("v_1", total=2), Corruption("ingest_svc gave counts that do not add up"))
    await backfills.start(begun("a"))
    async with beside(BackfillRunner(backfills, ends, SystemClock()).run()):
        found = await done(backfills, "bf_a")

    assert (found.state, found.sentence) == (BackfillState.FAILED, "ingest_svc gave counts that do not add up")
    assert found.tally.changed == 1


async def test_who_comes_after_a_crash_goes_on_where_the_other_stopped(backfills):
    """R-BKF-04: the answer to the second page was lost with its asker."""
    hangs = asyncio.Event()

    class Dying(Ends):
        async def fill_in(self, backfill_id, *, after, dry_run):
            found = await super().fill_in(backfill_id, after=after, dry_run=dry_run)
            if after:
                hangs.set()
                await asyncio.Event().wait()
            return found

    await backfills.start(begun("a"))
    async with beside(BackfillRunner(backfills, Dying(page("v_1", total=2), page("v_2")), SystemClock()).run()):
        await hangs.wait()
    ends = Ends(page("v_2"), page("v_3", is_last=True))
    async with beside(BackfillRunner(backfills, ends, SystemClock()).run()):
        found = await done(backfills, "bf_a")

    assert [after for _, after, _ in ends.asked] == ["v_1", "v_2"]
    assert found.tally.changed == 3


async def test_a_cancelled_backfill_is_left_at_once(backfills):
    go_on, asked = asyncio.Event(), asyncio.Event()

    class Slow(Ends):
        async def fill_in(self, backfill_id, *, after, dry_run):
            asked.set()
            await go_on.wait()
            return await super().fill_in(backfill_id, after=after, dry_run=dry_run)

    ends = Slow(page("v_1", total=9), page("v_2"))
    await backfills.start(begun("a"))
    async with beside(BackfillRunner(backfills, ends, SystemClock()).run()):
        await asked.wait()
        await backfills.end("bf_a", BackfillState.CANCELLED, "", NOW)
        go_on.set()
        await eventually(lambda: len(ends.asked) == 1)
        found = await done(backfills, "bf_a")

    assert (found.state, found.tally.examined, len(ends.asked)) == (BackfillState.CANCELLED, 0, 1)
