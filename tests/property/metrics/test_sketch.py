"""The sketch against exact quantiles, on what breaks estimates; merging as a law."""

import itertools
from functools import reduce

import numpy as np
import pytest
from ddsketch import DDSketch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from metrics_svc.domain.events.sketch import (
    GAMMA,
    MAX_VALUE,
    RELATIVE_ERROR,
    SCALE_BINS,
    Sketch,
    bins_of,
    bins_values,
)

FRACTIONS = (0.0, 0.001, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
THIRTY_DAYS_NS = 30 * 86_400 * 10**9
SIZE = 20_000

lengths = st.one_of(
    st.just(0),
    st.integers(1, 200),
    st.integers(1, THIRTY_DAYS_NS),
    st.integers(MAX_VALUE - 1_000, MAX_VALUE),
    st.integers(0, 62).map(lambda bits: 1 << bits),
)
sketches = st.lists(lengths, max_size=40).map(Sketch.of)


def exact(values, fractions=FRACTIONS):
    """What percentile_cont answers: linear between neighbours, in Python's integers, since doubles end at 2^53."""
    ordered = sorted(int(value) for value in values)
    answers = []
    for fraction in fractions:
        position = fraction * (len(ordered) - 1)
        low = int(position)
        high = min(low + 1, len(ordered) - 1)
        answers.append(ordered[low] + (ordered[high] - ordered[low]) * (position - low))
    return tuple(answers)


def adversaries():
    random = np.random.default_rng(5)
    log_uniform = np.exp(random.uniform(0, np.log(THIRTY_DAYS_NS), SIZE))
    return {
        "a constant": np.full(SIZE, 1_234_567_891),
        "zeros": np.zeros(SIZE),
        "one value": np.array([86_400_000_000_001]),
        "two points far apart": np.where(random.random(SIZE) < 0.95, 1, THIRTY_DAYS_NS),
        "two points, half each": np.repeat([1_000, 2_000_000_000], SIZE // 2),
        "two neighbouring values": np.array([10**9, 10**9 + 1]),
        "a Pareto tail without a mean": np.minimum((random.pareto(0.6, SIZE) + 1) * 1e6, 9e18),
        "a lognormal tail": np.minimum(random.lognormal(20, 4, SIZE), 9e18),
        "1 ns to 30 days": log_uniform,
        "mostly zero": np.where(random.random(SIZE) < 0.99, 0, log_uniform),
        "the largest int64": np.append(random.integers(MAX_VALUE - 10**6, MAX_VALUE, SIZE), [MAX_VALUE]),
        "small integers": random.integers(0, 300, SIZE),
        "one per power of two": 2.0 ** np.arange(63),
    }


@pytest.mark.parametrize("name", adversaries())
def test_a_quantile_is_within_half_a_percent_whatever_the_distribution(name):
    """R-AD2-01: against linear interpolation, as percentile_cont does it."""
    values = adversaries()[name].astype(np.int64)

    assert Sketch.of(values).quantiles(FRACTIONS) == pytest.approx(exact(values), rel=RELATIVE_ERROR, abs=0)


@given(st.lists(lengths, min_size=1, max_size=80), st.lists(st.floats(0, 1), min_size=1, max_size=5))
@example([0, MAX_VALUE], [0.5])
def test_a_quantile_is_within_half_a_percent_of_any_few_values(values, fractions):
    assert Sketch.of(values).quantiles(fractions) == pytest.approx(
        exact(values, fractions), rel=RELATIVE_ERROR, abs=1e-300
    )


def test_numpy_and_our_exact_quantiles_are_the_same():
    values = adversaries()["a lognormal tail"].astype(np.int64)

    assert exact(values) == pytest.approx(tuple(np.quantile(values, FRACTIONS)), rel=1e-12)


@given(st.lists(sketches, max_size=6), st.randoms(use_true_random=False))
def test_merging_is_associative_and_commutative_bit_for_bit(parts, random):
    shuffled = random.sample(parts, len(parts))
    cut = random.randint(0, len(parts))
    merged = Sketch.merged(parts)

    assert merged == Sketch.merged(shuffled)
    assert merged == Sketch.merged((Sketch.merged(shuffled[:cut]), Sketch.merged(shuffled[cut:])))
    assert merged == reduce(lambda left, right: Sketch.merged((left, right)), parts, Sketch.empty())


@given(st.lists(st.lists(lengths, max_size=40), max_size=5))
def test_merging_sketches_is_sketching_everything(parts):
    whole = list(itertools.chain.from_iterable(parts))
    merged = Sketch.merged(Sketch.of(part) for part in parts)

    assert merged == Sketch.of(whole)
    assert (merged.count, merged.total) == (len(whole), sum(whole))
    assert (merged.smallest, merged.largest) == ((min(whole), max(whole)) if whole else (None, None))


def test_what_holds_nothing_has_no_quantile():
    assert Sketch.empty().quantiles((0.5,)) is None
    assert Sketch.merged(()) == Sketch.of([]) == Sketch.empty()


def test_bins_cut_exactly_where_the_definition_says():
    """Every seventh edge of the scale, as the exact quotient of two powers, and what lies right above it."""
    numbers = np.arange(1, SCALE_BINS - 1, 7)
    edges = np.array([10_049 ** int(one - 1) // 9_951 ** int(one - 1) for one in numbers], np.int64)
    above = bins_of(edges + 1)

    assert (bins_of(edges) <= numbers).all()
    assert (above > numbers).all()
    assert (above[edges > 300] == numbers[edges > 300] + 1).all()
    assert bins_of(np.array([0, 1, 2, MAX_VALUE])).tolist() == [0, 1, 72, SCALE_BINS - 1]


@given(arrays.arrays(np.int64, st.integers(1, 50), elements=lengths))
def test_what_stands_for_a_bin_is_within_half_a_percent_of_all_it_holds(values):
    assert bins_values(bins_of(values)) == pytest.approx(values.astype(np.float64), rel=0.0049 + 1e-12)


def test_a_small_whole_number_stands_for_itself():
    values = np.arange(0, 100)

    assert (bins_values(bins_of(values)) == values).all()


def test_another_implementation_of_the_same_idea_agrees():
    """DDSketch of its authors, with the same promise: both within half a percent of the truth, one percent apart."""
    values = np.random.default_rng(8).lognormal(20, 2, 10_001).astype(np.int64)
    theirs = DDSketch(RELATIVE_ERROR)
    for value in values:
        theirs.add(float(value))
    fractions = (0.1, 0.5, 0.9, 0.95, 0.99)  # of 10,001 values each is one of them, so that nobody interpolates

    assert Sketch.of(values).quantiles(fractions) == pytest.approx(
        tuple(theirs.get_quantile_value(fraction) for fraction in fractions), rel=2 * RELATIVE_ERROR
    )
    assert GAMMA < (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
