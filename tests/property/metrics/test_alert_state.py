"""The state machine of alerts under whatever values and clocks there may be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_svc.domain.alerts.alert import AlertEvent, Situation, advance
from metrics_svc.domain.alerts.rules import DEFAULTS, AlertRule, RuleId, Silence
from metrics_svc.domain.alerts.state import MAX_PAUSE, EndReason, Fired, Phase, Reading, Resolved, Watchpoint, step

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RULE = AlertRule(
    rule_id=RuleId.HIGH_RTF,
    fire_threshold=2.0,
    resolve_threshold=1.0,
    fire_after=timedelta(seconds=60),
    resolve_after=timedelta(seconds=90),
    min_samples=3,
)
BELOW = replace(RULE, rule_id=RuleId.LOW_DISK, fire_threshold=1.0, resolve_threshold=2.0)
VALUES = st.one_of(st.floats(0, 4), st.sampled_from([1.0, 2.0]))
READINGS = st.one_of(st.none(), st.builds(Reading, VALUES, st.integers(0, 6)))
STEPS = st.timedeltas(timedelta(0), timedelta(seconds=120))
ANY_STEPS = st.timedeltas(timedelta(days=-2), timedelta(days=2))
LOOKS = st.lists(st.tuples(STEPS, READINGS), max_size=60)
WILD_LOOKS = st.lists(st.tuples(st.one_of(STEPS, ANY_STEPS), READINGS), max_size=60)


def run(rule, looks, before=None):
    """Every look with what it was given and what came of it: (now, reading, watchpoint, change)."""
    now, watchpoint, seen = NOON, before or Watchpoint(), []
    for pause, reading in looks:
        now += pause
        watchpoint, change = step(rule, watchpoint, reading, now)
        seen.append((now, reading, watchpoint, change))
    return seen


def changes(seen):
    return [change for *_, change in seen if change is not None]


@given(rule=st.sampled_from([RULE, BELOW]), looks=WILD_LOOKS)
def test_firing_and_resolving_alternate_whatever_the_values_and_the_clock(rule, looks):
    """R-AD3-04: each anomaly -> one alert, then one resolve."""
    kinds = [type(change) for change in changes(run(rule, looks))]

    assert kinds == [Fired, Resolved] * (len(kinds) // 2) + [Fired] * (len(kinds) % 2)


@given(looks=WILD_LOOKS)
def test_nothing_fires_that_is_not_bad_with_enough_behind_it(looks):
    for _, reading, _, change in run(RULE, looks):
        if isinstance(change, Fired):
            assert reading.value >= RULE.fire_threshold
            assert reading.samples >= RULE.min_samples
        if isinstance(change, Resolved):
            assert reading.value <= RULE.resolve_threshold


@given(looks=st.lists(st.tuples(STEPS, st.one_of(st.none(), st.builds(Reading, st.floats(0, 1.999), st.just(9))))))
def test_values_below_the_threshold_never_even_pend(looks):
    assert {watchpoint.phase for *_, watchpoint, _ in run(RULE, looks)} <= {Phase.INACTIVE}


@given(looks=LOOKS)
def test_what_fires_was_bad_all_the_time_before(looks):
    """No look of the last fire_after found anything else, and those before resolve_after likewise."""
    seen = run(RULE, looks)
    for place, (now, _, _, change) in enumerate(seen):
        if change is None:
            continue
        is_as_now = _is_bad if isinstance(change, Fired) else _is_good
        hold = RULE.fire_after if isinstance(change, Fired) else RULE.resolve_after
        begin = next(at for at in range(place, -1, -1) if at == 0 or not is_as_now(seen[at - 1][1]))

        assert now - seen[begin][0] >= hold


@given(looks=WILD_LOOKS, pause=st.one_of(STEPS, ANY_STEPS))
def test_without_data_nothing_fires_and_nothing_resolves(looks, pause):
    seen = run(RULE, [(timedelta(0), Reading(0, 9)), *looks])
    now, _, before, _ = seen[-1]
    after, change = step(RULE, before, None, now + pause)

    assert change is None
    assert after.is_firing == before.is_firing
    assert after.phase in {Phase.INACTIVE, Phase.FIRING}
    assert after.no_data_since == (before.no_data_since or now + pause)
    assert (after.reading, after.measured_at) == (before.reading, before.measured_at)


@given(
    values=st.lists(st.floats(1.001, 4), min_size=1, max_size=80),
    step_seconds=st.integers(1, 120),
)
def test_flapping_inside_the_hysteresis_makes_no_second_alert(values, step_seconds):
    pause = timedelta(seconds=step_seconds)
    firing = run(RULE, [(pause, Reading(9.0, 9))] * 90)[-1]
    seen = run(RULE, [(pause, Reading(value, 9)) for value in values], before=replace(firing[2], looked_at=NOON))

    assert changes(seen) == []
    assert seen[-1][2].phase is Phase.FIRING


@given(looks=LOOKS, cut=st.integers(0, 60))
def test_a_restart_in_the_middle_changes_nothing(looks, cut):
    """The watchpoint is all there is to know."""
    whole = run(RULE, looks)
    first = run(RULE, looks[:cut])
    now, before = (first[-1][0], first[-1][2]) if first else (NOON, Watchpoint())
    rest = run(
        RULE,
        [(now - NOON + pause if not number else pause, reading) for number, (pause, reading) in enumerate(looks[cut:])],
        before=before,
    )

    assert first + rest == whole


@pytest.mark.parametrize("leap", [timedelta(days=-400), timedelta(days=400), MAX_PAUSE + timedelta(seconds=1)])
def test_after_a_leap_of_the_clock_the_wait_begins_anew(leap):
    bad, half = Reading(3.0, 9), timedelta(seconds=50)
    seen = run(RULE, [(half, bad), (leap, bad), (half, bad), (half, bad)])

    assert [type(change) for *_, change in seen] == [type(None), type(None), type(None), Fired]
    assert seen[-1][2].since <= seen[-1][0]


def test_a_clock_that_was_far_ahead_does_not_hold_an_alert_for_years():
    far = NOON + timedelta(days=3650)
    pending, _ = step(RULE, Watchpoint(), Reading(3.0, 9), far)
    seen = run(RULE, [(timedelta(seconds=30), Reading(3.0, 9))] * 4, before=pending)

    assert [type(one) for one in changes(seen)] == [Fired]
    assert changes(seen)[0].began_at <= seen[-1][0]


@given(looks=LOOKS)
def test_a_rule_that_is_turned_off_ends_its_alert_and_says_why(looks):
    seen = run(RULE, [(timedelta(0), Reading(0, 9)), *looks])
    now, _, before, _ = seen[-1]
    after, change = step(replace(RULE, is_enabled=False), before, None, now)

    assert after.phase is Phase.INACTIVE
    assert change == (Resolved(None, EndReason.DISABLED) if before.is_firing else None)


SILENCES = st.sampled_from([None, None, Silence(NOON), Silence(NOON + timedelta(days=9))])
QUICK = replace(RULE, fire_after=timedelta(0), resolve_after=timedelta(0))
PLAIN = st.sampled_from([*[Reading(3.0, 9), Reading(0.5, 9)] * 3, Reading(1.5, 9), None])
HEARD = st.sampled_from([True, True, True, False])


@given(looks=st.lists(st.tuples(STEPS, PLAIN, SILENCES, HEARD), min_size=20, max_size=60))
def test_a_receiver_hears_of_each_alert_at_most_once_that_it_fires_and_then_that_it_resolved(looks):
    """Through silences, and times when nobody is configured to listen."""
    situation, now, heard, fired = Situation(rule=QUICK, watchpoint=Watchpoint()), NOON, [], 0
    for pause, reading, silence, is_heard in looks:
        now += pause
        situation = replace(situation, silence=silence)
        outcome = advance(situation, reading, now, memory={}, is_heard=is_heard)
        fired += outcome.alert is not None and situation.alert is None
        assert not outcome.notices or (is_heard and not situation.is_silenced(now))
        assert all(
            (notice.alert.resolved_at is None) == (notice.event is AlertEvent.FIRED) for notice in outcome.notices
        )
        heard += [(notice.event, notice.alert.alert_id) for notice in outcome.notices]
        alert = outcome.alert or situation.alert
        is_open = alert is not None and alert.resolved_at is None
        situation = replace(
            situation, watchpoint=outcome.watchpoint, alert=alert if is_open else None, told=outcome.told
        )
        assert situation.watchpoint.is_firing == (situation.alert is not None)
        if is_heard and not situation.is_silenced(now):
            assert situation.told == situation.alert

    assert len(heard) == len(set(heard))
    assert [event for event, _ in heard[::2]] == [AlertEvent.FIRED] * len(heard[::2])
    assert [(AlertEvent.RESOLVED, alert_id) for _, alert_id in heard[::2]][: len(heard) // 2] == heard[1::2]
    assert len(heard[::2]) <= fired


def test_every_default_rule_can_fire_and_can_resolve():
    for rule in DEFAULTS.values():
        assert rule.is_bad(rule.fire_threshold)
        assert rule.is_good(rule.resolve_threshold)
        assert not rule.is_good(rule.fire_threshold)
        assert not rule.is_bad(rule.resolve_threshold)


def _is_bad(reading):
    return reading is not None and reading.value >= RULE.fire_threshold and reading.samples >= RULE.min_samples


def _is_good(reading):
    return reading is not None and reading.value <= RULE.resolve_threshold
