"""Which words of a transcript are used."""

from heimdex.ingest.v1 import video_pb2
from ingest_svc.domain.exports.values import SpokenWord
from ingest_svc.exports.speech import spoken_words


def segment(*words: tuple[str, float, float], marks=(), text="", start=0.0, end=0.0):
    return video_pb2.TranscriptSegment(
        start_s=start,
        end_s=end,
        text=text,
        words=[video_pb2.Word(text=one, start_s=a, end_s=b) for one, a, b in words],
        trust_marks=marks,
    )


def found(*segments: video_pb2.TranscriptSegment):
    return spoken_words(video_pb2.Transcript(segments=segments))


def test_words_of_marked_segments_do_not_count():
    invented = segment(("no", 1.0, 2.0), marks=["LOW_CONFIDENCE"])

    assert found(invented, segment(("yes", 3.0, 3.5))) == (SpokenWord("yes", 3_000_000_000, 3_500_000_000),)


def test_words_are_in_order_of_time():
    assert [one.text for one in found(segment(("b", 2, 3)), segment(("a", 1, 2)))] == ["a", "b"]


def test_a_segment_without_words_is_one_word():
    assert found(segment(text="a whole phrase", start=1, end=2)) == (
        SpokenWord("a whole phrase", 1_000_000_000, 2_000_000_000),
    )


def test_odd_times_and_empty_words_are_left_out_and_no_word_ends_before_it_begins():
    odd = [
        ("nan", float("nan"), 1.0),
        ("inf", 0.0, float("inf")),
        ("before", -1.0, 1.0),
        (" ", 0.0, 1.0),
        ("back", 2.0, 1.0),
    ]

    assert found(segment(*odd)) == (SpokenWord("back", 2_000_000_000, 2_000_000_000),)
