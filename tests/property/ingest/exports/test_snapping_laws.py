"""What holds for every clip and every transcript, however odd."""

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.core.mediatime import TimeSpan
from ingest_svc.domain.exports.proposing.snapping import LONGEST_NS, REACH_NS, snap
from ingest_svc.domain.exports.values import SpokenWord

MS = 1_000_000
LENGTH = 400_000
instants = st.integers(0, LENGTH + 2_000).map(lambda ms: ms * MS)
words = st.lists(
    st.tuples(instants, st.integers(0, 3_000)).map(lambda one: SpokenWord("w", one[0], one[0] + one[1] * MS)),
    max_size=40,
)
spans = st.tuples(st.integers(0, LENGTH - 1), st.integers(1, 180_000)).map(
    lambda one: TimeSpan(one[0] * MS, min(one[0] + one[1], LENGTH) * MS)
)
close_words = st.tuples(spans, st.lists(st.tuples(st.integers(-1_500, 1_500), st.integers(0, 600)), max_size=12))
silences = st.lists(st.tuples(instants, instants).map(lambda one: TimeSpan(*sorted(one))), max_size=4)


def near(span, offsets):
    """Words around both ends, where they matter."""
    ends = (span.start_ns, span.end_ns)
    return [
        SpokenWord("w", max(0, end + at * MS), max(0, end + at * MS) + long * MS)
        for end in ends
        for at, long in offsets
    ]


@given(close_words, words, silences)
def test_a_snapped_clip_keeps_every_promise(placed, elsewhere, quiet):
    """R-EXP-06: not through a word unless nothing quiet is in reach, at most a second away, in the video, not empty."""
    span, offsets = placed
    said = near(span, offsets) + elsewhere
    found = snap(span, said, length_ns=LENGTH * MS, silences=quiet)

    assert abs(found.start_ns - span.start_ns) <= REACH_NS
    assert abs(found.end_ns - span.end_ns) <= REACH_NS
    assert 0 <= found.start_ns < found.end_ns <= LENGTH * MS
    assert found.length_ns <= LONGEST_NS
    for before, after in ((span.start_ns, found.start_ns), (span.end_ns, found.end_ns)):
        assert before == after or not any(one.start_ns < after < one.end_ns for one in said)


@given(close_words, st.integers(300, 2_000))
def test_what_begins_and_ends_in_a_pause_stays(placed, room):
    """A pause with room for the air on both sides of the cut needs no move."""
    span, offsets = placed
    free = (TimeSpan(max(0, at - room * MS), at + room * MS) for at in (span.start_ns, span.end_ns))
    pauses = list(free)
    said = [
        w for w in near(span, offsets) if not any(w.start_ns <= p.end_ns and p.start_ns <= w.end_ns for p in pauses)
    ]
    said.append(SpokenWord("w", (LENGTH + 9_000) * MS, (LENGTH + 9_500) * MS))

    assert snap(span, said, length_ns=LENGTH * MS) == span


@settings(max_examples=50)
@given(close_words)
def test_the_order_of_the_words_does_not_matter(placed):
    span, offsets = placed
    said = near(span, offsets)

    assert snap(span, said, length_ns=LENGTH * MS) == snap(span, said[::-1], length_ns=LENGTH * MS)
