from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metrics_svc.domain.answers.buckets import BOUNDS_NS, bucket_of, bucket_span, counts_by_bucket
from metrics_svc.domain.events.sketch import Sketch, bins_of

durations = st.integers(0, (1 << 63) - 1) | st.sampled_from(BOUNDS_NS).flatmap(
    lambda bound: st.integers(max(0, bound - 2), bound + 2)
)


def test_bounds_rise_from_zero_by_about_the_square_root_of_two():
    assert BOUNDS_NS[0] == 0
    assert 0.98e6 < BOUNDS_NS[1] < 1.02e6
    assert all(1.40 < right / left < 1.42 for left, right in pairwise(BOUNDS_NS[1:]))


def test_every_bound_is_the_smallest_value_of_a_bin():
    """So that a column holds whole bins, and its count is exact."""
    bounds = np.array(BOUNDS_NS[1:])

    assert (bins_of(bounds) == bins_of(bounds - 1) + 1).all()


def test_spans_touch_each_other():
    spans = [bucket_span(number) for number in range(1, len(BOUNDS_NS) + 1)]

    assert all(left[1] == right[0] for left, right in pairwise(spans))


@given(durations)
def test_every_length_has_exactly_one_bucket(duration_ns):
    start, end = bucket_span(bucket_of(duration_ns))

    assert start <= duration_ns < end or duration_ns == end == (1 << 63) - 1


@given(st.lists(durations, max_size=50))
def test_counts_from_a_sketch_are_those_of_the_lengths(lengths):
    sketch = Sketch.of(lengths)
    numbers = [bucket_of(length) for length in lengths]

    assert counts_by_bucket(sketch.bins, sketch.counts) == {one: numbers.count(one) for one in sorted(set(numbers))}
