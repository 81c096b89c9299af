"""Waiting in a line, against the plainest program there can be, and laws that hold whatever comes."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metrics_svc.domain.capacity.forecast import Line
from metrics_svc.domain.capacity.queueing import Jobs, are_mostly_within, waits_in_line
from metrics_svc.domain.capacity.servers import Servers
from metrics_svc.domain.capacity.staffing import fewest_workers

moments = st.integers(0, 5_000).map(float)
work = st.one_of(st.just(0.0), st.integers(0, 400).map(float), st.floats(0, 1e4, allow_nan=False))
single = st.tuples(work, st.just(0.0)).map(lambda piece: [piece])
tried_again = st.lists(st.tuples(work, work), min_size=1, max_size=3)


def lines(job):
    """Jobs as (moment, [(length, pause before it), ...]), by moment."""
    return st.lists(st.tuples(moments, job), max_size=50).map(lambda several: sorted(several, key=lambda one: one[0]))


any_lines = st.one_of(lines(single), lines(tried_again))
servers = st.integers(1, 8)


def jobs_of(line):
    pieces = [piece for _, job in line for piece in job]
    ends = np.cumsum([0, *(len(job) for _, job in line)])
    return Jobs(
        arrivals_s=np.array([at for at, _ in line], float),
        first=ends[:-1],
        until=ends[1:],
        services_s=np.array([length for length, _ in pieces], float),
        pauses_s=np.array([pause for _, pause in pieces], float),
    )


def waits_by_hand(line, servers):
    """Every server has a moment from which on it is free; of those that are there the oldest takes the first."""
    starts = np.cumsum([0, *(len(job) for _, job in line)])
    there = [(at, number, 0) for number, (at, _) in enumerate(line)]
    free, waits = [0.0] * servers, [0.0] * int(starts[-1])
    while there:
        at, number, attempt = next_one = min(there, key=lambda one: (one[0], one[2] > 0, one[1]))
        there.remove(next_one)
        job = line[number][1]
        server = min(range(servers), key=lambda one: free[one])
        start = max(at, free[server])
        free[server] = start + job[attempt][0]
        waits[starts[number] + attempt] = start - at
        if attempt + 1 < len(job):
            there.append((free[server] + job[attempt + 1][1], number, attempt + 1))
    return waits


@given(lines(single), servers)
def test_waits_are_those_of_the_plainest_program(line, count):
    """R-AD3-05."""
    assert waits_in_line(jobs_of(line), count) == pytest.approx(waits_by_hand(line, count), abs=1e-6)


@given(st.integers(0, 1 << 32), st.integers(1, 60), servers)
def test_waits_with_retries_are_those_of_the_plainest_program(seed, count, number):
    """R-AD3-05: retried attempts are work too, and come back when they can. No two moments are equal here."""
    random = np.random.default_rng(seed)
    tries = random.integers(1, 4, count)
    line = [
        (at, [(random.exponential(50), random.exponential(20)) for _ in range(many)])
        for at, many in zip(np.sort(random.uniform(0, 1_000, count)), tries, strict=True)
    ]

    assert waits_in_line(jobs_of(line), number) == pytest.approx(waits_by_hand(line, number), abs=1e-6)


@given(lines(single), servers)
def test_nobody_waits_longer_with_one_server_more(line, count):
    fewer, more = (waits_in_line(jobs_of(line), number) for number in (count, count + 1))

    assert (more <= fewer + 1e-6).all()


@given(any_lines)
@example([(3.0, [(4093.2094103462446, 0.0)]), (3.0, [(0.0, 0.0)])])
def test_nobody_waits_where_nobody_is_said_to_wait(line):
    enough = jobs_of(line).enough_servers

    assert max(waits_by_hand(line, max(1, enough)), default=0) <= 1e-6
    assert enough <= sum(len(job) for _, job in line)


@given(any_lines, servers, st.floats(0, 1e4), st.sampled_from([0.5, 0.9, 0.95]))
def test_a_share_within_a_limit_is_counted_alike_early_or_late(line, count, limit_s, share):
    jobs = jobs_of(line)
    longer = int((waits_in_line(jobs, count) > limit_s).sum())

    assert are_mostly_within(jobs, count, limit_s=limit_s, share=share) == (
        longer <= jobs.services_s.size * (1 - share)
    )


@given(lines(single).filter(bool), st.floats(0.01, 1e4), st.floats(0, 20), st.floats(0, 10), st.integers(1, 3))
def test_the_fewest_workers_meet_the_target_and_one_fewer_does_not(line, target_s, likely, offered, slots):
    """R-AD3-05: wherever the search begins."""
    queue = Line(jobs=jobs_of(line), dispatch_s=0.0)
    kind = Servers(2, 2 * slots, is_estimated=False)
    workers = fewest_workers(queue, kind=kind, offered=offered, likely=likely, target_s=target_s)

    assert queue.is_within(target_s, workers * slots)
    assert workers * slots > offered
    assert workers == 1 or (workers - 1) * slots <= offered or not queue.is_within(target_s, (workers - 1) * slots)


def test_no_number_of_workers_hands_out_faster():
    queue = Line(jobs=jobs_of([(0.0, [(1.0, 0.0)])] * 3), dispatch_s=5.0)

    assert fewest_workers(queue, kind=None, offered=0.5, likely=1, target_s=4.9) is None
    assert fewest_workers(queue, kind=None, offered=0.5, likely=1, target_s=5.0) == 3
