"""One model, one thread, one bounded queue: loading, micro-batching, refusal, and every caller's own rows back."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import Generic, TypeVar

from chassis.core.errors import DeadlineExceeded, HeimdexError, Overloaded, Stopping
from chassis.io import metrics
from chassis.io.spending import Spending, current_spending
from inference_svc.adapters.model_meter import ModelMeter, Payer
from inference_svc.domain.batching import BatchPolicy, Waiting, plan_batch

__all__ = ["ModelWorker"]

In = TypeVar("In")
Out = TypeVar("Out")

RunBatch = Callable[[Sequence[In]], Sequence[Out]]
"""Items to results, equal in number and order; runs in the worker's thread."""

_log = logging.getLogger(__name__)
_MIN_RETRY_SECONDS = 0.1
_SMOOTHING = 0.2


@dataclass(slots=True)
class _Request(Generic[In, Out]):
    items: Sequence[In]
    waiting: Waiting
    answer: "Future[list[Out]]"
    spending: Spending | None


class ModelWorker(Generic[In, Out]):
    """Runs a model's batches in one thread that it owns.

    Attributes:
        name: Name of the model.
        meter: Measures its runs.
        batches: Batches run so far.
        items: Items run so far.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], RunBatch[In, Out]],
        *,
        policy: BatchPolicy,
        max_waiting_items: int,
        meter: ModelMeter | None = None,
    ) -> None:
        """Start the thread; `load` runs in it at the first request, or at `warm`, so the model belongs to it."""
        self.name = name
        self.meter = meter or ModelMeter(name)
        self.batches = 0
        self.items = 0
        self._load = load
        self._policy = policy
        self._max_waiting_items = max_waiting_items
        self._queue: list[_Request[In, Out]] = []
        self._changed = threading.Condition()
        self._is_stopping = False
        self._is_warming = False
        self._run: RunBatch[In, Out] | None = None
        self._last_batch_seconds = 0.0
        self._item_seconds = 0.0
        self._thread = threading.Thread(target=self._loop, name=f"model-{name}", daemon=True)
        self._thread.start()

    @property
    def waiting_items(self) -> int:
        """Items in the queue now."""
        with self._changed:
            return sum(request.waiting.items for request in self._queue)

    def warm(self) -> None:
        """Load the model now instead of at the first request; returns at once."""
        with self._changed:
            self._is_warming = True
            self._changed.notify()

    async def run(self, items: Sequence[In], *, timeout_seconds: float) -> list[Out]:
        """Return one result per item, in order; what they use is charged to the piece of work that asks.

        Raises:
            Overloaded: The queue is full; says when to come back.
            DeadlineExceeded: The items were still waiting after `timeout_seconds`.
            Stopping: The worker is closing.
            HeimdexError: What the model raised.
        """
        if not items:
            return []
        request = self._submit(items, timeout_seconds)
        try:
            return await asyncio.wrap_future(request.answer)
        except asyncio.CancelledError:
            if not request.answer.cancel() and request.spending is not None:
                request.spending.lose_track()  # it runs on, and nobody waits to hear what it used
            raise

    def close(self, *, grace_seconds: float = 10.0) -> None:
        """Refuse what waits, let the batch in hand finish within the grace, end the thread."""
        with self._changed:
            self._is_stopping = True
            refused, self._queue = self._queue, []
            self._changed.notify()
        for request in refused:
            _fail(request.answer, Stopping("the model is being closed"))
        self._thread.join(grace_seconds)

    def _submit(self, items: Sequence[In], timeout_seconds: float) -> _Request[In, Out]:
        now = time.monotonic()
        place = Waiting(len(items), now, now + timeout_seconds)
        request: _Request[In, Out] = _Request(items, place, Future(), current_spending())
        with self._changed:
            if self._is_stopping:
                raise Stopping("the model is being closed")
            self._queue = [other for other in self._queue if not other.answer.cancelled()]
            waiting = sum(other.waiting.items for other in self._queue)
            # An empty queue takes any request: one larger than the bound must not be refused for ever.
            if self._queue and waiting + len(items) > self._max_waiting_items:
                retry = max(_MIN_RETRY_SECONDS, waiting * self._item_seconds)
                raise Overloaded(f"{self.name} has {waiting} items waiting", retry_after_seconds=retry)
            self._queue.append(request)
            metrics.MODEL_WAITING_ITEMS.labels(self.name).set(waiting + len(items))
            self._changed.notify()
        return request

    def _loop(self) -> None:
        self.meter.join()
        while (batch := self._next()) is not None:
            if batch:
                for request in batch:
                    if request.spending is not None:
                        request.spending.add(model_calls=len(request.items))
                self._serve(batch)
            else:
                self._load_quietly()

    def _next(self) -> list[_Request[In, Out]] | None:
        """Wait for a batch; an empty one asks for loading, None ends the thread."""
        with self._changed:
            while not self._is_stopping:
                plan = plan_batch(
                    [request.waiting for request in self._queue],
                    now_seconds=time.monotonic(),
                    last_batch_seconds=self._last_batch_seconds,
                    policy=self._policy,
                )
                taken = [self._queue[place] for place in plan.take]
                for place in plan.drop:
                    _fail(self._queue[place].answer, DeadlineExceeded(f"{self.name} was too busy in time"))
                gone = {*plan.take, *plan.drop}
                self._queue = [request for place, request in enumerate(self._queue) if place not in gone]
                metrics.MODEL_WAITING_ITEMS.labels(self.name).set(sum(request.waiting.items for request in self._queue))
                if alive := [request for request in taken if request.answer.set_running_or_notify_cancel()]:
                    return alive
                if self._is_warming and self._run is None:
                    return []
                if not gone:
                    self._changed.wait(plan.wait_seconds or None)
        return None

    def _load_quietly(self) -> None:
        self._is_warming = False
        try:
            self._run = self._load()
        except Exception as error:  # noqa: BLE001 - a failed warm-up is reported again, to its caller, at the first request
            _log.warning("a model could not be loaded ahead of time", extra={"model": self.name, "error": str(error)})

    def _serve(self, batch: list[_Request[In, Out]]) -> None:
        started = time.monotonic()
        try:
            if self._run is None:
                self._run = self._load()
                started = time.monotonic()
            with self.meter.run_for([Payer(request.spending, len(request.items)) for request in batch]):
                results = self._run_whole([item for request in batch for item in request.items])
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers, and the thread lives on
            if len(batch) == 1 or self._run is None:
                for request in batch:
                    _fail(request.answer, error)
            else:
                # One bad item must hurt its own caller only.
                for request in batch:
                    self._serve([request])
            return
        self._note(time.monotonic() - started, len(results))
        place = 0
        for request in batch:
            _succeed(request.answer, results[place : place + len(request.items)])
            place += len(request.items)

    def _run_whole(self, items: list[In]) -> list[Out]:
        if self._run is None:
            raise RuntimeError("the model is not loaded")
        results: list[Out] = []
        step = self._policy.max_items
        for start in range(0, len(items), step):
            part = items[start : start + step]
            answers = list(self._run(part))
            if len(answers) != len(part):
                raise HeimdexError(f"{self.name} gave {len(answers)} results for {len(part)} items")
            results.extend(answers)
        return results

    def _note(self, seconds: float, items: int) -> None:
        metrics.MODEL_CALL_DURATION.labels(self.name).observe(seconds)
        metrics.BATCH_ITEMS.labels(self.name).observe(items)
        self._last_batch_seconds = seconds
        per_item = seconds / max(1, items)
        self._item_seconds += _SMOOTHING * (per_item - self._item_seconds) if self._batches_seen() else per_item
        self.batches += 1
        self.items += items

    def _batches_seen(self) -> bool:
        return self.batches > 0


def _fail(answer: "Future[list[Out]]", error: Exception) -> None:
    try:
        answer.set_exception(error)
    except InvalidStateError:
        return  # the caller has gone


def _succeed(answer: "Future[list[Out]]", results: list[Out]) -> None:
    try:
        answer.set_result(results)
    except InvalidStateError:
        return  # the caller has gone
