"""Alerts through HTTP: the gateway, the service with its own watch, a real database, and somebody to tell."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from click.testing import CliRunner

from chassis.io.identity import generate_key_pair, mint_token
from chassis.io.postgres import Database
from chassis.io.service import running_service
from chassis.io.settings import Secret
from client.cli import main
from deploy.local.addresses import free_address
from metrics_svc.app import build
from metrics_svc.domain.alerts.rules import DEFAULTS, RuleId
from metrics_svc.settings import Settings
from tests.support.admin_lab import DESCRIPTORS
from tests.support.alert_lab import SECRET, receiving
from tests.support.eventually import eventually
from tests.support.gateway_lab import serving

ALERTS, RULES, DELIVERIES = "/v1/admin/alerts", "/v1/admin/alert-rules", "/v1/admin/alert-deliveries"
DISK = f"{RULES}/low_disk"
KEYS = generate_key_pair()
ADMIN, USER = mint_token(KEYS.private_pem, subject="ada", is_admin=True), mint_token(KEYS.private_pem, subject="ursula")


@pytest.fixture
async def receiver():
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def database(new_database):
    url = await new_database("metrics_svc", "metrics")
    async with Database.open(url, max_connections=2) as database:
        database.url = url
        yield database


@pytest.fixture
async def http(tmp_path, database, bus_url, receiver):
    key = tmp_path / "public.pem"
    key.write_bytes(KEYS.public_pem)
    settings = Settings(
        nats_url=Secret(bus_url),
        public_key_file=key,
        grpc_address=str(free_address()),
        ops_address=str(free_address()),
        database_url=Secret(database.url),
        alert_period_seconds=1.0,
        alert_webhook_url=Secret(receiver.url),
        alert_webhook_secret=Secret(SECRET.decode()),
    )
    async with (
        running_service("metrics_svc", settings, build),
        serving(DESCRIPTORS, settings.grpc_address, proto_names=True) as url,
        httpx.AsyncClient(base_url=url, timeout=30, headers={"Authorization": f"Bearer {ADMIN}"}) as http,
    ):
        yield http


async def rule(http, rule_id="low_disk"):
    return next(one for one in (await http.get(RULES)).json()["data"] if one["rule_id"] == rule_id)


async def change(http, **numbers: object):
    answer = await http.patch(DISK, json={"etag": (await rule(http))["etag"], **numbers})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def disk(database, free):
    """The disk has so many percent free."""
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO metrics.stores VALUES ('objects', $1, $2, 100)"
            " ON CONFLICT (store) DO UPDATE SET free_bytes = excluded.free_bytes, scanned_at = excluded.scanned_at",
            datetime.now(UTC),
            free,
        )


async def test_a_full_disk_is_listed_and_told_and_so_is_its_end(http, database, receiver):
    """R-AD3-04, with the clock of the machine and nobody who turns it."""
    await change(http, fire_after_s=0, resolve_after_s=0)
    await disk(database, 5)
    await eventually(lambda: receiver.heard == [("alert.fired", "low_disk")])
    (alert,) = (await http.get(ALERTS, params={"is_current": "true"})).json()["data"]

    assert (
        alert.items()
        >= {
            "rule_id": "low_disk",
            "state": "firing",
            "title": "The disk is nearly full",
            "documentation": "docs/alerts.md#low_disk",
            "about": "objects",
            "unit": "percent",
            "value": 5.0,
            "latest_value": 5.0,
            "worst_value": 5.0,
            "fire_threshold": 10.0,
            "samples": 1,
        }.items()
    )
    assert alert["sentence"].endswith("5 percent.")

    await disk(database, 60)
    await eventually(lambda: len(receiver.heard) == 2)
    (alert,) = (await http.get(ALERTS, params={"range": "1d"})).json()["data"]
    deliveries = (await http.get(DELIVERIES, params={"alert_id": alert["alert_id"]})).json()

    assert receiver.heard[1] == ("alert.resolved", "low_disk")
    assert all(post.is_signed_with(SECRET) for post in receiver.tried)
    assert (alert["state"], alert["end_reason"], alert["latest_value"]) == ("resolved", "kept", 60.0)
    assert (await http.get(ALERTS, params={"is_current": "true"})).json().get("data", []) == []
    assert [(one["event"], one["attempts"]) for one in deliveries["data"]] == [("resolved", 1), ("fired", 1)]
    assert deliveries["receivers"] == [deliveries["data"][0]["receiver"]]
    assert "T0KEN" not in str(deliveries)


async def test_rules_say_all_there_is_to_know_and_which_have_no_data(http):
    await eventually(lambda: _is_looked_at(http))
    answer = (await http.get(RULES)).json()
    rtf = await rule(http, "high_rtf")

    assert [one["rule_id"] for one in answer["data"]] == list(RuleId)
    assert answer["measured"] + answer["missing"] == len(RuleId)
    assert (
        rtf.items()
        >= {
            "is_enabled": True,
            "is_default": True,
            "fire_threshold": 2.0,
            "resolve_threshold": 1.5,
            "fire_after_s": 600.0,
            "window_s": 3600.0,
            "min_samples": 5,
            "direction": "above",
            "state": "unknown",
        }.items()
    )
    assert "latest_value" not in rtf
    assert "window_s" not in await rule(http, "low_disk")


async def _is_looked_at(http):
    return "evaluated_at" in (await http.get(ALERTS)).json()


async def test_a_rule_is_changed_by_whoever_read_it_last_and_goes_back_to_its_default(http):
    first = await rule(http)
    changed = await change(http, fire_threshold=3, resolve_threshold=4)

    assert (changed["fire_threshold"], changed["fire_after_s"], changed["updated_by"]) == (3.0, 300.0, "ada")
    assert "is_default" not in changed
    late = await http.patch(DISK, json={"etag": first["etag"], "fire_threshold": 2})
    assert (late.status_code, late.json()["code"]) == (409, 10)
    back = await http.patch(DISK, params={"reset_to_default": "true"}, json={"etag": changed["etag"]})
    assert back.json()["fire_threshold"] == DEFAULTS[RuleId.LOW_DISK].fire_threshold


async def test_a_rule_that_was_read_can_be_sent_back_as_a_whole(http):
    """What the mesh sets itself is ignored."""
    read = await rule(http)
    answer = await http.patch(DISK, json={**read, "fire_threshold": 7.0, "title": "mine", "state": "firing"})

    assert answer.status_code == 200, answer.text
    assert (await rule(http))["fire_threshold"] == 7.0
    assert (await rule(http))["title"] == read["title"]


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        (("PATCH", DISK, {"fire_threshold": 3}), 400, "alert_rule.etag"),
        (("PATCH", DISK, {"etag": "", "fire_threshold": "NaN"}), 400, "alert_rule.etag"),
        (("PATCH", f"{RULES}/nothing", {"etag": "x"}), 404, None),
        (("POST", f"{DISK}:silence", {}), 400, "duration_s"),
        (("POST", f"{DISK}:silence", {"duration_s": -1}), 400, "duration_s"),
        (("POST", f"{DISK}:silence", {"duration_s": 60, "clear": True}), 400, "clear"),
        (("POST", f"{DISK}:silence", {"until_at": "2020-01-01T00:00:00Z"}), 400, "until_at"),
        (("POST", f"{RULES}/nothing:silence", {"duration_s": 60}), 404, None),
        (("GET", f"{ALERTS}?range=0d", None), 400, "range"),
        (("GET", f"{ALERTS}?range=366d", None), 400, "range"),
        (("GET", f"{ALERTS}?range=abc", None), 400, "range"),
        (("GET", f"{ALERTS}?range=1d&is_current=true", None), 400, "is_current"),
        (("GET", f"{ALERTS}?rule_id=nothing", None), 404, None),
        (("GET", f"{ALERTS}?page_size=501", None), 400, "page_size"),
        (("GET", f"{ALERTS}?page_token=WzEsMl0=", None), 400, "page_token"),
        (("GET", f"{ALERTS}?page_token=%C3%BC", None), 400, "page_token"),
        (("GET", f"{DELIVERIES}?page_size=-1", None), 400, "page_size"),
        (("GET", f"{DELIVERIES}?page_token=InRleHQi", None), 400, "page_token"),
        (("GET", f"{DELIVERIES}?alert_id=a%00b", None), 400, "alert_id"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_field(http, asked, status, field):
    method, path, body = asked
    answer = await http.request(method, path, json=body)
    violations = [
        violation["field"] for detail in answer.json()["details"] for violation in detail.get("field_violations", [])
    ]

    assert (answer.status_code, violations) == (status, [field] if field else [])


async def test_a_number_that_is_none_is_refused_with_its_field(http):
    etag = (await rule(http))["etag"]
    for name in ("fire_threshold", "resolve_after_s"):
        answer = await http.patch(DISK, json={"etag": etag, name: "NaN"})

        assert answer.status_code == 400
        assert f"alert_rule.{name}" in answer.text


async def test_a_silence_is_shown_until_it_is_cleared(http):
    answer = (await http.post(f"{DISK}:silence", json={"duration_s": 7200, "comment": "moving house"})).json()
    ahead = datetime.fromisoformat(answer["silenced_until"]) - datetime.now(UTC)

    assert timedelta(minutes=119) < ahead <= timedelta(hours=2)
    assert (answer["silenced_by"], answer["silence_comment"]) == ("ada", "moving house")
    assert await rule(http) == answer | {key: value for key, value in (await rule(http)).items() if key == "state"}
    cleared = (await http.post(f"{DISK}:silence", json={"clear": True})).json()
    assert not {"silenced_until", "silenced_by", "silence_comment"} & set(cleared)


async def test_only_administrators_see_and_change_alerts(http):
    """R-AD1-06."""
    for method, path in [
        ("GET", ALERTS),
        ("GET", RULES),
        ("GET", DELIVERIES),
        ("PATCH", DISK),
        ("POST", f"{DISK}:silence"),
    ]:
        answer = await http.request(method, path, json={}, headers={"Authorization": f"Bearer {USER}"})

        assert answer.status_code == 403, path


async def test_alerts_rules_and_deliveries_come_as_files(http):
    for path in (ALERTS, RULES, DELIVERIES):
        answer = await http.get(path, params={"format": "csv"})

        assert answer.status_code == 200, answer.text
        assert "rule_id" in answer.text.splitlines()[0]


async def test_the_command_shows_rules_and_silences_one(http, monkeypatch, tmp_path):
    """What the command asks is what the mesh understands."""
    await eventually(lambda: _is_looked_at(http))
    monkeypatch.setenv("HEIMDEX_URL", str(http.base_url))
    monkeypatch.setenv("HEIMDEX_TOKEN", ADMIN)
    monkeypatch.setenv("HEIMDEX_DATA_DIR", str(tmp_path))

    async def heimdex(*arguments: str):
        return await asyncio.to_thread(CliRunner().invoke, main, ["alerts", *arguments])

    shown, listed = await heimdex("rules"), await heimdex("--all", "--range", "365d")
    silenced = await heimdex("silence", "high_rtf", "--for", "2h", "--comment", "a long night")

    assert [line.split()[0] for line in shown.stdout.splitlines()[1:]] == list(RuleId)
    assert listed.stdout == "no alert in this time\n"
    assert silenced.stdout.startswith("nobody is told of high_rtf until")
    assert (await rule(http, "high_rtf"))["silence_comment"] == "a long night"
    assert (await heimdex("silence", "nothing", "--for", "2h")).exit_code == 5
