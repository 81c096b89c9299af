import re

from hypothesis import given
from hypothesis import strategies as st

from heimdex.ingest.v1 import video_pb2
from ingest_svc.subtitles import to_srt, to_txt, to_vtt

SPOKEN = video_pb2.Transcript(
    segments=[
        video_pb2.TranscriptSegment(start_s=0, end_s=1.5, text="Good <morning> & welcome"),
        video_pb2.TranscriptSegment(start_s=2, end_s=3, text="invented", trust_marks=["REPETITION"]),
        video_pb2.TranscriptSegment(start_s=3599.9996, end_s=3661.042, text="two\nlines  --> one"),
    ]
)


def test_subrip_numbers_its_cues_and_leaves_out_what_is_not_trusted():
    assert to_srt(SPOKEN) == (
        "1\n00:00:00,000 --> 00:00:01,500\nGood <morning> & welcome\n"
        "\n2\n01:00:00,000 --> 01:01:01,042\ntwo lines -> one\n"
    )


def test_webvtt_begins_with_its_name_and_escapes_marks():
    assert to_vtt(SPOKEN) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nGood &lt;morning&gt; &amp; welcome\n"
        "\n01:00:00.000 --> 01:01:01.042\ntwo lines -&gt; one\n"
    )


def test_text_has_a_line_per_segment():
    assert to_txt(SPOKEN) == "Good <morning> & welcome\ntwo lines -> one\n"


def test_nothing_said_is_an_empty_file():
    """R-ING-04."""
    assert [write(video_pb2.Transcript()) for write in (to_srt, to_vtt, to_txt)] == ["", "WEBVTT\n", ""]


texts = st.text().filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text))


@given(st.lists(st.tuples(st.floats(0, 1e5), texts), max_size=6))
def test_no_words_can_end_a_cue_or_forge_one(spoken):
    """R-OPS-09: as many cues as segments, whatever is said."""
    segments = [video_pb2.TranscriptSegment(start_s=at, end_s=at + 1, text=text) for at, text in spoken]
    transcript = video_pb2.Transcript(segments=segments)

    for write in (to_srt, to_vtt):
        assert len(re.findall(r"-->", write(transcript))) == len(segments)
        assert sum(1 for line in write(transcript).splitlines() if "-->" in line) == len(segments)
