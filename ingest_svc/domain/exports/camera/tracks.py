"""Who is who from picture to picture: sightings become tracks, and the tracks of a shot are put in order of worth.

A track is one face or one thing over time. Sightings join the track they are nearest to, measured in their own size, so
two people of like size stay two tracks as long as they do not stand on the same spot.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ingest_svc.domain.exports.values import Sighting

__all__ = ["FACE", "Track", "link", "ranked", "usable"]

FACE = "face"

_PATIENCE_NS = 1_500_000_000
"""A track that was not seen for this long has ended."""
_REACH = 1.5
"""How far a thing may be from where it was expected, in its own sizes."""
_MAX_GROWTH = 3.0
_SHAPE_WEIGHT = 0.5
_SLIP = 0.35
"""An edge that is off by more than this part of the box, and back in the next picture, is a mistake of the model."""

_MIN_SIDE = 0.002
_MIN_FACE_SHARE = 0.3
"""A face in fewer of the pictures is no reason to leave a thing that is there all the time."""
_MIN_FACE_HEIGHT = 0.035
"""Smaller faces, as parts of the picture's height, are passers-by."""
_LIVING = frozenset("person bird cat dog horse sheep cow elephant bear zebra giraffe".split())  # noqa: SIM905
_MOVABLE = frozenset(
    "bicycle,car,motorcycle,airplane,bus,train,truck,boat,frisbee,sports ball,kite,skateboard,surfboard".split(",")  # noqa: SIM905
)
_LIVING_WORTH, _MOVABLE_WORTH, _THING_WORTH = 1.0, 0.6, 0.25
_CENTRE_WORTH = 0.3


@dataclass(slots=True)
class Track:
    """One subject over time; sightings in order of time, at most one per instant."""

    kind: str
    sightings: list[Sighting] = field(default_factory=list)

    @property
    def is_face(self) -> bool:
        """Whether it is a face."""
        return self.kind == FACE

    @property
    def is_living(self) -> bool:
        """Whether it is somebody: a face, a person or an animal."""
        return self.is_face or self.kind == "living"

    @property
    def last(self) -> Sighting:
        """The latest sighting."""
        return self.sightings[-1]


def usable(sightings: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """Return what makes sense, clipped to the picture and in order of time: numbers of a model are a stranger's."""
    kept = []
    for seen in sightings:
        numbers = (seen.score, seen.left, seen.top, seen.width, seen.height)
        if not all(math.isfinite(number) for number in numbers) or seen.score <= 0:
            continue
        left, top = max(0.0, seen.left), max(0.0, seen.top)
        right, bottom = min(1.0, seen.left + seen.width), min(1.0, seen.top + seen.height)
        if right - left >= _MIN_SIDE and bottom - top >= _MIN_SIDE:
            kept.append(Sighting(seen.at_ns, seen.label, min(seen.score, 1.0), left, top, right - left, bottom - top))
    return tuple(sorted(kept, key=lambda seen: (seen.at_ns, -seen.score, seen.left, seen.top)))


def link(sightings: Sequence[Sighting], *, shape: float) -> list[Track]:
    """Join usable sightings of one shot to tracks, nearest first; boxes that are wrong for one picture are left out.

    Args:
        sightings: in order of time.
        shape: width of the picture over its height, so that distances are alike in both directions.
    """
    tracks: list[Track] = []
    for at_ns, together in groupby(sightings, key=lambda seen: seen.at_ns):
        now = list(together)
        alive = [track for track in tracks if at_ns - track.last.at_ns <= _PATIENCE_NS]
        pairs = sorted(
            (cost, number, place)
            for number, track in enumerate(alive)
            for place, seen in enumerate(now)
            if (cost := _distance(track, seen, shape)) is not None
        )
        taken_tracks: set[int] = set()
        taken: set[int] = set()
        for _, number, place in pairs:
            if number not in taken_tracks and place not in taken:
                taken_tracks.add(number)
                taken.add(place)
                alive[number].sightings.append(now[place])
        tracks += [Track(_kind(seen.label), [seen]) for place, seen in enumerate(now) if place not in taken]
    return [Track(track.kind, _without_slips(track.sightings)) for track in tracks]


def ranked(tracks: Sequence[Track], *, looks: int) -> list[Track]:
    """Return the tracks that are worth following, best first: faces before things, large and steady ones before others.

    Args:
        tracks: of one shot.
        looks: pictures of the shot that were looked at.
    """
    enough = 2 if looks > 2 else 1  # noqa: PLR2004  (one sighting among many is a mistake of the model)
    lasting = [track for track in tracks if len(track.sightings) >= enough]
    return sorted(lasting, key=lambda track: (_is_main_face(track, looks), strength(track)), reverse=True)


def strength(track: Track) -> float:
    """Return how much a track weighs: how large, how sure, how near the middle and how often; comparable in a shot."""
    worth = _LIVING_WORTH if track.is_living else _MOVABLE_WORTH if track.kind == "movable" else _THING_WORTH
    return worth * sum(_weight(seen) for seen in track.sightings)


def _weight(seen: Sighting) -> float:
    middle = 1 - 2 * abs(seen.left + seen.width / 2 - 0.5)
    return seen.score * math.sqrt(seen.width * seen.height) * (1 + _CENTRE_WORTH * middle)


def _is_main_face(track: Track, looks: int) -> bool:
    if not track.is_face or len(track.sightings) < _MIN_FACE_SHARE * looks:
        return False
    heights = sorted(seen.height for seen in track.sightings)
    return heights[len(heights) // 2] >= _MIN_FACE_HEIGHT


def _without_slips(sightings: list[Sighting]) -> list[Sighting]:
    """Leave out boxes that jump there and back: no subject does that within two pictures."""
    kept = list(sightings[:1])
    for before, seen, after in zip(sightings, sightings[1:], sightings[2:], strict=False):
        usual = [sorted(edges)[1] for edges in zip(*map(_edges, (before, seen, after)), strict=True)]
        sizes = (usual[2] - usual[0], usual[3] - usual[1]) * 2
        jumps = (abs(edge - middle) for edge, middle in zip(_edges(seen), usual, strict=True))
        if all(jump <= _SLIP * size for jump, size in zip(jumps, sizes, strict=True)):
            kept.append(seen)
    return kept + sightings[1:][-1:]


def _edges(seen: Sighting) -> tuple[float, float, float, float]:
    return seen.left, seen.top, seen.left + seen.width, seen.top + seen.height


def _kind(label: str) -> str:
    """Return the family of a label: a detector that wavers between cat and dog sees one animal."""
    if label == FACE:
        return FACE
    if label in _LIVING:
        return "living"
    return "movable" if label in _MOVABLE else label


def _distance(track: Track, seen: Sighting, shape: float) -> float | None:
    """Return how badly a sighting fits a track, None where it can not be the same."""
    last = track.last
    if track.kind != _kind(seen.label):
        return None
    growth = abs(math.log(seen.width * seen.height) - math.log(last.width * last.height)) / 2
    if growth > math.log(_MAX_GROWTH):
        return None
    x, y = _expected(track, seen.at_ns)
    size = math.sqrt(max(seen.width * seen.height, last.width * last.height) * shape)
    away = math.hypot((seen.left + seen.width / 2 - x) * shape, seen.top + seen.height / 2 - y) / size
    return away + _SHAPE_WEIGHT * growth if away <= _REACH else None


def _expected(track: Track, at_ns: int) -> tuple[float, float]:
    """Return where the centre of a track should be: it goes on as it went, half as fast."""
    last = track.last
    x, y = last.left + last.width / 2, last.top + last.height / 2
    if len(track.sightings) < 2:  # noqa: PLR2004
        return x, y
    before = track.sightings[-2]
    ahead = min((at_ns - last.at_ns) / (last.at_ns - before.at_ns), 2.0) / 2
    return (
        x + ahead * (x - before.left - before.width / 2),
        y + ahead * (y - before.top - before.height / 2),
    )
