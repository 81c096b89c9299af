"""Samples to their sinks: all samples of a batch that one sink keeps go to it together."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.core.errors import InvalidInput
from metrics_svc.ports.events import Sink

__all__ = ["Intake"]


class Intake:
    """The table from kind of sample to the sink that keeps it; several kinds may share a sink."""

    def __init__(self, sinks: Mapping[type, Sink]) -> None:
        self._sinks = dict(sinks)

    async def add(self, samples: Sequence[Any]) -> int:
        """Keep samples of any kinds and return how many were new.

        Sinks take them one after the other; each keeps its own, all or nothing.

        Raises:
            InvalidInput: a sample can never be kept, or nobody keeps its kind; its sink kept nothing.
            UpstreamUnavailable, DeadlineExceeded, StaleWrite: not now; adding all of them again is harmless.
        """
        by_sink: dict[int, tuple[Sink, list[Any]]] = {}
        for sample in samples:
            sink = self._sinks.get(type(sample))
            if sink is None:
                raise InvalidInput(f"nobody keeps a {type(sample).__name__}", reason="UNKNOWN_SAMPLE")
            by_sink.setdefault(id(sink), (sink, []))[1].append(sample)
        return sum([await sink.add(own) for sink, own in by_sink.values()])
