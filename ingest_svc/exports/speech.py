"""What is said in a video, as far as it can be trusted: the words of a stored transcript."""

import math
from collections.abc import Iterator, Sequence

from chassis.core.mediatime import ns_from_seconds
from heimdex.ingest.v1 import video_pb2
from ingest_svc.domain.exports.values import SpokenWord

__all__ = ["spoken_words"]

_LATEST_S = 1e9


def spoken_words(transcript: video_pb2.Transcript) -> tuple[SpokenWord, ...]:
    """Return the words of every segment without trust marks, in order of time; times are those of the video.

    A segment without words is one word that lasts as long as it does. Words with times that are no numbers, or that lie
    before the video, are left out.
    """
    words = (word for segment in transcript.segments if not segment.trust_marks for word in _words(segment))
    return tuple(sorted(words, key=lambda one: (one.start_ns, one.end_ns)))


def _words(segment: video_pb2.TranscriptSegment) -> Iterator[SpokenWord]:
    told: Sequence[video_pb2.Word] = segment.words or (
        video_pb2.Word(text=segment.text, start_s=segment.start_s, end_s=segment.end_s),
    )
    for word in told:
        known = math.isfinite(word.start_s) and math.isfinite(word.end_s)
        if known and 0 <= word.start_s <= _LATEST_S and word.end_s <= _LATEST_S and word.text.strip():
            start = ns_from_seconds(word.start_s)
            yield SpokenWord(word.text, start, max(start, ns_from_seconds(word.end_s)))
