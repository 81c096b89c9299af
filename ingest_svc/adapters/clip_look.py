"""Looks at sources, and copies streams, in children of the media sandbox."""

from collections.abc import Mapping
from pathlib import Path

from chassis.core.errors import UnreadableMedia
from ingest_svc.adapters.media_process import absolute
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.exports.cutting.looks import SourceLook, read_look
from ingest_svc.domain.media_failures import nonsense
from ingest_svc.domain.probe import RefusalReason
from ingest_svc.domain.strict_json import items, mapping, own_file, whole
from ingest_svc.exports.ports import Clip, ClipSource, Progress

__all__ = ["copy_streams", "look_at"]

_LOOK_SECONDS = 60.0
_COPY_SECONDS = 300.0


async def look_at(sandbox: MediaSandbox, clip: Clip, folder: Path) -> tuple[SourceLook, ...]:
    """Look at the beginning of every cut of a clip.

    Raises:
        UnreadableMedia: a source can not be used.
        UpstreamUnavailable: the child was killed from outside; try again.
    """
    request: dict[str, object] = {"sources": [_request(source) for source in clip.sources]}
    answer = await sandbox.ask("inspect", request, folder, _LOOK_SECONDS + 5 * len(clip.sources))
    try:
        looks = items(mapping(answer), "looks", len(clip.sources))
        if len(looks) != len(clip.sources):
            raise nonsense()
        return tuple(read_look(look) for look in looks)
    except ValueError as error:
        raise nonsense() from error


async def copy_streams(
    sandbox: MediaSandbox, source: ClipSource, folder: Path, name: str, on_progress: Progress | None
) -> int:
    """Copy the streams of a cut to `folder/name`, and return how many pictures there are.

    Raises:
        UnreadableMedia: the source is not what the look said.
        UpstreamUnavailable: the child was killed from outside, or the scratch space is full; try again.
    """
    request = {"source": _request(source), "name": name}
    answer = await sandbox.ask("copy", request, folder, _COPY_SECONDS, on_progress)
    try:
        own_file(folder / name)
        return whole(mapping(answer), "pictures", low=1)
    except ValueError as error:
        raise nonsense() from error


def _request(source: ClipSource) -> Mapping[str, object]:
    video, audio = source.facts.video, source.facts.audio
    if video is None:
        raise UnreadableMedia(
            "The file has no pictures to make a clip of; choose a video.", reason=RefusalReason.NO_STREAMS
        )
    return {
        "path": absolute(source.path),
        "video": video.index,
        "audio": None if audio is None else audio.index,
        "start_ns": source.span.start_ns,
        "end_ns": source.span.end_ns,
    }
