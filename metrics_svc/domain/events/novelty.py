"""Which events are new, which came again, and which came again and say something else: what came first stands."""

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from metrics_svc.domain.events.samples import Sample, VideoRun

__all__ = ["Contradiction", "Novelty", "identity", "sift"]

_OF_ARRIVAL = frozenset({"event_id", "counted_us", "is_clock_corrected"})
"""Fields that may differ between two arrivals of the same event."""


class Contradiction(NamedTuple):
    """An event that was not applied; `differences` is JSON, by field: what stands and what was told."""

    event_id: str
    owner_id: str
    differences: str


@dataclass(frozen=True, slots=True)
class Novelty:
    """What becomes of samples of one kind: those that are new in their order, and their places among all."""

    new: list[Any] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    repeated: int = 0
    contradictions: list[Contradiction] = field(default_factory=list)


def identity(sample: Sample) -> Hashable:
    """Return by what else than its id a sample is known: the end of a run, by the run; a run ends once."""
    return (sample.video_id, sample.generation) if isinstance(sample, VideoRun) else sample.event_id


def sift(samples: Sequence[Sample], known: Iterable[Sample]) -> Novelty:
    """Tell the new samples from the repeated ones, given those that are kept already."""
    stands: dict[Hashable, Sample] = {}
    for sample in known:
        stands[sample.event_id] = stands[identity(sample)] = sample
    places: list[int] = []
    contradictions: list[Contradiction] = []
    for place, sample in enumerate(samples):
        first = stands.get(sample.event_id) or stands.get(identity(sample))
        if first is None:
            places.append(place)
            stands[sample.event_id] = stands[identity(sample)] = sample
        elif differences := _differences(first, sample):
            contradictions.append(Contradiction(sample.event_id, sample.owner_id, json.dumps(differences)))
    repeated = len(samples) - len(places) - len(contradictions)
    return Novelty([samples[place] for place in places], places, repeated, contradictions)


def _differences(first: Sample, second: Sample) -> Mapping[str, tuple[Any, Any]]:
    """Return what a second arrival says otherwise; one that was filled in later does not gainsay what was measured."""
    if first[1:] == second[1:] or _is_filled_in_later(first, second):
        return {}
    return {
        name: (stands, told)
        for name, stands, told in zip(first._fields, first, second, strict=True)
        if stands != told and name not in _OF_ARRIVAL
    }


def _is_filled_in_later(first: Sample, second: Sample) -> bool:
    return getattr(second, "is_backfilled", False) and not getattr(first, "is_backfilled", False)
