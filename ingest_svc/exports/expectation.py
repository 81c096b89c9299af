"""What a clip is to be like, said before it is made: the checker is given this, and nothing of how it was made."""

from collections.abc import Sequence

from ingest_svc.domain.exports.checking.expected import Expected, Origin
from ingest_svc.domain.exports.values import Sighting
from ingest_svc.exports.ports import Clip, ClipSource

__all__ = ["expected_of"]


def expected_of(
    clip: Clip,
    *,
    subjects: Sequence[Sequence[Sighting]] = (),
    caption_boxes: Sequence[tuple[float, float, float, float]] = (),
    is_stream_copy: bool = False,
) -> Expected:
    """Return what a clip is held against.

    Args:
        clip: what is to be made.
        subjects: per source, what the frame has to hold; times from the start of its cut.
        caption_boxes: left, top, width and height of every caption, as parts of the frame.
        is_stream_copy: whether the streams were copied as they are.
    """
    lengths_ns = tuple(source.span.length_ns for source in clip.sources)
    origins = tuple(origin for source in clip.sources if (origin := _origin(source)) is not None)
    return Expected(
        duration_ns=sum(lengths_ns),
        encoding=clip.encoding,
        has_sound=any(source.facts.audio is not None for source in clip.sources),
        loudness_lufs=clip.loudness_lufs,
        lengths_ns=lengths_ns,
        cameras=tuple(source.camera for source in clip.sources),
        subjects=tuple(tuple(seen) for seen in subjects),
        caption_boxes=tuple(caption_boxes),
        origins=origins if len(origins) == len(clip.sources) else (),
        is_stream_copy=is_stream_copy,
    )


def _origin(source: ClipSource) -> Origin | None:
    video = source.facts.video
    if video is None:
        return None
    return Origin(
        path=source.path,
        stream_index=video.index,
        width=video.width,
        height=video.height,
        rotation_degrees=video.rotation_degrees,
        span=source.span,
        strategy=source.strategy,
    )
