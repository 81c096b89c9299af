"""Works on the backfill that runs, page by page, until it has ended; whoever comes after a crash goes on."""

import asyncio

from chassis.core.backoff import delay_seconds
from chassis.core.clock import Clock
from chassis.core.errors import DeadlineExceeded, HeimdexError, Overloaded, StaleWrite, UpstreamUnavailable
from chassis.io import logs
from metrics_svc.domain.backfill.backfill import Backfill, BackfillState, after_page
from metrics_svc.ports.backfill import BackfillStore, VideoEnds

__all__ = ["BackfillRunner"]

_log = logs.get_logger(__name__)
_POLL_SECONDS = 5.0
"""Between two looks for a backfill that another replica has started, or left behind."""
_LONGEST_WAIT_SECONDS = 10.0
_BUSY_SENTENCE = "It waits: ingest_svc has many messages to send before it can send more."


class BackfillRunner:
    """Asks ingest_svc for one page after the other and writes each answer down.

    The position and the counts of a page are written together, and only over those of the page before: a page whose
    answer was lost is asked for again and has the same counts, so a kill -9 of either side repeats work and no count.
    """

    def __init__(self, store: BackfillStore, ends: VideoEnds, clock: Clock) -> None:
        self._store = store
        self._ends = ends
        self._clock = clock
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Say that there may be a backfill to work on."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                await self._work_if_any()
            except HeimdexError as error:
                _log.warning("a backfill could not be worked on now", reason=error.reason)
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    async def _work_if_any(self) -> None:
        if await self._store.running() is None:
            return
        async with self._store.turn() as is_ours:
            troubles = 0
            while is_ours and (backfill := await self._store.running()) is not None:
                troubles = 0 if await self._step(backfill, troubles) else troubles + 1

    async def _step(self, backfill: Backfill, troubles: int) -> bool:
        """Do one page; return False when it could not be done now, after waiting a little."""
        try:
            page = await self._ends.fill_in(
                backfill.backfill_id, after=backfill.last_video_id, dry_run=backfill.dry_run
            )
        except Overloaded as busy:
            await self._store.explain(backfill.backfill_id, _BUSY_SENTENCE)
            await asyncio.sleep(busy.retry_after_seconds)
            return False
        except (UpstreamUnavailable, DeadlineExceeded, StaleWrite) as error:
            if not isinstance(error, StaleWrite):
                await self._store.explain(backfill.backfill_id, f"It waits: {error.message}")
            await asyncio.sleep(delay_seconds(troubles + 1, longest_seconds=_LONGEST_WAIT_SECONDS))
            return False
        except HeimdexError as error:
            _log.error("a backfill has failed", backfill_id=backfill.backfill_id, reason=error.reason)
            await self._store.end(backfill.backfill_id, BackfillState.FAILED, error.message, self._clock.now())
            return True
        after = after_page(backfill, page, self._clock.now())
        if await self._store.keep(after) and after.state is BackfillState.DONE:
            tally = after.tally
            _log.info(
                "a backfill is done",
                backfill_id=after.backfill_id,
                dry_run=after.dry_run,
                examined=tally.examined,
                changed=tally.changed,
                failed=tally.failed,
            )
        return True
