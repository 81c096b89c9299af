from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from metrics_svc.domain.buckets import BOUNDS_NS, bucket_of, bucket_span

durations = st.integers(0, (1 << 63) - 1)


def test_bounds_rise_from_zero_and_are_two_per_doubling():
    assert BOUNDS_NS[0] == 0
    assert list(BOUNDS_NS) == sorted(set(BOUNDS_NS))
    assert BOUNDS_NS[3] == 2 * BOUNDS_NS[1]


def test_spans_touch_each_other():
    spans = [bucket_span(number) for number in range(1, len(BOUNDS_NS) + 1)]

    assert all(left[1] == right[0] for left, right in pairwise(spans))


@given(durations)
def test_every_length_has_exactly_one_bucket(duration_ns):
    start, end = bucket_span(bucket_of(duration_ns))

    assert start <= duration_ns < end or duration_ns == end == (1 << 63) - 1
