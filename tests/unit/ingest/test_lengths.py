"""What the lengths of attempts make of a run."""

from hypothesis import given
from hypothesis import strategies as st

from ingest_svc.domain.lengths import MAX_LENGTH_NS, RunAttempt, RunLength, length_of_run, lengths_told

attempts = st.builds(
    RunAttempt,
    has_begun=st.booleans(),
    is_over=st.booleans(),
    deliveries=st.integers(0, 5),
    duration_ns=st.none() | st.integers(0, MAX_LENGTH_NS),
)


def attempt(duration_ns=None, *, begun=True, over=True, deliveries=1):
    return RunAttempt(begun, over, deliveries, duration_ns)


def test_measured_attempts_add_up_exactly():
    """K4, R-AD3-02."""
    assert length_of_run([attempt(3), attempt(1 << 50), attempt(0)]) == RunLength(3 + (1 << 50), 0)


def test_a_run_without_attempts_took_nothing():
    assert length_of_run([]) == RunLength(0, 0)


def test_what_began_and_was_never_told_makes_the_sum_a_lower_bound():
    """R-AD2-11: lost, killed, or still going on; but not what nobody has begun."""
    lost_unseen = attempt(begun=False, deliveries=0)
    killed_twice_then_done = attempt(10, deliveries=3)
    going_on = attempt(over=False)
    waiting = attempt(begun=False, over=False, deliveries=0)

    assert length_of_run([lost_unseen, killed_twice_then_done, going_on, waiting]) == RunLength(10, 1 + 2 + 1)


@given(st.lists(attempts, max_size=80))
def test_the_sum_is_that_of_the_lengths_in_any_order_and_fits_its_column(rows):
    length = length_of_run(rows)

    assert length == length_of_run(rows[::-1])
    assert length.measured_ns == min(sum(row.duration_ns or 0 for row in rows), (1 << 63) - 1)
    assert 0 <= length.unmeasured


@given(st.integers(1, 1 << 40), st.integers(0, 1 << 40), st.integers(-(1 << 63), (1 << 63) - 1))
def test_no_claim_makes_a_length_that_can_not_be(fence, work_fence, duration_ns):
    told = lengths_told(fence=fence, work_fence=work_fence, duration_ns=duration_ns)

    assert all(0 <= one.ns <= MAX_LENGTH_NS for one in told)
    assert len({one.fence for one in told}) == len(told)
    assert {one.fence for one in told if one.ns} <= {work_fence or fence}
