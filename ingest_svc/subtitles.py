"""A transcript as a file: SRT, WebVTT or plain text."""

from collections.abc import Iterable

from heimdex.ingest.v1 import video_pb2

__all__ = ["to_srt", "to_txt", "to_vtt"]


def _clock(seconds: float, mark: str) -> str:
    milliseconds = max(0, round(seconds * 1000))
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"


def _trusted(transcript: video_pb2.Transcript) -> Iterable[video_pb2.TranscriptSegment]:
    return (segment for segment in transcript.segments if not segment.trust_marks)


def _line(text: str) -> str:
    """Return one line that can not end a cue or begin a new one."""
    return " ".join(text.split()).replace("-->", "->")


def to_srt(transcript: video_pb2.Transcript) -> str:
    """Return SubRip text."""
    cues = (
        f"{number}\n{_clock(segment.start_s, ',')} --> {_clock(segment.end_s, ',')}\n{_line(segment.text)}\n"
        for number, segment in enumerate(_trusted(transcript), 1)
    )
    return "\n".join(cues)


def to_vtt(transcript: video_pb2.Transcript) -> str:
    """Return WebVTT text."""
    escaped = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
    cues = (
        f"\n{_clock(segment.start_s, '.')} --> {_clock(segment.end_s, '.')}\n{_line(segment.text).translate(escaped)}\n"
        for segment in _trusted(transcript)
    )
    return "WEBVTT\n" + "".join(cues)


def to_txt(transcript: video_pb2.Transcript) -> str:
    """Return one line per segment."""
    return "".join(f"{_line(segment.text)}\n" for segment in _trusted(transcript))
