"""Reads which streams a file has, through the media sandbox: its header alone, so that a long file costs nothing."""

from dataclasses import replace
from pathlib import Path

from heimdex.ingest.v1 import video_pb2
from ingest_svc.adapters.media_process import absolute
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.domain.media_failures import nonsense
from ingest_svc.domain.media_report import read_probe
from ingest_svc.domain.probe import MediaFacts

__all__ = ["SandboxOutliner"]


class SandboxOutliner:
    """Outlines files in children of the media sandbox.

    Args:
        sandbox: entered by its owner.
    """

    def __init__(self, sandbox: MediaSandbox) -> None:
        self._sandbox = sandbox

    async def outline(self, path: Path, out_dir: Path, info: video_pb2.MediaInfo, duration_ns: int) -> MediaFacts:
        """Return the facts about a file that was measured before: its streams by the header, the rest as measured.

        Raises:
            UnreadableMedia: the file can not be opened.
            UpstreamUnavailable: the child was killed from outside, or the scratch space is full; try again.
        """
        request = {"path": absolute(path)}
        answer = await self._sandbox.ask("outline", request, out_dir, self._sandbox.limits.probe_seconds)
        try:
            facts = read_probe(answer, out_dir=out_dir, audio_name="").facts
        except (ValueError, KeyError) as error:
            raise nonsense() from error
        return _measured(facts, info, duration_ns)


def _measured(facts: MediaFacts, info: video_pb2.MediaInfo, duration_ns: int) -> MediaFacts:
    if facts.video is None:
        return replace(facts, duration_ns=duration_ns)
    video = replace(
        facts.video,
        width=info.width or facts.video.width,
        height=info.height or facts.video.height,
        rotation_degrees=info.rotation_degrees,
        fps=info.fps or facts.video.fps,
        is_vfr=info.is_variable_frame_rate,
        pixel_format=info.pixel_format or facts.video.pixel_format,
        bit_depth=info.bit_depth,
    )
    tracks = tuple(video if track.index == video.index else track for track in facts.video_tracks)
    return replace(facts, duration_ns=duration_ns, video=video, video_tracks=tracks)
