import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from inference_svc.codec import segment_from_proto, segment_to_proto, spoken_between
from inference_svc.domain.audio_windows import Span, plan_windows, voiced_share
from inference_svc.domain.batching import BatchPolicy, Waiting, plan_batch
from inference_svc.domain.transcript import RawSegment, Word, normalise_segments

times = st.floats(-5, 120, allow_nan=False)


@st.composite
def voices(draw: st.DrawFn) -> tuple[Span, ...]:
    edges = sorted(draw(st.lists(st.floats(0, 100, allow_nan=False), max_size=12, unique=True)))
    return tuple(Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False))


words = st.builds(Word, st.sampled_from([" a", " bee", "-see", "。", " ", ""]), times, times, st.floats(-1, 2))
raws = st.builds(
    RawSegment,
    st.sampled_from(["hello there", " x ", "", "\n"]),
    times,
    times,
    st.lists(words, max_size=6).map(tuple),
    st.floats(-3, 0),
    st.floats(0, 1),
    st.floats(0, 5),
)


@given(st.floats(0, 500), voices(), st.floats(1, 60))
def test_windows_cover_a_recording_exactly_and_none_is_too_long(
    duration: float, voiced: tuple[Span, ...], longest: float
) -> None:
    windows = plan_windows(duration, voiced, max_seconds=longest)

    assert (windows[0].start, windows[-1].end) == (0, duration) if duration else windows == ()
    assert all(a.end == b.start for a, b in pairwise(windows))
    assert all(0 < w.seconds <= longest * (1 + 1e-9) for w in windows)


@given(voices(), st.floats(0, 50), st.floats(0, 50))
def test_a_share_of_voice_is_a_share(voiced: tuple[Span, ...], start: float, length: float) -> None:
    assert 0 <= voiced_share(Span(start, start + length), voiced) <= 1


@given(st.lists(raws, max_size=6), st.floats(0, 100), voices())
def test_whatever_a_recogniser_says_the_transcript_is_ordered_and_inside_the_recording(
    heard: list[RawSegment], duration: float, voiced: tuple[Span, ...]
) -> None:
    """R-ING-06."""
    segments = normalise_segments(heard, duration=duration, voiced=voiced)
    spoken = [word for segment in segments for word in segment.words]

    assert [s.index for s in segments] == list(range(len(segments)))
    assert all(0 <= s.start < s.end <= duration for s in segments)
    assert all(s.start <= w.start <= w.end <= s.end and 0 <= w.probability <= 1 for s in segments for w in s.words)
    assert all(a.end <= b.start for a, b in pairwise(spoken))


@given(st.lists(raws, max_size=6), voices(), st.lists(st.floats(0, 100), max_size=5))
def test_scenes_share_out_the_trusted_words_without_loss(
    heard: list[RawSegment], voiced: tuple[Span, ...], cuts: list[float]
) -> None:
    """R-ING-09."""
    segments = normalise_segments(heard, duration=100.0, voiced=voiced)
    edges = [0.0, *sorted(cuts), math.inf]
    parts = [spoken_between(segments, a, b)[1] for a, b in pairwise(edges)]

    assert [w for part in parts for w in part] == [w for s in segments if s.is_trusted for w in s.words]


@given(st.lists(raws, max_size=4), voices())
def test_a_segment_survives_the_wire(heard: list[RawSegment], voiced: tuple[Span, ...]) -> None:
    for segment in normalise_segments(heard, duration=100.0, voiced=voiced):
        assert segment_from_proto(segment_to_proto(segment)) == segment


queues = st.lists(st.builds(Waiting, st.integers(1, 40), st.floats(0, 10), st.floats(0, 20)), max_size=12)


@given(queues, st.floats(0, 20), st.floats(0, 5), st.integers(1, 32))
def test_a_batch_is_the_oldest_living_requests_within_its_bound(
    queue: list[Waiting], now: float, last: float, most: int
) -> None:
    policy = BatchPolicy(most)
    plan = plan_batch(queue, now_seconds=now, last_batch_seconds=last, policy=policy)
    alive = [place for place, w in enumerate(queue) if w.expires_seconds > now]

    assert set(plan.drop) == set(range(len(queue))) - set(alive)
    assert list(plan.take) == alive[: len(plan.take)]
    assert len(plan.take) <= 1 or sum(queue[p].items for p in plan.take) <= most
    assert not (plan.take and plan.wait_seconds)
    assert 0 <= plan.wait_seconds <= policy.max_linger_seconds + max(0.0, *(w.arrived_seconds for w in queue), 0.0)


@given(queues, st.floats(0, 5), st.integers(1, 32))
def test_nobody_waits_for_company_longer_than_the_linger(queue: list[Waiting], last: float, most: int) -> None:
    """Once the linger is over, whoever lives is taken."""
    policy = BatchPolicy(most)
    now = max([w.arrived_seconds for w in queue], default=0.0) + policy.max_linger_seconds
    plan = plan_batch(queue, now_seconds=now, last_batch_seconds=last, policy=policy)

    assert bool(plan.take) == any(w.expires_seconds > now for w in queue)
