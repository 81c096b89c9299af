"""Dividing what several used together."""

from hypothesis import given
from hypothesis import strategies as st

from chassis.core.shares import SharedMeter, split


@given(st.integers(0, 1 << 60), st.lists(st.integers(0, 1 << 20), min_size=1, max_size=50))
def test_the_parts_are_the_whole_and_each_is_fair(total, weights):
    """R-AD3-01: sum of parts = total."""
    parts = split(total, weights)
    whole = sum(weights) or len(weights)
    due = [weight if sum(weights) else 1 for weight in weights]

    assert sum(parts) == total
    assert all(abs(part * whole - total * weight) <= whole for part, weight in zip(parts, due, strict=True))


def test_nothing_is_divided_among_nobody():
    assert split(5, []) == []


class Counter:
    """A counter that the test moves."""

    def __init__(self) -> None:
        self.now: int | None = 1_000

    def read(self):
        return self.now


def test_who_holds_alone_gets_all_and_who_shares_gets_half():
    counter = Counter()
    meter = SharedMeter(counter.read)
    first = meter.begin()
    counter.now += 10
    second = meter.begin()
    counter.now += 20
    assert meter.end(first) == 10 + 10
    counter.now += 5

    assert meter.end(second) == 10 + 5


def test_what_rises_while_nobody_holds_is_nobodys():
    counter = Counter()
    meter = SharedMeter(counter.read)
    meter.end(meter.begin())
    counter.now += 100
    two = meter.begin()
    counter.now += 3

    assert meter.end(two) == 3


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10**6)), max_size=60))
def test_the_shares_sum_to_what_the_counter_rose_while_held(steps):
    """R-AD3-01: whatever overlaps, nothing is counted twice or lost."""
    counter = Counter()
    meter = SharedMeter(counter.read)
    held, shares, risen = [], [], 0
    for begins, rise in steps:
        if begins or not held:
            held.append(meter.begin())
        else:
            shares.append(meter.end(held.pop(0)))
        counter.now += rise
        risen += rise if held else 0
    shares += [meter.end(holding) for holding in held]

    assert sum(shares) == risen


def test_a_counter_that_can_not_be_read_for_a_while_leaves_the_share_unknown():
    """R-STG-11: unknown is not 0."""
    counter = Counter()
    meter = SharedMeter(counter.read)
    before = meter.begin()
    counter.now = None
    within = meter.begin()
    counter.now = 2_000

    assert meter.end(before) is None
    assert meter.end(within) is None
    later = meter.begin()
    counter.now = 2_001
    assert meter.end(later) == 1


def test_who_does_not_pay_has_a_share_all_the_same():
    """A search beside the indexing of a video: the video pays for its half."""
    counter = Counter()
    meter = SharedMeter(counter.read)
    search = meter.begin(pays=False)
    counter.now += 1_000
    work = meter.begin()
    counter.now += 10
    assert meter.end(search) is None
    counter.now += 4

    assert meter.end(work) == 5 + 4


def test_the_counter_is_not_read_while_nobody_pays():
    """Searches are many, and reading the clocks of threads is not free."""

    def read():
        raise AssertionError("read")

    meter = SharedMeter(read)
    first, second = meter.begin(pays=False), meter.begin(pays=False)

    assert (meter.end(first), meter.end(second)) == (None, None)
