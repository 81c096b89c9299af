"""Videos of ingest_svc for tests: registered, walked through their stages, and looked at in the database."""

from datetime import UTC, datetime, timedelta

from chassis.core.ids import video_id
from chassis.core.stages import Outcome
from chassis.io.blobs import source_key
from ingest_svc.adapters.progress_store import ProgressStore
from ingest_svc.domain.advance import advance, register
from ingest_svc.domain.facts import Ended, Started
from ingest_svc.domain.lengths import AttemptLength
from ingest_svc.domain.video import Step, StepState, Video
from ingest_svc.ports import NewVideo

__all__ = ["OWNER", "T0", "count", "finish", "open_steps", "registered", "result_of", "settle"]

OWNER = "ada"
T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


async def registered(
    store: ProgressStore, name: str = "harbour", *, owner: str = OWNER, title: str = "", at: datetime = T0
) -> Video:
    """Register a video whose content is its name, and return it."""
    identity = video_id(owner, name)
    video, out = register(video_id=identity, owner_id=owner, at=at)
    new = NewVideo(f"{name}.mp4", "video/mp4", 10, "ab" * 32, source_key(owner, identity), title, "")
    await store.register(video, new, out)
    return video


def result_of(step: Step, outcome: Outcome = Outcome.SUCCEEDED, *, at: datetime = T0, **changes: object) -> Ended:
    """The answer to a hand-out: one second of work, begun at `at`."""
    lengths = (AttemptLength(step.fence, 10**9),)
    values: dict[str, object] = {
        "result_key": f"results/{step.stage}",
        "worker": "w/h/1",
        "lengths": lengths,
        **changes,
    }
    return Ended(step.stage, step.fence, at, at + timedelta(seconds=1), outcome, **values)  # type: ignore[arg-type]


def open_steps(video: Video) -> list[Step]:
    """Steps that somebody is asked to do."""
    return [step for step in video.steps if step.state.is_open]


async def settle(store: ProgressStore, video: Video, *facts: object, now: datetime = T0) -> Video:
    """Apply facts in order and return the video after them."""
    for fact in facts:
        video = await store.apply(
            video.id,
            lambda before, fact=fact: advance(before, fact, now=now),  # type: ignore[misc]
            lengths=fact.lengths if isinstance(fact, Ended) else (),
        )
    return video


async def finish(store: ProgressStore, video: Video, *, at: datetime = T0, duration_ns: int = 12_345_000_000) -> Video:
    """Answer every hand-out with success until the run is over."""
    while waiting := open_steps(video):
        step = waiting[0]
        info = {"media_info": b"\x0a\x00", "duration_ns": duration_ns} if step.stage == "metadata" else {}
        started = Started(step.stage, step.fence, at, "w/h/1", 1)
        facts = (result_of(step, at=at, **info),)
        video = await settle(store, video, *((started,) if step.state is StepState.QUEUED else ()), *facts, now=at)
    return video


async def count(database: object, table: str, where: str = "true", *values: object) -> int:
    """Rows of a table."""
    async with database.connection() as connection:  # type: ignore[attr-defined]
        found = await connection.fetchval(f"SELECT count(*) FROM ingest.{table} WHERE {where}", *values)  # noqa: S608
    return int(found)
