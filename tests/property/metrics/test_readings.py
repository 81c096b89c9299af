from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_svc.domain.answers.quantiles import FRACTIONS
from metrics_svc.domain.answers.readings import Tally, gathered, quantiles_of, summary_of
from metrics_svc.domain.events.sketch import Sketch

values = st.integers(0, (1 << 63) - 1) | st.integers(0, 100) | st.integers(10**6, 10**12)
samples = st.lists(st.none() | values, max_size=30)


def tally_of(lengths, approximate=0):
    known = [length for length in lengths if length is not None]
    sketch = Sketch.of(known)
    about = min(approximate, len(known))
    counts = (len(known) - about, about, len(lengths) - len(known))
    return Tally(*counts, sketch.total, sketch.smallest, sketch.largest, sketch.bins.astype("u2"), sketch.counts)


def content(tally):
    exact = (tally.measured, tally.approximate, tally.missing, tally.total, tally.smallest, tally.largest)
    return (*exact, tally.bins.tolist(), tally.counts.tolist())


@given(st.lists(st.tuples(samples, st.integers(0, 5)), min_size=1, max_size=8), st.randoms())
def test_merging_is_counting_everything_at_once_in_any_order_and_grouping(parts, chance):
    tallies = [tally_of(*part) for part in parts]
    at_once = tally_of([length for lengths, _ in parts for length in lengths], sum(one.approximate for one in tallies))
    chance.shuffle(tallies)

    assert content(Tally.merged(tallies)) == content(at_once)
    assert content(reduce(lambda left, right: Tally.merged((left, right)), tallies)) == content(at_once)


@given(st.lists(st.tuples(st.integers(0, 60), samples), max_size=100))
def test_many_groups_merged_at_once_are_each_merged_alone(pairs):
    tallies = [(key, tally_of(lengths)) for key, lengths in pairs]
    found = gathered((key or None, tally) for key, tally in tallies)

    assert {key: content(tally) for key, tally in found.items()} == {
        wanted: content(Tally.merged([tally for key, tally in tallies if key == wanted])) for wanted in found
    }
    assert set(found) == {key for key, _ in pairs if key}


@given(st.lists(samples.filter(any), min_size=1, max_size=8))
def test_quantiles_of_many_are_those_of_each_bit_for_bit(parts):
    tallies = [tally_of(lengths) for lengths in parts if any(length is not None for length in lengths)]
    each = [Sketch.of([ns for ns in lengths if ns is not None]).quantiles(FRACTIONS) for lengths in parts]

    assert quantiles_of(tallies).tolist() == [list(one) for one in each]


@given(st.lists(values, min_size=1, max_size=200))
def test_percentiles_are_within_half_a_percent_of_percentile_cont_and_the_mean_is_exact(lengths):
    """R-AD2-01."""
    told = summary_of(tally_of(lengths), 1.0)
    exact = np.percentile(np.array(lengths, np.float64), [100 * fraction for fraction in FRACTIONS])

    assert told.quantiles is not None
    assert [told.quantiles.p50, told.quantiles.p95, told.quantiles.p99] == pytest.approx(exact, rel=0.005)
    assert (told.count, told.mean) == (len(lengths), sum(lengths) / len(lengths))


def test_of_nothing_nothing_is_told():
    """R-STG-11."""
    assert summary_of(Tally(missing=3), 1.0).quantiles is None
    assert summary_of(Tally(missing=3), 1.0).mean is None
