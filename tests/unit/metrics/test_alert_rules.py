import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chassis.core.errors import InvalidInput, NotFound, StaleWrite
from metrics_svc.domain.alerts.changes import RuleChange, etag_of, rule_id_of, silence_until
from metrics_svc.domain.alerts.rules import DEFAULTS, RuleId, Silence, Unit, subject_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RTF, DISK, QUEUE = (DEFAULTS[one] for one in (RuleId.HIGH_RTF, RuleId.LOW_DISK, RuleId.QUEUE_GROWTH))


def changed(rule=RTF, **numbers: object):
    change = RuleChange(**{"rule_id": rule.rule_id, "etag": etag_of(rule), **numbers})
    return change.applied_to(rule, now=NOON, by="ada")


def refused(rule=RTF, **numbers: object):
    with pytest.raises(InvalidInput) as error:
        changed(rule, **numbers)
    return [violation.field.removeprefix("alert_rule.") for violation in error.value.violations]


def test_what_is_not_given_stays_as_it_is():
    rule = changed(fire_threshold=3.0, fire_after_s=0.0)

    assert rule == replace(
        RTF, fire_threshold=3.0, fire_after=timedelta(0), version=1, updated_at=NOON, updated_by="ada"
    )
    assert changed(is_enabled=False).is_enabled is False


def test_a_reset_brings_the_defaults_back_and_is_a_version_of_its_own():
    own = changed(fire_threshold=3.0, min_samples=9)
    back = changed(own, is_reset=True, min_samples=7)

    assert (back.fire_threshold, back.min_samples, back.version) == (RTF.fire_threshold, 7, 2)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 1e7])
def test_a_number_that_makes_no_sense_is_refused_with_its_field(value):
    for field in ("fire_threshold", "resolve_threshold", "fire_after_s", "resolve_after_s", "window_s"):
        assert refused(**{field: value}) == [field]


def test_all_faults_are_told_at_once():
    assert refused(fire_threshold=-1.0, min_samples=0, window_s=1.0) == ["fire_threshold", "min_samples", "window_s"]


@pytest.mark.parametrize(
    ("rule", "numbers"),
    [
        (RTF, {"resolve_threshold": 2.0}),
        (RTF, {"fire_threshold": 1.5}),
        (DISK, {"resolve_threshold": 10.0}),
        (DISK, {"fire_threshold": 20.0}),
    ],
)
def test_the_thresholds_may_not_meet_or_cross(rule, numbers):
    """Hysteresis: without room between them an alert would flap."""
    assert refused(rule, **numbers) == ["resolve_threshold"]


def test_a_rule_of_the_present_takes_no_window():
    assert refused(QUEUE, window_s=3600.0) == ["window_s"]


def test_a_change_needs_the_etag_of_what_was_read():
    assert refused(etag="") == ["etag"]
    for other in (changed(fire_threshold=3.0), DISK):
        with pytest.raises(StaleWrite):
            changed(etag=etag_of(other))


def test_an_etag_names_the_content_as_well_as_the_version():
    assert len({etag_of(rule) for rule in DEFAULTS.values()}) == len(DEFAULTS)
    assert etag_of(changed(fire_threshold=3.0)) != etag_of(changed(fire_threshold=4.0))
    assert etag_of(changed(fire_threshold=3.0)) == etag_of(changed(fire_threshold=3.0))


def test_an_unknown_rule_is_not_found_and_a_missing_one_is_named():
    with pytest.raises(NotFound):
        rule_id_of("high_rft")
    with pytest.raises(InvalidInput) as error:
        rule_id_of("")
    assert [violation.field for violation in error.value.violations] == ["rule_id"]


def test_a_silence_has_an_end_or_is_one():
    at = NOON + timedelta(hours=2)

    assert silence_until({"until_at": at}, comment="moving", now=NOON, by="ada") == Silence(at, "ada", "moving")
    assert silence_until({"duration_s": 7200.0}, comment="", now=NOON, by="ada") == Silence(at, "ada", "")
    assert silence_until({"clear": True}, comment="", now=NOON, by="ada") is None
    assert Silence(at).holds(at - timedelta(microseconds=1))
    assert not Silence(at).holds(at)


@pytest.mark.parametrize(
    ("quiet", "field"),
    [
        ({}, "duration_s"),
        ({"clear": False}, "duration_s"),
        ({"until_at": None}, "until_at"),
        ({"until_at": NOON}, "until_at"),
        ({"until_at": NOON + timedelta(days=366)}, "until_at"),
        ({"duration_s": 0.0}, "duration_s"),
        ({"duration_s": -5.0}, "duration_s"),
        ({"duration_s": math.nan}, "duration_s"),
        ({"duration_s": math.inf}, "duration_s"),
        ({"duration_s": 1e300}, "duration_s"),
    ],
)
def test_a_silence_that_is_none_is_refused_with_its_field(quiet, field):
    with pytest.raises(InvalidInput) as error:
        silence_until(quiet, comment="", now=NOON, by="ada")
    assert [violation.field for violation in error.value.violations] == [field]


@pytest.mark.parametrize("comment", ["x" * 501, "a\x00b"])
def test_a_comment_is_short_and_without_nul(comment):
    with pytest.raises(InvalidInput) as error:
        silence_until({"duration_s": 60.0}, comment=comment, now=NOON, by="ada")
    assert [violation.field for violation in error.value.violations] == ["comment"]


def test_every_rule_says_what_it_is_and_what_to_do():
    for rule_id, rule in DEFAULTS.items():
        subject = subject_of(rule_id)

        assert rule.rule_id == rule_id
        assert all((subject.title, subject.meaning, subject.samples_are, subject.what_to_do))
        assert max(rule.fire_threshold, rule.resolve_threshold) <= subject.largest
        assert subject.largest == 100 or subject.unit not in {Unit.PERCENT, Unit.POINTS}
