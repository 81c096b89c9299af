"""What the object store holds, of which video and of which kind: sorted by keys, compared with what was told before."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from chassis.core.ids import owner_key

__all__ = ["NO_VIDEO", "ExportHolder", "Holding", "Inventory", "Kind", "Told", "export_of", "place_of", "what_changed"]

NO_VIDEO = ""
_REGISTERING = timedelta(minutes=10)
"""How long the file of an upload may lie where it belongs before its video is registered."""
_BELIEVED_AHEAD = timedelta(minutes=5)
"""A measurement further in the future was made by a clock that was wrong; it does not bar later ones."""
_KEY = re.compile(r"users/(?P<owner>[A-Za-z0-9_-]+)/videos/(?P<video>[A-Za-z0-9_-]+)/(?P<rest>.+)", re.DOTALL)
_EXPORT_KEY = re.compile(r"exports/[A-Za-z0-9_-]+/(?P<export>[A-Za-z0-9_-]+)\.(?:mp4|jpg|srt|vtt)")
_OF_A_RUN = re.compile(r"g[0-9]+/(?P<rest>.+)", re.DOTALL)


class Kind(StrEnum):
    """What objects are."""

    SOURCE = "source"
    AUDIO = "audio"
    KEYFRAME = "keyframe"
    THUMBNAIL = "thumbnail"
    RESULT = "result"
    EXPORT = "export"
    OTHER = "other"
    UPLOAD = "upload"
    """On its way in; belongs to no video yet."""
    ORPHAN = "orphan"
    """Belongs to no known video."""


_FOLDERS = {
    "results": Kind.RESULT,
    "keyframes": Kind.KEYFRAME,
    "thumbnails": Kind.THUMBNAIL,
    "exports": Kind.EXPORT,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object belongs by its key; what belongs to no video has a kind alone."""

    owner_key: str
    video_id: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Holding:
    """What the store holds of one video, bytes by kind; of NO_VIDEO what belongs to none."""

    video_id: str
    owner_id: str
    kinds: Mapping[Kind, int]


@dataclass(frozen=True, slots=True)
class Told:
    """How many bytes of one kind were last told, and when they were measured."""

    bytes: int
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class ExportHolder:
    """Whose an export is, and to which video its bytes are counted: the first one that it shows, which may be gone."""

    video_id: str
    owner_id: str


def export_of(key: str) -> str | None:
    """Return the export that an object belongs to by its key; None for every other object."""
    match = _EXPORT_KEY.fullmatch(key)
    return match["export"] if match else None


def place_of(key: str) -> Place:
    """Return where an object belongs; what has no place in our layout is an orphan."""
    match = _KEY.fullmatch(key)
    if match is None:
        return Place("", NO_VIDEO, Kind.UPLOAD if key.startswith("uploads/") else Kind.ORPHAN)
    return Place(match["owner"], match["video"], _kind_of(match["rest"]))


def _kind_of(rest: str) -> Kind:
    if rest == "source":
        return Kind.SOURCE
    run = _OF_A_RUN.fullmatch(rest)
    folder, _, name = (run["rest"] if run else rest).partition("/")
    if name:
        return _FOLDERS.get(folder, Kind.OTHER)
    return Kind.AUDIO if run and folder.startswith("audio.") else Kind.OTHER


@dataclass(slots=True)
class _Heap:
    kinds: defaultdict[Kind, int] = field(default_factory=lambda: defaultdict(int))
    newest: datetime | None = None


class Inventory:
    """What a listing found; every byte of it ends in exactly one holding."""

    def __init__(self) -> None:
        self._heaps: defaultdict[tuple[str, str], _Heap] = defaultdict(_Heap)
        self._exports: defaultdict[str, int] = defaultdict(int)

    def add(self, key: str, size_bytes: int, modified_at: datetime) -> None:
        """Take an object in."""
        export = export_of(key)
        if export is not None:
            self._exports[export] += size_bytes
            return
        place = place_of(key)
        heap = self._heaps[place.owner_key, place.video_id]
        heap.kinds[place.kind] += size_bytes
        heap.newest = max(heap.newest or modified_at, modified_at)

    @property
    def video_ids(self) -> Collection[str]:
        """The videos that the keys name, known or not."""
        return {video for _, video in self._heaps if video != NO_VIDEO}

    def unknown(self, owners: Mapping[str, str]) -> list[str]:
        """Return the prefixes of what belongs to no known video, or not to its owner."""
        return [f"users/{key}/videos/{video}" for key, video in self._heaps if video and not _owns(owners, key, video)]

    def without(self, prefix: str) -> None:
        """Forget what was found below the prefix of a video."""
        _, key, _, video = prefix.split("/", 3)
        del self._heaps[key, video]

    def holdings(
        self, owners: Mapping[str, str], now: datetime, exports: Mapping[str, ExportHolder] = MappingProxyType({})
    ) -> list[Holding]:
        """Return what each video holds, and last what belongs to none.

        `owners` are those of known videos, `exports` the holders of known exports.
        """
        videos: dict[str, tuple[str, defaultdict[Kind, int]]] = {}
        stray = dict.fromkeys((Kind.UPLOAD, Kind.ORPHAN), 0)
        for (key, video), heap in self._heaps.items():
            if video and _owns(owners, key, video):
                videos[video] = owners[video], heap.kinds.copy()
            elif video:
                is_fresh = heap.newest is not None and heap.newest > now - _REGISTERING
                stray[Kind.UPLOAD if is_fresh else Kind.ORPHAN] += sum(heap.kinds.values())
            else:
                for kind, number in heap.kinds.items():
                    stray[kind] += number
        for export, size in self._exports.items():
            holder = exports.get(export)
            if holder is None:
                stray[Kind.ORPHAN] += size
            else:
                _, kinds = videos.setdefault(holder.video_id, (holder.owner_id, defaultdict(int)))
                kinds[Kind.EXPORT] += size
        found = [Holding(video, owner, dict(kinds)) for video, (owner, kinds) in videos.items()]
        return [*found, Holding(NO_VIDEO, "", stray)]


def what_changed(
    found: Mapping[Kind, int], told: Mapping[Kind, Told], *, measured_at: datetime, now: datetime, tell_before: datetime
) -> dict[Kind, int]:
    """Return the kinds to tell of, with their bytes: those that differ, and those that were told before `tell_before`.

    What was measured later than `measured_at` is newer than this and stays.
    """
    changed = {}
    for kind in _kinds(found, told):
        before, size = told.get(kind), found.get(kind, 0)
        if before is None:
            if size:
                changed[kind] = size
        elif measured_at <= before.measured_at <= now + _BELIEVED_AHEAD:
            continue
        elif size != before.bytes or before.measured_at < tell_before:
            changed[kind] = size
    return changed


def _kinds(*parts: Iterable[Kind]) -> list[Kind]:
    return [kind for kind in Kind if any(kind in part for part in parts)]


def _owns(owners: Mapping[str, str], key: str, video: str) -> bool:
    return video in owners and owner_key(owners[video]) == key
