"""Progress of videos in PostgreSQL: every change is one transaction over inbox, state, history and outbox."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chassis.core.errors import NotFound
from chassis.core.stages import Outcome
from chassis.io.jetstream import Outgoing as Message
from chassis.io.postgres import Connection, Database, load_queries
from ingest_svc.adapters.outbox import enqueue, tell_video
from ingest_svc.adapters.rows import step_values, video_from, video_values
from ingest_svc.channels import OUTBOX_CHANNEL, VIDEO_CHANNEL
from ingest_svc.domain.facts import Dispatch, Outgoing, RunEnded
from ingest_svc.domain.lengths import AttemptLength, RunAttempt, length_of_run
from ingest_svc.domain.telling import is_told
from ingest_svc.domain.video import Step, StepState, Video
from ingest_svc.ports import NewVideo, ScheduledMessage, SourceFacts

__all__ = ["DueMessage", "OverdueStep", "ProgressStore"]

_Q = load_queries("ingest_svc")


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A message of the outbox."""

    id: int
    message: Message


@dataclass(frozen=True, slots=True)
class OverdueStep:
    """A step that was handed out long ago."""

    video_id: str
    stage: str
    fence: int
    msg_id: str | None
    published_at: datetime | None
    stream_sequence: int | None


Decide = Callable[[Video], tuple[Video, tuple[Outgoing, ...]]]
Encode = Callable[[Video, Outgoing, SourceFacts], ScheduledMessage]


class ProgressStore:
    """The only writer of the progress of videos."""

    def __init__(self, database: Database, encode: Encode) -> None:
        """`encode` turns a decision into the message that tells it."""
        self._database = database
        self._encode = encode

    async def register(
        self, video: Video, new: NewVideo, out: Sequence[Outgoing], *, report: Message | None = None
    ) -> bool:
        """Store a new video and what must be sent; return False and change nothing when it is there already.

        The `report` of the upload is sent in both cases.
        """
        async with self._database.transaction() as connection:
            if report is not None:
                await enqueue(connection, ScheduledMessage(report, video.queued_at))
                await connection.execute(_Q["notify"], OUTBOX_CHANNEL, "")
            inserted = await connection.fetchval(
                _Q["insert_video"],
                video.id,
                video.owner_id,
                video.state,
                video.stage,
                video.generation,
                video.fence,
                new.filename,
                new.mime_type,
                new.size_bytes,
                new.sha256,
                new.source_key,
                video.queued_at,
            )
            if inserted is None:
                return False
            if new.title or new.description:
                await connection.execute(_Q["upsert_metadata"], video.id, new.title, new.description, [], "{}")
            await self._save(
                connection,
                None,
                video,
                out,
                SourceFacts(new.source_key, new.size_bytes, new.sha256, new.filename, new.title, None),
            )
        return True

    async def apply(
        self,
        video_id: str,
        decide: Decide,
        *,
        fact_id: str = "",
        owner_id: str = "",
        lengths: Sequence[AttemptLength] = (),
        also: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> Video:
        """Change a video by a pure decision, once per `fact_id`, together with what must be sent because of it.

        `lengths` of attempts are kept whatever is decided: work that was measured took that long even if its answer
        comes too late.

        Raises:
            NotFound: there is no such video, or it is not the owner's.
        """
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(_Q["lock_video"], video_id)
            if row is None or (owner_id and row["owner_id"] != owner_id):
                raise NotFound("there is no such video", reason="VIDEO_NOT_FOUND")
            before = video_from(row, await connection.fetch(_Q["list_steps"], video_id))
            if fact_id and await connection.fetchval(_Q["insert_inbox"], fact_id) is None:
                return before
            after, out = decide(before)
            if lengths:
                values = [(video_id, one.fence, one.ns) for one in lengths]
                await connection.executemany(_Q["set_attempt_duration"], values)
            if also is not None:
                await also(connection)
            if after is not before:
                facts = await connection.fetchrow(_Q["work_facts"], video_id)
                assert facts is not None  # noqa: S101  # the row is locked
                await self._save(
                    connection,
                    before,
                    after,
                    out,
                    SourceFacts(
                        facts["source_key"],
                        facts["size_bytes"],
                        facts["sha256"],
                        facts["filename"],
                        facts["title"],
                        after.duration_ns,
                    ),
                )
        return after

    async def _save(
        self, connection: Connection, before: Video | None, after: Video, out: Sequence[Outgoing], facts: SourceFacts
    ) -> None:
        await connection.execute(_Q["update_video"], *video_values(after))
        old = {step.stage: step for step in before.steps} if before else {}
        changed = [step for step in after.steps if old.get(step.stage) != step]
        await connection.executemany(_Q["upsert_step"], [step_values(after.id, step) for step in changed])
        attempts = [_attempt_values(after, step) for step in changed if step.fence]
        replaced = {one.step.stage: one.replaces for one in out if isinstance(one, Dispatch)}
        ended = [
            _lost_attempt(after, replaced.get(step.stage) or old[step.stage])
            for step in changed
            if _was_given_up(old.get(step.stage), step)
        ]
        await connection.executemany(_Q["upsert_attempt"], ended + attempts)
        now = max((step.started_at or after.queued_at for step in changed), default=after.queued_at)
        history: list[tuple[Any, ...]] = [
            (after.id, step.stage, step.state, after.state, _changed_at(step, now)) for step in changed if step.fence
        ]
        if before is None or before.state is not after.state:
            end = after.processing_finished_at if after.state.is_terminal else after.queued_at
            history.append((after.id, None, None, after.state, end or now))
        await connection.executemany(_Q["insert_transition"], history)
        for decided in out:
            one = await _measured(connection, after, decided) if isinstance(decided, RunEnded) else decided
            await enqueue(connection, self._encode(after, one, facts))
        if is_told(before, after):
            await tell_video(connection, after.id)
        if out or is_told(before, after):
            await connection.execute(_Q["notify"], OUTBOX_CHANNEL, "")
        await connection.execute(_Q["notify"], VIDEO_CHANNEL, after.id)

    async def take_due(
        self, now: datetime, limit: int, send: Callable[[Sequence[DueMessage]], Awaitable[list[int | None]]]
    ) -> int:
        """Hand the messages that are due to `send`, mark those that were sent, and return how many that were.

        `send` returns the stream position of each, None for one that could not be sent. A crash in between sends
        them again with the same identity.
        """
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_Q["lock_due_outbox"], now, limit)
            due = [
                DueMessage(
                    row["id"],
                    Message(row["subject"], row["payload"], row["message_type"], row["msg_id"], row["correlation_id"]),
                )
                for row in rows
            ]
            if due:
                sequences = await send(due)
                sent = [(one.id, number) for one, number in zip(due, sequences, strict=True) if number is not None]
                await connection.executemany(_Q["mark_published"], sent)
                return len(sent)
        return 0

    async def outbox_waiting(self) -> tuple[int, datetime | None]:
        """Return how many messages wait, and the earliest time one of them is due."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_Q["count_outbox"])
        return (row["waiting"], row["next_at"]) if row else (0, None)

    async def overdue_steps(self, before: datetime) -> list[OverdueStep]:
        """Return the steps that were handed out before a time and have not ended."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_Q["list_overdue_steps"], before)
        return [
            OverdueStep(
                row["video_id"], row["stage"], row["fence"], row["msg_id"], row["published_at"], row["stream_sequence"]
            )
            for row in rows
        ]

    async def purge(self, *, outbox_before: datetime, inbox_before: datetime) -> None:
        """Forget messages that were sent or taken in long ago."""
        async with self._database.connection() as connection:
            await connection.execute(_Q["purge_outbox"], outbox_before)
            await connection.execute(_Q["purge_inbox"], inbox_before)


async def _measured(connection: Connection, video: Video, ended: RunEnded) -> RunEnded:
    rows = await connection.fetch(_Q["list_run_attempts"], video.id, video.generation)
    attempts = (RunAttempt(**{name: row[name] for name in RunAttempt.__dataclass_fields__}) for row in rows)
    return replace(ended, length=length_of_run(attempts))


def _changed_at(step: Step, default: datetime) -> datetime:
    if step.state is StepState.RUNNING:
        return step.started_at or default
    if step.state is StepState.QUEUED:
        return step.queued_at or default
    return step.finished_at or default


_OUTCOMES = {StepState.DONE: Outcome.SUCCEEDED, StepState.SKIPPED: Outcome.SKIPPED, StepState.FAILED: Outcome.FAILED}


def _attempt_values(video: Video, step: Step) -> tuple[object, ...]:
    retried = step.state is StepState.QUEUED and step.attempt > 1
    return (
        video.id,
        step.fence,
        video.generation,
        step.stage,
        step.attempt,
        step.worker,
        step.queued_at,
        step.started_at,
        step.finished_at,
        _OUTCOMES.get(step.state),
        "" if retried else step.reason,
        "" if retried else step.message,
        step.deliveries,
    )


def _was_given_up(before: Step | None, after: Step) -> bool:
    """Whether an open attempt was replaced by a newer one: it failed, was given back, or was lost."""
    return before is not None and before.state.is_open and after.fence not in (before.fence, 0)


def _lost_attempt(video: Video, step: Step) -> tuple[object, ...]:
    after = video.step(step.stage)
    is_retry = after.attempt > step.attempt
    outcome = Outcome.FAILED if is_retry else Outcome.CANCELLED
    return (
        video.id,
        step.fence,
        video.generation,
        step.stage,
        step.attempt,
        step.worker,
        step.queued_at,
        step.started_at,
        step.finished_at or (after.queued_at if step.started_at else None),
        outcome,
        after.reason if is_retry else "GIVEN_BACK",
        after.message if is_retry else "the work was given back or lost and handed out again",
        step.deliveries,
    )
