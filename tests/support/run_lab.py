"""The end of a run and its stage events, as the carrier holds them, and the ways in which a worker can die.

told(lab)              wait for the end of a run: `Run`
Mute(bus, words)       the connection of a worker that is killed when it is about to publish a kind of message
ForgetfulStore(url)    writes, and then says that it did not
lose(lab, stage)       what the sweeper does when the carrier holds a piece of work no more
"""

from dataclasses import dataclass

from chassis.core.errors import UpstreamUnavailable
from chassis.core.stages import Stage
from chassis.io.blobs import BlobStore
from chassis.io.jetstream import Bus, Outgoing
from heimdex.metrics.v1.stage_event_pb2 import StageEvent
from ingest_svc.domain.advance import advance
from ingest_svc.domain.facts import Lost
from tests.support.eventually import eventually
from tests.support.fault_lab import VIDEO, Lab

__all__ = ["ForgetfulStore", "Mute", "Run", "lose", "told"]


@dataclass(frozen=True, slots=True)
class Run:
    """The end of a run, and the distinct stage events of its generation."""

    end: StageEvent
    work: list[StageEvent]

    @property
    def sum_ns(self) -> int:
        """What the stage events sum to."""
        return sum(one.duration_ns for one in self.work)


async def told(lab: Lab, generation: int = 1) -> Run:
    """Wait for the end of a run; of events with the same identity the first one counts, as in metrics_svc."""

    async def look() -> Run:
        distinct: dict[str, StageEvent] = {}
        for event in await lab.stage_events():
            distinct.setdefault(event.event_id, event)
        mine = [event for event in distinct.values() if event.generation == generation]
        ends = [event for event in mine if event.attempt == 0]
        assert len(ends) == 1, "the run has not ended, or twice"
        return Run(ends[0], [event for event in mine if event.attempt])

    return await eventually(look, within_seconds=30)


async def lose(lab: Lab, stage: Stage) -> None:
    """Hand a piece of work out again."""
    fence = (await lab.video()).step(stage).fence
    await lab.progress.apply(VIDEO, lambda video: advance(video, Lost(stage, fence), now=lab.clock.now()))


class Mute(Bus):
    """From its last words on nothing goes out."""

    def __init__(self, bus: Bus, last_words: str) -> None:
        super().__init__(bus._client)
        self._last_words, self._is_dead = last_words, False

    async def publish(self, outgoing: Outgoing, *, patience_seconds: float = 30.0) -> int:
        """Publish, unless it is dead."""
        self._is_dead = self._is_dead or f".{self._last_words}." in outgoing.subject
        if self._is_dead:
            raise UpstreamUnavailable("killed")
        return await super().publish(outgoing, patience_seconds=patience_seconds)


class ForgetfulStore(BlobStore):
    """Lies about the first result."""

    lies = 1

    async def put(self, key: str, content: bytes) -> None:
        """Write, and perhaps deny it."""
        await super().put(key, content)
        if self.lies and "/results/" in key:
            self.lies -= 1
            raise UpstreamUnavailable("the answer was lost", reason="BLOB_STORE_UNAVAILABLE")
