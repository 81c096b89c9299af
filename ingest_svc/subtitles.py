"""A transcript as a file: SRT, WebVTT or plain text."""

from collections.abc import Iterable

from chassis.core.mediatime import ns_from_seconds
from heimdex.ingest.v1 import video_pb2
from ingest_svc.domain import cue_files
from ingest_svc.domain.cue_files import Cue, one_line

__all__ = ["to_srt", "to_txt", "to_vtt"]


def _trusted(transcript: video_pb2.Transcript) -> Iterable[video_pb2.TranscriptSegment]:
    return (segment for segment in transcript.segments if not segment.trust_marks)


def _cues(transcript: video_pb2.Transcript) -> Iterable[Cue]:
    for one in _trusted(transcript):
        yield Cue(ns_from_seconds(one.start_s), ns_from_seconds(one.end_s), (one.text,))


def to_srt(transcript: video_pb2.Transcript) -> str:
    """Return SubRip text."""
    return cue_files.to_srt(_cues(transcript))


def to_vtt(transcript: video_pb2.Transcript) -> str:
    """Return WebVTT text."""
    return cue_files.to_vtt(_cues(transcript))


def to_txt(transcript: video_pb2.Transcript) -> str:
    """Return one line per segment."""
    return "".join(f"{one_line(segment.text)}\n" for segment in _trusted(transcript))
