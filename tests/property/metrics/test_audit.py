import math

from hypothesis import assume, given
from hypothesis import strategies as st

from metrics_svc.domain.audit.comparison import Account, Cell, Way, compare, is_same
from metrics_svc.domain.events.sketch import RELATIVE_ERROR, Sketch

words = st.text("abc", min_size=1, max_size=3)
fields = st.sampled_from(["measured", "data.avg_ms", "data.p95_ms", "data.avg_rtf", "p50_rtf", "data.buckets.count"])
cells = st.builds(Cell.of, fields, st.dictionaries(words, words, max_size=2))
counts = st.integers(0, 1 << 40)
lengths = st.floats(1e-3, 1e15, allow_nan=False)
answers = st.dictionaries(cells, st.one_of(st.none(), counts, lengths), min_size=1, max_size=12)
others = st.sampled_from([Way.TOLD, Way.SQL, Way.PROMETHEUS])


@given(answers, others)
def test_an_answer_does_not_differ_from_itself(numbers, way):
    compared = compare("latency", numbers, {way: Account(dict(numbers))})

    assert compared.differences == ()
    assert [(check.compared, check.differences) for check in compared.checks] == [(len(numbers), 0)]


@given(answers, others, st.data())
def test_one_wrong_number_is_found_and_named(truth, way, data):
    cell = data.draw(st.sampled_from(sorted(truth)))
    true = truth[cell]
    wrong = data.draw(
        st.one_of(
            st.none(),
            st.just(math.nan),
            st.just(math.inf),
            st.just(1 if true is None else true * 1.02 + 1),
            st.just(0 if true is None else true - max(1, true)),
        )
    )
    assume(wrong is not None or true is not None)
    compared = compare("latency", truth, {way: Account({**truth, cell: wrong})})

    assert [(one.answer, one.cell) for one in compared.differences] == [("latency", cell)]
    assert compared.differences[0].values[Way.RAW] is true
    assert [check.differences for check in compared.checks] == [1]


@given(answers, others, st.data())
def test_a_number_that_is_not_told_is_a_difference_and_one_that_is_not_asked_for_is_none(truth, way, data):
    cell = data.draw(st.sampled_from(sorted(truth)))
    assume(truth[cell] is not None)
    rest = {key: value for key, value in truth.items() if key.field != cell.field}
    told_fields = frozenset(key.field for key in rest)

    assert cell in [one.cell for one in compare("a", truth, {way: Account(rest)}).differences]
    assert compare("a", truth, {way: Account(rest, told_fields)}).differences == ()


@given(answers, st.data())
def test_a_number_that_should_not_be_there_is_a_difference(truth, data):
    extra = data.draw(cells.filter(lambda cell: cell not in truth))
    compared = compare("a", truth, {Way.SQL: Account({**truth, extra: 0})})

    assert [one.cell for one in compared.differences] == [extra]


@given(st.lists(st.integers(0, (1 << 63) - 1), min_size=1, max_size=50), st.sampled_from([0.5, 0.95, 0.99]))
def test_what_a_sketch_may_be_off_is_no_difference_and_what_a_function_is_off_is_one(values, fraction):
    ordered = sorted(values)
    position = fraction * (len(ordered) - 1)
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    exact = ordered[low] + (ordered[high] - ordered[low]) * (position - low)
    (told,) = Sketch.of(values).quantiles((fraction,))

    assert is_same(Way.TOLD, Cell("p50_ms"), told, float(exact))
    assert is_same(Way.TOLD, Cell("p50_ms"), told * (1 + 2.1 * RELATIVE_ERROR), float(exact)) is (told == 0)
    assert is_same(Way.SQL, Cell("p50_ms"), exact * (1 + RELATIVE_ERROR), float(exact)) is (exact == 0)


def test_counts_are_equal_or_different_however_large():
    assert not is_same(Way.TOLD, Cell("measured"), (1 << 53) + 1, 1 << 53)


def test_real_time_factors_may_lose_less_than_a_billionth():
    assert is_same(Way.TOLD, Cell("data.avg_rtf"), 0.000000001, 0.0000000019)
    assert not is_same(Way.TOLD, Cell("data.avg_rtf"), 0.000000001, 0.0000000031)
    assert not is_same(Way.TOLD, Cell("data.avg_ms"), 0.000000001, 0.0000000019)
