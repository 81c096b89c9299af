"""Exports in PostgreSQL: every change is one transaction over state, hand-outs, result, quota and outbox."""

from collections.abc import Callable, Sequence
from datetime import datetime

from chassis.core.errors import AlreadyExists, NotFound
from chassis.io.jetstream import Outgoing as Message
from chassis.io.postgres import Connection, Database, load_queries
from ingest_svc.adapters.export_rows import export_row, new_values, progress_values, result_values
from ingest_svc.adapters.outbox import enqueue
from ingest_svc.channels import EXPORT_CHANNEL, OUTBOX_CHANNEL, VIDEO_CHANNEL
from ingest_svc.domain.exports.attempts import records_of
from ingest_svc.domain.exports.facts import CancelRequested, Dispatch, Fact, Outgoing
from ingest_svc.domain.exports.rules import QUOTA_WINDOW, Limits, Quota, quota_of
from ingest_svc.domain.exports.state import Export, advance
from ingest_svc.domain.exports.values import ExportState
from ingest_svc.exports.messages import ended_message, work_message
from ingest_svc.exports.record import AskedAt, Deed, ExportRow, Order, Result
from ingest_svc.ports import ScheduledMessage

__all__ = ["ExportStore"]

_QUERIES = load_queries("ingest_svc")
_EXPORTS = load_queries("ingest_svc", "sql/exports.sql")


class ExportStore:
    """The only writer of exports."""

    def __init__(self, database: Database, limits: Limits, monotonic: Callable[[], AskedAt]) -> None:
        self._database = database
        self._limits = limits
        self._monotonic = monotonic

    async def find_request(self, owner_id: str, request_id: str, digest: str) -> ExportRow | None:
        """Return the export that a user asked for under a name; None for no name and for a new one.

        Raises:
            AlreadyExists: something else was asked for under that name.
            NotFound: the export of that name was deleted.
        """
        if not request_id:
            return None
        async with self._database.connection() as connection:
            return await _asked_before(connection, owner_id, request_id, digest)

    async def create(self, export: Export, order: Order, out: Sequence[Outgoing]) -> ExportRow:
        """Store a new export and what must be sent, if the quota allows one more.

        The same request twice is the same export. Requests of one user wait for each other, so two at once can not both
        take the last place.

        Raises:
            AlreadyExists, NotFound: as `find_request`.
            Overloaded: the quota is used up.
        """
        asked = self._monotonic()
        async with self._database.transaction() as connection:
            await connection.execute(_EXPORTS["lock_quota"], export.owner_id)
            if order.request_id:
                known = await _asked_before(connection, export.owner_id, order.request_id, order.request_digest)
                if known is not None:
                    return known
            (await self._quota(connection, export.owner_id, export.created_at)).check(export.created_at)
            await connection.execute(_EXPORTS["insert_export"], *new_values(export, order, asked))
            await _save_attempts(connection, None, export, None, export.created_at)
            await self._tell(connection, export, order, None, out=out, asked=asked)
            return await _locked(connection, export.id, "")

    async def apply(
        self,
        export_id: str,
        fact: Fact,
        *,
        now: datetime,
        spread: float = 0.5,
        owner_id: str = "",
        deed: Deed | None = None,
        tell: Sequence[Message] = (),
    ) -> ExportRow:
        """Change an export by a fact, together with what must be sent because of it.

        Args:
            export_id: which one.
            fact: what happened.
            now: wall time.
            spread: position in the jitter window of a retry, 0 to 1.
            owner_id: who asks, where a user does.
            deed: what was made; published and stored only if the fact completes the export.
            tell: sent whatever is decided: work that was measured took that long even if its answer comes too late.

        Raises:
            NotFound: there is no such export, or it is not the owner's.
            NotReady: as `advance`.
            Overloaded: a retry that the quota does not allow.
        """
        async with self._database.transaction() as connection:
            before = await _locked(connection, export_id, owner_id)
            for message in tell:
                await enqueue(connection, ScheduledMessage(message, now))
            after, out = advance(before.export, fact, now=now, spread=spread)
            if after is not before.export:
                await self._save(connection, before, after, fact, now=now, deed=deed, out=out)
            elif tell:
                await connection.execute(_QUERIES["notify"], OUTBOX_CHANNEL, "")
            if deed is not None and after is not before.export and after.state is ExportState.COMPLETED:
                await deed.publish()  # last, while nobody else may change the export
            return await _locked(connection, export_id, "")

    async def delete(self, owner_id: str, export_id: str, *, now: datetime) -> None:
        """Stop an export and hide it from its owner; it still counts in the quota.

        Raises:
            NotFound: there is no such export, or it is not the owner's.
        """
        async with self._database.transaction() as connection:
            before, fact = await _locked(connection, export_id, owner_id), CancelRequested()
            after, out = advance(before.export, fact, now=now)
            if after is not before.export:
                await self._save(connection, before, after, fact, now=now, deed=None, out=out)
            await connection.execute(_EXPORTS["delete_export"], export_id, now)
            await connection.execute(_QUERIES["notify"], EXPORT_CHANNEL, export_id)

    async def beat(self, export_id: str, fence: int, progress: float, *, now: datetime) -> bool:
        """Show that a worker is at it and how far it is, 0 to 1; return whether the work is still its."""
        async with self._database.transaction() as connection:
            held = await connection.fetchval(_EXPORTS["beat_export"], export_id, fence, now, progress)
            if held is not None:
                await connection.execute(_QUERIES["notify"], EXPORT_CHANNEL, export_id)
        return held is not None

    async def is_held(self, export_id: str, fence: int) -> bool:
        """Tell whether the work is still that of a worker."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(_EXPORTS["is_export_held"], export_id, fence))

    async def quota(self, owner_id: str, *, now: datetime) -> Quota:
        """Return what a user has used of the last 24 hours."""
        async with self._database.connection() as connection:
            return await self._quota(connection, owner_id, now)

    async def _quota(self, connection: Connection, owner_id: str, now: datetime) -> Quota:
        rows = await connection.fetch(_EXPORTS["counted_exports"], owner_id, now - QUOTA_WINDOW)
        return quota_of([row["created_at"] for row in rows], self._limits)

    async def _save(
        self,
        connection: Connection,
        before: ExportRow,
        after: Export,
        fact: Fact,
        *,
        now: datetime,
        deed: Deed | None,
        out: Sequence[Outgoing],
    ) -> None:
        await self._check_charge(connection, before.export, after, now)
        result = before.result
        if deed is not None and after.state is ExportState.COMPLETED:
            result = deed.result
            await connection.execute(_EXPORTS["set_export_result"], *result_values(after.id, result))
        await connection.execute(_EXPORTS["update_export"], *progress_values(after), now)
        if after.run != before.export.run:
            asked = self._monotonic()
            await connection.execute(_EXPORTS["set_asked_clock"], after.id, asked.ns, asked.clock)
        await _save_attempts(connection, before.export, after, fact, now)
        await self._tell(connection, after, before.order, result, out=out, asked=before.asked)

    async def _check_charge(self, connection: Connection, before: Export, after: Export, now: datetime) -> None:
        """Insist on a free place for an export that did not count and is going to again."""
        if after.is_charged and not before.is_charged:
            await connection.execute(_EXPORTS["lock_quota"], after.owner_id)
            (await self._quota(connection, after.owner_id, now)).check(now)

    async def _tell(
        self,
        connection: Connection,
        export: Export,
        order: Order,
        result: Result | None,
        *,
        out: Sequence[Outgoing],
        asked: AskedAt,
    ) -> None:
        for one in out:
            if isinstance(one, Dispatch):
                await enqueue(connection, work_message(export, one))
            else:
                ended = ended_message(
                    export,
                    order,
                    result,
                    asked=asked,
                    now=self._monotonic(),
                    at=export.completed_at or export.queued_at,
                )
                await enqueue(connection, ended)
        await connection.execute(_QUERIES["notify"], OUTBOX_CHANNEL, "")
        await connection.execute(_QUERIES["notify"], EXPORT_CHANNEL, export.id)
        if export.state.is_terminal:
            for video in {cut.video_id for cut in order.cuts}:
                await connection.execute(_QUERIES["notify"], VIDEO_CHANNEL, video)  # its bytes are measured anew


async def _asked_before(connection: Connection, owner_id: str, request_id: str, digest: str) -> ExportRow | None:
    row = await connection.fetchrow(_EXPORTS["export_of_request"], owner_id, request_id)
    if row is None:
        return None
    known = export_row(row)
    if known.order.request_digest != digest:
        raise AlreadyExists(
            "another export was asked for under this request_id; choose a new one",
            reason="REQUEST_ID_REUSED",
            metadata={"export": known.export.id},
        )
    if known.deleted_at is not None:
        raise NotFound("the export of this request_id was deleted; choose a new one", reason="EXPORT_NOT_FOUND")
    return known


async def _locked(connection: Connection, export_id: str, owner_id: str) -> ExportRow:
    row = await connection.fetchrow(_EXPORTS["lock_export"], export_id)
    found = None if row is None else export_row(row)
    if found is None or (owner_id and (found.export.owner_id != owner_id or found.deleted_at is not None)):
        raise NotFound("there is no such export", reason="EXPORT_NOT_FOUND")
    return found


async def _save_attempts(
    connection: Connection, before: Export | None, after: Export, fact: Fact | None, now: datetime
) -> None:
    values = [
        (
            after.id,
            one.fence,
            one.run,
            one.number,
            one.worker,
            one.queued_at,
            one.started_at,
            one.finished_at,
            one.outcome,
            one.reason,
            one.message,
            one.starts,
        )
        for one in records_of(before, after, fact, now)
    ]
    await connection.executemany(_EXPORTS["upsert_export_attempt"], values)
