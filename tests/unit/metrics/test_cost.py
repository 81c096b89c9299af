import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from chassis.core.errors import InvalidInput
from metrics_svc.domain.answers.reports import Coverage
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.cost.cost import Grouping, Kind, StorageUse, WorkUse, amount_text, make_bill
from metrics_svc.domain.cost.pages import Pin, page_of, page_size_of, read_token
from metrics_svc.domain.cost.rate_card import DEFAULT_CARD, RateCard, read_price

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PIN = Pin(Window(NOON - timedelta(days=7), NOON), NOON - timedelta(seconds=1), 3)
CARD = RateCard(
    version=3,
    per_cpu_second=read_price("0.01"),
    per_gpu_second=read_price("0.5"),
    per_joule=read_price("0.0000001"),
    per_gb_month=read_price("0.02"),
    per_model_call=read_price("0.001"),
    per_model_call_of={"base": read_price("0.004")},
)


def used(key, *, model="", cpu_ns=None, gpu_ns=None, energy_uj=None, calls=None, missing=0):
    measured = int(cpu_ns is not None)
    return WorkUse(
        key=key,
        model=model,
        cpu_ns=cpu_ns,
        gpu_ns=gpu_ns,
        energy_uj=energy_uj,
        calls=calls,
        coverage=Coverage(measured=measured, missing=missing),
    )


def keys(bill):
    return [line.key for line in bill.lines]


def test_a_bill_is_what_a_person_works_out_by_hand():
    """R-AD3-01: fixture's bill = hand computation."""
    work = [
        used("transcription", model="base@1", cpu_ns=90_000_000_000, calls=12),  # 90 s: 0.90; 12 calls: 0.048
        used("transcription", model="tiny@1", cpu_ns=10_000_000_000, calls=5),  # 10 s: 0.10; 5 calls: 0.005
        used("scene_processing", gpu_ns=1_500_000_000, energy_uj=2_000_000_000, missing=2),  # 0.75; 2,000 J: 0.0002
    ]
    week_of_3_gb = StorageUse("storage", 3 * 10**9 * 7 * 86_400 * 10**6)  # 0.7 GB-months: 0.014
    bill = make_bill(work, [week_of_3_gb], CARD, grouping=Grouping.STAGE)
    transcription, scene_processing, storage = bill.lines

    assert [amount_text(line.total) for line in bill.lines] == ["1.053000000", "0.750200000", "0.014000000"]
    assert amount_text(bill.total.total) == "1.817200000"
    assert transcription.amounts == {Kind.CPU: 1_000_000_000, Kind.CALLS: 53_000_000}
    assert scene_processing.amounts == {Kind.GPU: 750_000_000, Kind.ENERGY: 200_000}
    assert storage.amounts == {Kind.STORAGE: 14_000_000}
    assert scene_processing.coverage == Coverage(missing=2)
    assert bill.total.coverage == Coverage(measured=2, missing=2)


def test_three_thirds_are_one():
    third = RateCard(per_cpu_second=read_price("0.000000001"))
    work = [used(key, cpu_ns=333_333_333 + (key == "c")) for key in "abc"]
    bill = make_bill(work, [], third, grouping=Grouping.DAY)

    assert [line.total for line in bill.lines] == [0, 0, 1]
    assert bill.total.total == 1


def test_a_kind_nothing_measured_is_absent_and_one_measured_as_nothing_is_zero():
    bill = make_bill([used("a", cpu_ns=0), used("b")], [], CARD, grouping=Grouping.VIDEO)

    assert [line.amounts for line in bill.lines] == [{Kind.CPU: 0}, {}]
    assert bill.total.amounts == {Kind.CPU: 0}


def test_nothing_used_is_an_empty_bill():
    """R-AD2-07."""
    bill = make_bill([], [], CARD, grouping=Grouping.OWNER)

    assert (bill.lines, bill.total.total, bill.total.amounts) == ((), 0, {})


def test_without_prices_everything_is_counted_and_costs_nothing():
    bill = make_bill([used("a", cpu_ns=5)], [], DEFAULT_CARD, grouping=Grouping.VIDEO)

    assert (bill.total.quantities, bill.total.total) == ({Kind.CPU: 5}, 0)


def test_stages_come_as_the_pipeline_runs_those_of_tomorrow_after_and_storage_last():
    work = [used(stage, cpu_ns=1) for stage in ("stage_17", "indexing", "downloading")]

    assert keys(make_bill(work, [StorageUse("storage", 1)], CARD, grouping=Grouping.STAGE)) == [
        *("downloading", "indexing", "stage_17", "storage")
    ]


def test_videos_and_owners_come_by_cost_and_days_all():
    work = [used("a", cpu_ns=1_000), used("b", cpu_ns=3_000), used("c", cpu_ns=3_000), used("d")]

    assert keys(make_bill(work, [], CARD, grouping=Grouping.OWNER)) == ["b", "c", "a", "d"]
    assert keys(make_bill(work, [], CARD, grouping=Grouping.DAY, always=["e", "b"])) == ["a", "b", "c", "d", "e"]


def test_pages_give_each_row_once_and_keep_window_and_card():
    bill = make_bill([used(f"v{n}", cpu_ns=n // 3 * 10**9) for n in range(10)], [], CARD, grouping=Grouping.VIDEO)
    found, place = [], None
    while True:
        page = page_of(bill, place=place, size=3, pin=PIN, question="q")
        found += page.lines
        if not page.next_token:
            break
        place = read_token(page.next_token, "q")
        assert place.pin == PIN

    assert tuple(found) == bill.lines


def token(*values: object):
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize(
    "change", [(1, 1.5), (1, True), (2, 1 << 70), (5, 1 << 90), (4, -1), (6, 7), (1, 10**30), (2, -1)]
)
def test_a_token_that_was_tampered_with_is_refused(change):
    bill = make_bill([used(key, cpu_ns=1) for key in "ab"], [], CARD, grouping=Grouping.VIDEO)
    good = page_of(bill, place=None, size=1, pin=PIN, question="q").next_token
    values = json.loads(base64.urlsafe_b64decode(good))
    values[change[0]] = change[1]

    assert read_token(good, "q").pin == PIN
    with pytest.raises(InvalidInput) as refused:
        read_token(token(*values), "q")
    assert [violation.field for violation in refused.value.violations] == ["page_token"]


@pytest.mark.parametrize(
    "text", ["x", "é", "e30=", "W10=", "bnVsbA==", "[" * 9_000, base64.b64encode(b"[" * 99_999).decode()]
)
def test_what_is_no_token_is_refused(text):
    with pytest.raises(InvalidInput):
        read_token(text, "q")


def test_a_token_of_another_question_is_refused():
    bill = make_bill([used(key, cpu_ns=1) for key in "ab"], [], CARD, grouping=Grouping.VIDEO)
    page = page_of(bill, place=None, size=1, pin=PIN, question="q")
    with pytest.raises(InvalidInput):
        read_token(page.next_token, "another")

    assert [line.key for line in page.lines] == ["a"]


@pytest.mark.parametrize("size", [-1, 1_001])
def test_a_page_has_1_to_1000_rows(size):
    with pytest.raises(InvalidInput) as refused:
        page_size_of(size)

    assert [violation.field for violation in refused.value.violations] == ["page_size"]
    assert (page_size_of(0), page_size_of(1_000)) == (100, 1_000)
