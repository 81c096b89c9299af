from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.cost.cost import (
    AMOUNT_DECIMALS,
    BASE_UNITS,
    Grouping,
    Kind,
    StorageUse,
    WorkUse,
    amount_text,
    make_bill,
    split,
    stored_by_day,
)
from metrics_svc.domain.cost.rate_card import MAX_PRICE, PRICE_DECIMALS, RateCard, price_text, read_price

BIGGEST = (1 << 63) - 1
quantities = st.none() | st.sampled_from([0, 1, 999_999_999, BIGGEST]) | st.integers(0, BIGGEST)
prices = st.sampled_from([0, 1, 333_333_333, MAX_PRICE * 10**PRICE_DECIMALS]) | st.integers(0, 10**13)
attempts = st.lists(
    st.fixed_dictionaries(
        {
            "stage": st.sampled_from(["metadata", "transcription", "stage_17"]),
            "video": st.sampled_from("uvw"),
            "owner": st.sampled_from("ab"),
            "day": st.sampled_from(["2026-11-19", "2026-11-20"]),
            "model": st.sampled_from(["", "base@1", "base@2", "clip@1"]),
            "used": st.tuples(quantities, quantities, quantities, quantities),
        }
    ),
    max_size=12,
)
stored = st.lists(
    st.fixed_dictionaries(
        {
            "video": st.sampled_from(["", "u"]),
            "owner": st.sampled_from(["", "a"]),
            "day": st.just("2026-11-20"),
            "byte_us": st.integers(0, 1 << 90),
        }
    ),
    max_size=4,
)
cards = st.builds(
    RateCard,
    per_cpu_second=prices,
    per_gpu_second=prices,
    per_joule=prices,
    per_gb_month=prices,
    per_model_call=prices,
    per_model_call_of=st.dictionaries(st.sampled_from(["base", "base@1", "clip@1"]), prices),
)


def bill_by(grouping, work, spans, card):
    """As the store gives it: several values for one row, one for each model."""
    uses = [
        WorkUse(
            key=one[grouping.value],
            model=one["model"],
            cpu_ns=one["used"][0],
            gpu_ns=one["used"][1],
            energy_uj=one["used"][2],
            calls=one["used"][3],
            coverage=Coverage(measured=1),
        )
        for one in work
    ]
    kept = [StorageUse(span.get(grouping.value, "storage"), span["byte_us"]) for span in spans]
    return make_bill(uses, kept, card, grouping=grouping)


def exact_total(work, spans, card):
    total = Fraction()
    for one in work:
        cpu, gpu, energy, calls = (value or 0 for value in one["used"])
        total += Fraction(cpu * card.per_cpu_second + gpu * card.per_gpu_second, 10**9)
        total += Fraction(energy * card.per_joule, 10**6) + calls * card.price_of_call(one["model"])
    months = Fraction(sum(span["byte_us"] for span in spans), BASE_UNITS[Kind.STORAGE])
    return (total + months * card.per_gb_month) / 10 ** (PRICE_DECIMALS - AMOUNT_DECIMALS)


@given(attempts, stored, cards)
def test_every_grouping_adds_up_to_the_same_total_by_kind_and_altogether(work, spans, card):
    """R-AD3-01: sum of stages = sum of videos = sum of owners = sum of days = total, at the printed resolution."""
    bills = [bill_by(grouping, work, spans, card) for grouping in Grouping]
    total = bills[0].total

    for bill in bills:
        assert bill.total == total
        assert sum(line.total for line in bill.lines) == total.total
        for kind in Kind:
            assert sum(line.amounts.get(kind, 0) for line in bill.lines) == total.amounts.get(kind, 0)
            assert sum(line.quantities.get(kind, 0) for line in bill.lines) == total.quantities.get(kind, 0)


@given(attempts, stored, cards)
def test_nothing_is_further_from_the_truth_than_its_last_decimal(work, spans, card):
    bill = bill_by(Grouping.VIDEO, work, spans, card)

    assert abs(bill.total.total - exact_total(work, spans, card)) <= Fraction(1, 2)
    for line in bill.lines:
        mine = [one for one in work if one["video"] == line.key]
        kept = [span for span in spans if span["video"] == line.key]
        assert abs(line.total - exact_total(mine, kept, card)) < len(line.amounts) or not line.amounts
        assert all(amount >= 0 for amount in line.amounts.values())


@given(st.lists(st.integers(0, 1 << 100), min_size=1, max_size=20), st.integers(1, 1 << 70), st.booleans())
def test_a_split_sums_to_its_total_and_rounds_each_part_up_or_down(numerators, denominator, is_up):
    total = -(-sum(numerators) // denominator) if is_up else sum(numerators) // denominator
    parts = split(total, numerators, denominator)

    assert sum(parts) == total
    assert all(abs(part * denominator - whole) < denominator for part, whole in zip(parts, numerators, strict=True))


@given(st.integers(0, MAX_PRICE * 10**PRICE_DECIMALS))
def test_a_price_is_read_as_it_is_written(price):
    assert read_price(price_text(price)) == price


@given(st.integers(-(10**30), 10**30))
def test_an_amount_is_written_exactly(amount):
    assert Fraction(amount_text(amount)) == Fraction(amount, 10**AMOUNT_DECIMALS)


START = datetime(2026, 11, 18, 7, 30, 0, 123_456, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=2, hours=3, microseconds=77))
LENGTH_US = (WINDOW.end - WINDOW.start) // timedelta(microseconds=1)
spans = st.lists(
    st.tuples(st.integers(0, 1 << 40), st.integers(0, LENGTH_US - 1), st.integers(0, LENGTH_US)).filter(
        lambda span: span[1] <= span[2]
    ),
    max_size=8,
)


def changes_of(spans):
    """As the database adds them up."""
    found = {}
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for size, begin, end in spans:
        for sign, at_us in ((1, begin), (-1, end)):
            if sign < 0 and at_us == LENGTH_US:
                continue  # it lasts beyond the window
            at = WINDOW.start + timedelta(microseconds=at_us)
            came, came_at = found.get(at.date().isoformat(), (0, 0))
            moment = (at - epoch) // timedelta(microseconds=1)
            found[at.date().isoformat()] = (came + sign * size, came_at + sign * size * moment)
    return found


@given(spans)
def test_the_days_of_what_was_stored_add_up_to_what_was_stored(spans):
    days = stored_by_day(changes_of(spans), WINDOW)

    assert sum(day.byte_us for day in days) == sum(size * (end - begin) for size, begin, end in spans)
    assert all(day.byte_us >= 0 for day in days)
    assert len({day.key for day in days}) == len(days)
