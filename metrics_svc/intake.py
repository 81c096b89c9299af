"""Many events in hand, one insert: who brings a sample waits until it is stored; what waits is stored together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from chassis.core.errors import InvalidInput
from metrics_svc.domain.samples import Batch, Sample
from metrics_svc.ports.samples import SampleStore

__all__ = ["Intake"]


@dataclass(frozen=True, slots=True)
class _Waiting:
    sample: Sample
    stored: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Intake:
    """Group commit: while one insert is on its way the next batch gathers, so an idle system waits for nothing.

    Its size is bounded by the callers, each of whom holds one sample.
    """

    def __init__(self, store: SampleStore) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._turn = asyncio.Lock()

    async def add(self, sample: Sample) -> None:
        """Return once the sample is stored, or was already.

        Raises:
            InvalidInput: this very sample can never be stored; those beside it were.
            UpstreamUnavailable, DeadlineExceeded: not now.
        """
        mine = _Waiting(sample)
        self._waiting.append(mine)
        try:
            async with self._turn:
                if not mine.stored.done():
                    await self._store_waiting()
        except asyncio.CancelledError:
            mine.stored.cancel()
            raise
        mine.stored.result()

    async def _store_waiting(self) -> None:
        batch, self._waiting = [one for one in self._waiting if not one.stored.done()], []
        try:
            await self._store_all(batch)
        except BaseException:
            # Only a cancelled caller comes here; the others of its batch must not be forgotten with it.
            self._waiting[:0] = batch
            raise

    async def _store_all(self, batch: Sequence[_Waiting]) -> None:
        try:
            await self._store.add(Batch.of(tuple(one.sample for one in batch)))
        except InvalidInput as error:
            if len(batch) == 1:
                _settle(batch, error)
                return
            for one in batch:
                await self._store_all((one,))
        except Exception as error:  # noqa: BLE001  # a bug too is told to everybody who waits, not only to one
            _settle(batch, error)
        else:
            _settle(batch, None)


def _settle(batch: Sequence[_Waiting], error: Exception | None) -> None:
    for one in batch:
        if one.stored.done():
            continue
        if error is None:
            one.stored.set_result(None)
        else:
            one.stored.set_exception(error)
