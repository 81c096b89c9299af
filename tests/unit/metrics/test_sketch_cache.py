from datetime import date, timedelta

from metrics_svc.adapters.sketch_cache import KeptDays, SketchCache
from metrics_svc.domain.answers.readings import DayRows, Group, Tally

FIRST = date(2026, 1, 20)
GROUP = Group("metadata", "succeeded", "")


def rows(number, measured=1):
    return DayRows(FIRST + timedelta(days=number), {GROUP: Tally(measured=measured)})


def total(parts):
    return sum(tally.measured for part in parts for tally in part.values())


def test_a_day_is_found_at_its_version_only_and_an_older_one_does_not_replace_it():
    kept, new, old = KeptDays(), rows(0), rows(0)
    kept.put(7, new)
    kept.put(6, old)

    assert kept.get(FIRST, 7) is new
    assert [kept.get(FIRST, version) for version in (6, 8)] == [None, None]
    assert kept.get(FIRST + timedelta(days=1), 7) is None


def test_parts_hold_what_the_days_hold_whatever_changes_and_whatever_the_window():
    kept, days = KeptDays(), [rows(number, 10**3 + number) for number in range(90)]
    for first, last in ((0, 90), (0, 90), (15, 60), (0, 4), (0, 2), (0, 0)):
        asked = days[first:last]
        assert total(kept.parts(asked, {one.day for one in asked})) == sum(one.rows[GROUP].measured for one in asked)
    days[3], days[89] = rows(3, 5), rows(89, 7)

    assert total(kept.parts(days, {one.day for one in days})) == sum(one.rows[GROUP].measured for one in days)


def test_a_year_that_did_not_change_is_two_parts_and_the_same_ones():
    kept, days = KeptDays(), [rows(number) for number in range(365)]
    whole = {one.day for one in days}
    once, again = kept.parts(days, whole), kept.parts(days, whole)

    assert [len(once), once[0] is again[0]] == [2, True]
    today_changed = [*days[:-1], rows(364, 2)]
    assert kept.parts(today_changed, whole)[0] is once[0]


def test_a_piece_of_a_day_is_never_kept():
    """It is another one in every window."""
    kept, days = KeptDays(), [rows(number) for number in range(10)]
    whole = {one.day for one in days[1:-1]}
    kept.parts(days, whole)

    assert total(kept.parts([rows(0, 50), *days[1:-1], rows(9, 70)], whole)) == 128


def test_what_was_asked_least_recently_goes_first():
    cache = SketchCache(limit_bytes=7_000)
    for owner in ("a", "b", "a", "c"):
        cache.days_of(owner, "work").put(1, rows(0))
        cache.settle(owner, ("work",))

    assert cache.size <= 7_000
    assert [cache.days_of(owner, "work").get(FIRST, 1) is not None for owner in ("a", "c", "b")] == [True, True, False]


def test_what_is_larger_than_all_that_may_be_kept_is_not_kept():
    cache = SketchCache(limit_bytes=2_000)
    for number in range(5):
        cache.days_of("a", "work").put(1, rows(number))
    cache.settle("a", ("work",))

    assert cache.size == 0
    assert cache.days_of("a", "work").get(FIRST, 1) is None
