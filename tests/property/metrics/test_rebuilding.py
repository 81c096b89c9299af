from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metrics_svc.domain.audit.rebuilding import KeptSketch, RawLengths, SketchKey, Tallied, compare_sketches, totals_of
from metrics_svc.domain.events.sketch import Sketch

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
KEYS = [SketchKey(owner, measure, "metadata", "succeeded", "") for owner in ("", "ada") for measure in ("work", "wait")]
lengths = st.lists(st.integers(0, (1 << 63) - 1), min_size=1, max_size=8)
hours = st.integers(0, 47).map(lambda number: MIDNIGHT + timedelta(hours=number))
rows = st.dictionaries(st.tuples(st.sampled_from(KEYS), hours), lengths, min_size=1, max_size=8)


def tallied(values):
    return Tallied(len(values), 0, 0, sum(values), min(values), max(values))


def raw_of(rows):
    return [RawLengths(key, hour, tallied(values), np.array(values, np.int64)) for (key, hour), values in rows.items()]


def kept_of(rows, *, is_day=False):
    kept = []
    for (key, start), values in rows.items():
        sketch = Sketch.of(values)
        kept.append(KeptSketch(key, start, is_day, tallied(values), sketch.bins, sketch.counts))
    return kept


def by_day(rows):
    days = {}
    for (key, hour), values in rows.items():
        days.setdefault((key, hour.replace(hour=0)), []).extend(values)
    return days


@given(rows)
def test_sketches_of_the_same_values_do_not_differ(rows):
    sketches, compared = compare_sketches(kept_of(rows), raw_of(rows))

    assert (sketches, compared.differences) == (len(rows), ())


@given(rows, rows)
def test_days_with_late_hours_hold_what_their_hours_held(early, late):
    together = {place: early.get(place, []) + late.get(place, []) for place in {*early, *late}}
    kept = [*kept_of(by_day(early), is_day=True), *kept_of(late)]

    assert compare_sketches(kept, raw_of(together))[1].differences == ()


@given(rows, st.data())
def test_one_wrong_number_of_one_row_is_found_and_named(rows, data):
    kept = kept_of(rows)
    place = data.draw(st.integers(0, len(kept) - 1))
    field = data.draw(st.sampled_from(Tallied._fields))
    wrong = kept[place].tallied._replace(**{field: getattr(kept[place].tallied, field) + 1})
    kept[place] = replace(kept[place], tallied=wrong)
    (difference,) = compare_sketches(kept, raw_of(rows))[1].differences

    assert difference.cell.field == field
    labels = dict(difference.cell.labels)
    assert labels["measure"] == kept[place].key.measure
    assert labels["owner_id"] == (kept[place].key.owner_id or "everybody")
    assert labels["period"] == kept[place].period_start.isoformat()


@given(rows, st.data())
def test_a_value_in_another_bin_is_found(rows, data):
    kept = kept_of(rows)
    place = data.draw(st.integers(0, len(kept) - 1))
    counts = kept[place].counts.copy()
    counts[0] += 1
    kept[place] = replace(kept[place], counts=counts)
    (difference,) = compare_sketches(kept, raw_of(rows))[1].differences

    assert difference.cell.field == "wrong_bins"


@given(rows, st.data())
def test_a_row_that_is_gone_or_should_not_be_is_one_difference(rows, data):
    place = data.draw(st.sampled_from(sorted(rows)))
    rest = {key: values for key, values in rows.items() if key != place}
    for kept, raw in ((rest, rows), (rows, rest)):
        (difference,) = compare_sketches(kept_of(kept), raw_of(raw))[1].differences

        assert difference.cell.field == "samples"


@given(rows)
def test_totals_are_those_of_everybody_alone(rows):
    totals = {total.measure: total for total in totals_of(raw_of(rows))}
    everybody = [(key.measure, values) for (key, _), values in rows.items() if not key.owner_id]

    assert {measure for measure, _ in everybody} == set(totals)
    for measure, total in totals.items():
        values = [value for name, part in everybody if name == measure for value in part]
        assert (total.samples, total.total) == (len(values), sum(values))
