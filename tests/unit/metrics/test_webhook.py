"""What a notification looks like on the wire: after Standard Webhooks, checked with its published example."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.core.errors import InvalidInput
from metrics_svc.codec.alert_webhook import deliveries_of
from metrics_svc.domain.alerts.alert import AlertEvent, Notice, alert_of, ended
from metrics_svc.domain.alerts.rules import DEFAULTS, RuleId
from metrics_svc.domain.alerts.state import EndReason, Fired, Reading, Resolved
from metrics_svc.domain.alerts.webhook import (
    MAX_ATTEMPTS,
    MAX_ERROR_CHARS,
    Reply,
    headers_of,
    next_attempt,
    read_receivers,
    read_secrets,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RULE = DEFAULTS[RuleId.STALLED_STAGE]
ALERT = alert_of(RULE, Fired(Reading(6.5, 3, "indexing", "Stage indexing stands."), NOON - timedelta(minutes=1)), NOON)


def test_a_signature_is_that_of_the_standard():
    """The vector of the reference implementations of Standard Webhooks."""
    secrets = read_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = headers_of("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', secrets, at)

    assert headers == {
        "content-type": "application/json",
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "idempotency-key": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_every_secret_signs_while_one_is_replaced_and_without_one_nothing_is_signed():
    both = headers_of("id", b"{}", read_secrets("old, new"), NOON)["webhook-signature"].split()
    each = [headers_of("id", b"{}", read_secrets(one), NOON)["webhook-signature"] for one in ("old", "new")]

    assert both == each
    assert "webhook-signature" not in headers_of("id", b"{}", read_secrets(" , "), NOON)


def test_a_secret_is_base64_after_its_prefix_or_plain_text():
    assert read_secrets(f"whsec_{base64.b64encode(b'key').decode()},plain") == (b"key", b"plain")
    with pytest.raises(InvalidInput, match="HEIMDEX_ALERT_WEBHOOK_SECRET") as error:
        read_secrets("whsec_n0t base64!")
    assert "n0t" not in str(error.value)


def test_receivers_show_their_host_and_nothing_of_their_path():
    one, two = read_receivers(
        "https://hooks.example.com/T0/secret , http://127.0.0.1:8080/, https://hooks.example.com/T0/secret"
    )

    assert one.name.startswith("hooks.example.com#")
    assert two.name.startswith("127.0.0.1:8080#")
    assert "secret" not in repr((one, two)) + one.name
    assert one.url == "https://hooks.example.com/T0/secret"
    assert read_receivers("") == ()


@pytest.mark.parametrize(
    "text", ["ftp://a/", "hooks.example.com", "http://", "http://a:b/", "http://a/ b", "http://a/\x00"]
)
def test_an_address_that_is_none_is_refused_without_being_shown(text):
    with pytest.raises(InvalidInput, match="HEIMDEX_ALERT_WEBHOOK_URL: address 2") as error:
        read_receivers(f"http://fine.example.com,{text}")
    assert text not in str(error.value)


@given(attempt=st.integers(1, MAX_ATTEMPTS + 5), spread=st.floats(0, 1))
def test_attempts_are_further_and_further_apart_and_come_to_an_end(attempt, spread):
    again = next_attempt(attempt, NOON, spread)

    assert (again is None) == (attempt >= MAX_ATTEMPTS)
    assert again is None or timedelta(seconds=4) <= again - NOON <= timedelta(minutes=18)


def test_all_attempts_together_take_hours():
    waits = [next_attempt(attempt, NOON, 0.5) - NOON for attempt in range(1, MAX_ATTEMPTS)]

    assert waits == sorted(waits)
    assert timedelta(hours=2) < sum(waits, timedelta(0)) < timedelta(hours=4)


def test_a_reply_is_good_when_it_is_of_the_two_hundreds():
    assert [Reply(status).is_good for status in (200, 204, 301, 404, 500, None)] == [True, True, *[False] * 4]
    assert Reply(204, "ignored").error == ""
    assert Reply(500).error == "HTTP 500"
    assert len(Reply(None, "x" * 900).error) == MAX_ERROR_CHARS


def test_the_body_says_everything_and_names_its_version():
    receivers = read_receivers("https://a.example.com/x,https://b.example.com/y")
    over = ended(ALERT, Resolved(Reading(0.5, 1), EndReason.KEPT), NOON + timedelta(minutes=9))
    notices = (Notice(AlertEvent.FIRED, ALERT), Notice(AlertEvent.RESOLVED, over))
    written = deliveries_of(notices, RULE, receivers, NOON)
    fired, resolved = json.loads(written[0].body), json.loads(written[3].body)

    assert [(one.event, one.receiver) for one in written] == [
        ("fired", receivers[0].name),
        ("fired", receivers[1].name),
        ("resolved", receivers[0].name),
        ("resolved", receivers[1].name),
    ]
    assert len({one.delivery_id for one in written}) == 4
    assert all("." not in one.delivery_id for one in written)
    assert {name: value for name, value in fired.items() if name != "data"} == {
        "type": "alert.fired",
        "version": 1,
        "timestamp": "2026-11-20T12:00:00Z",
    }
    assert fired["data"] == {
        "alert_id": ALERT.alert_id,
        "rule_id": "stalled_stage",
        "title": "A stage has work and ends none",
        "sentence": "Stage indexing stands.",
        "what_to_do": fired["data"]["what_to_do"],
        "documentation": "docs/alerts.md#stalled_stage",
        "about": "indexing",
        "unit": "ratio",
        "direction": "above",
        "value": 6.5,
        "worst_value": 6.5,
        "fire_threshold": 5.0,
        "samples": 3,
        "began_at": "2026-11-20T11:59:00Z",
        "fired_at": "2026-11-20T12:00:00Z",
    }
    assert resolved["type"] == "alert.resolved"
    assert resolved["data"] == fired["data"] | {
        "resolved_at": "2026-11-20T12:09:00Z",
        "resolved_value": 0.5,
        "end_reason": "kept",
    }


def test_an_end_is_never_before_the_beginning():
    over = ended(ALERT, Resolved(None, EndReason.DISABLED), NOON - timedelta(days=1))

    assert (over.resolved_at, over.resolved_value, over.end_reason) == (ALERT.fired_at, None, "disabled")
