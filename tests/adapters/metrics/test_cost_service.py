"""Cost and prices through HTTP: the gateway, the service, and a real database."""

from datetime import UTC, datetime, timedelta

import pytest

from metrics_svc.adapters.event_store import PostgresEventStore
from metrics_svc.codec.events import decode_stage_event
from tests.support.admin_lab import USER, admin_lab, golden
from tests.support.metrics_samples import stage_event

CARD, COST = "/v1/admin/rate-card", "/v1/admin/cost"
DAY = datetime(2026, 10, 5, tzinfo=UTC)
WINDOW = {"start_at": "2026-10-05T00:00:00Z", "end_at": "2026-10-07T00:00:00Z"}
GROUPINGS = ("stage", "video", "owner", "day", "model")
PRICES = {
    "per_cpu_second": "0.00002",
    "per_gpu_second": "0.0006",
    "per_joule": "0.0000001",
    "per_gb_month": "0.02",
    "per_model_call": "0.001",
    "per_model_call_of": [{"model": "clip", "per_call": "0.0005"}],
}
SECOND = 1_000_000_000


@pytest.fixture
async def lab(tmp_path, new_database, bus_url):
    async with admin_lab(tmp_path, await new_database("metrics_svc", "metrics"), bus_url) as lab:
        yield lab


async def set_prices(lab, prices=None):
    etag = (await lab.http.get(CARD)).json()["etag"]
    answer = await lab.http.patch(CARD, json={**(prices or PRICES), "etag": etag})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def fill(lab):
    """Two videos of two owners, two days, a failed attempt, one that nobody measured, and what they store."""
    noon = DAY + timedelta(hours=12)
    events = [
        stage_event(
            1,
            owner_id="ann",
            stage="TRANSCRIPTION",
            model="base@1",
            finished_at=noon,
            cpu_ns=90 * SECOND,
            model_calls=12,
        ),
        stage_event(
            1,
            owner_id="ann",
            stage="SCENE_PROCESSING",
            model="clip@2",
            finished_at=noon,
            event_id="a",
            cpu_ns=30 * SECOND,
            gpu_ns=1_500_000_000,
            energy_uj=2_000_000_000,
            model_calls=40,
        ),
        stage_event(
            2,
            owner_id="bob",
            stage="TRANSCRIPTION",
            model="base@1",
            finished_at=noon + timedelta(days=1),
            outcome="FAILED",
            cpu_ns=10 * SECOND,
            model_calls=5,
        ),
        stage_event(2, owner_id="bob", stage="INDEXING", finished_at=noon + timedelta(days=1)),
    ]
    samples = [decode_stage_event(event.SerializeToString(), datetime.now(UTC)) for event in events]
    await PostgresEventStore(lab.database).add(samples)
    async with lab.database.connection() as connection:
        await connection.executemany(
            "INSERT INTO metrics.storage_spans (video_id, owner_id, kind, bytes, from_at, until_at)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            [
                ("v1", "ann", "source", 3 * 10**9, DAY, None),
                ("v2", "bob", "source", 5 * 10**9, DAY + timedelta(days=1), DAY + timedelta(days=1, hours=12)),
                ("", "", "index", 10**9, DAY, None),
            ],
        )


async def cost(lab, **params: object):
    answer = await lab.http.get(COST, params={**WINDOW, **params})
    assert answer.status_code == 200, answer.text
    return answer.json()


def by_key(answer):
    return {row.get("key", row.get("name")): row["total_amount"] for row in answer.get("data", [])}


def faulty_fields(answer):
    assert answer.status_code == 400, answer.text
    return [one["field"] for detail in answer.json()["details"] for one in detail.get("field_violations", [])]


async def test_before_anybody_set_a_price_everything_is_counted_and_costs_nothing(lab):
    await fill(lab)
    card, answer = (await lab.http.get(CARD)).json(), await cost(lab)

    assert (card["is_default"], card["currency"], card["per_cpu_second"], card.get("version")) == (
        True,
        "EUR",
        "0",
        None,
    )
    assert (answer["total"]["cpu_s"], answer["total"]["total_amount"]) == (130, "0.000000000")
    assert answer["rate_card"] == card


async def test_the_bill_is_the_one_worked_out_by_hand(lab):
    """R-AD3-01: fixture's bill = hand computation; sum of stages = sum of videos = total."""
    await fill(lab)
    await set_prices(lab)
    answers = {grouping: await cost(lab, group_by=grouping) for grouping in GROUPINGS}

    assert by_key(answers["stage"]) == {
        "transcription": "0.019000000",  # 100 s x 0.00002 + 17 calls x 0.001
        "scene_processing": "0.021700000",  # 30 s x 0.00002 + 1.5 s x 0.0006 + 2,000 J x 0.0000001 + 40 x 0.0005
        "indexing": "0.000000000",  # nobody measured it
        "storage": "0.007000000",  # (3 GB x 2 d + 5 GB x 12 h + 1 GB x 2 d) / 30 d x 0.02
    }
    assert by_key(answers["video"]) == {"v1": "0.039500000", "v2": "0.006866667", "shared": "0.001333333"}
    assert by_key(answers["owner"]) == {"ann": "0.039500000", "bob": "0.006866667", "shared": "0.001333333"}
    assert by_key(answers["day"]) == {"2026-10-05": "0.038166667", "2026-10-06": "0.009533333"}
    assert by_key(answers["model"]) == {
        "none": "0.000000000",
        "base@1": "0.019000000",
        "clip@2": "0.021700000",
        "storage": "0.007000000",
    }
    assert {answer["total"]["total_amount"] for answer in answers.values()} == {"0.047700000"}
    assert {answer["total"]["total"] for answer in answers.values()} == {0.0477}


@pytest.mark.parametrize("grouping", GROUPINGS)
async def test_the_answer_looks_as_it_did(lab, grouping):
    """R-AD2-14, for cost."""
    await fill(lab)
    await set_prices(lab)
    answer = await cost(lab, group_by=grouping)
    assert answer["rate_card"].pop("updated_at")

    assert answer == golden(f"cost_by_{grouping}", answer)


async def test_attempts_that_nobody_measured_are_counted_as_missing(lab):
    """R-AD2-11."""
    await fill(lab)
    answer = await cost(lab)
    (indexing,) = [row for row in answer["data"] if row["key"] == "indexing"]

    assert (answer["measured"], answer["missing"]) == (3, 1)
    assert (indexing["attempts_missing"], "cpu_s" in indexing, "cpu_amount" in indexing) == (1, False, False)


async def test_one_owner_has_what_is_that_owners(lab):
    await fill(lab)
    await set_prices(lab)

    assert by_key(await cost(lab, owner_id="ann", group_by="video")) == {"v1": "0.039500000"}
    assert by_key(await cost(lab, owner_id="nobody", group_by="stage")) == {}


async def test_other_prices_are_tried_without_keeping_them(lab):
    await fill(lab)
    await set_prices(lab)
    body = {**WINDOW, "group_by": "stage", "rate_card": {"per_cpu_second": "0.00001", "per_gpu_second": "0.0012"}}
    answer = (await lab.http.post(f"{COST}:simulate", json=body)).json()
    differences = {row["key"]: row["difference_amount"] for row in answer.get("data", [])}

    assert differences == {
        "transcription": "-0.001000000",
        "scene_processing": "0.000600000",
        "indexing": "0.000000000",
        "storage": "0.000000000",
    }
    assert answer["total"]["difference_amount"] == "-0.000400000"
    assert answer["compared_with"] == (await lab.http.get(CARD)).json()
    assert (answer["rate_card"]["per_joule"], "etag" in answer["rate_card"]) == ("0.0000001", False)
    assert (await cost(lab))["total"]["total_amount"] == "0.047700000"
    got = await lab.http.post(f"{COST}:simulate", json={"rate_card": {"per_joule": "-1"}})
    assert faulty_fields(got) == ["rate_card.per_joule"]


async def test_an_old_card_still_prices_what_it_priced(lab):
    await fill(lab)
    await set_prices(lab)
    await set_prices(lab, {"per_cpu_second": "0", "currency": "USD"})
    old, new = await cost(lab, rate_card_version=1), await cost(lab)

    assert (old["total"]["total_amount"], new["total"]["total_amount"]) == ("0.047700000", "0.045100000")
    assert (old["rate_card"]["currency"], new["rate_card"]["currency"], new["rate_card"]["version"]) == (
        "EUR",
        "USD",
        2,
    )
    assert (await lab.http.get(COST, params={"rate_card_version": 3})).status_code == 404
    assert (await lab.http.get(CARD, params={"version": -1})).status_code == 404


async def test_prices_change_only_for_who_knows_the_present_ones(lab):
    """R-AD3-01: etag-guarded."""
    first = await set_prices(lab)
    without = await lab.http.patch(CARD, json={"per_joule": "1"})
    stale = await lab.http.patch(CARD, json={"per_joule": "1", "etag": '"0-abc"'})
    tried = await lab.http.patch(f"{CARD}?validate_only=true", json={"per_joule": "1", "etag": first["etag"]})

    assert faulty_fields(without) == ["rate_card.etag"]
    assert stale.status_code == 409
    assert (tried.json()["per_joule"], tried.json()["version"]) == ("1", 2)
    assert (await lab.http.get(CARD)).json() == first
    assert (first["updated_by"], first["version"], first["per_model_call_of"]) == (
        "ada",
        1,
        PRICES["per_model_call_of"],
    )


async def test_a_mask_says_what_changes_and_can_empty_the_list(lab):
    first = await set_prices(lab)
    body = {"per_joule": "1", "per_cpu_second": "9", "etag": first["etag"]}
    changed = (await lab.http.patch(f"{CARD}?update_mask=per_joule,per_model_call_of", json=body)).json()
    wrong = await lab.http.patch(f"{CARD}?update_mask=etag", json={"etag": changed["etag"]})
    empty = await lab.http.patch(f"{CARD}?update_mask=per_joule", json={"etag": changed["etag"]})

    assert (changed["per_joule"], changed["per_cpu_second"], "per_model_call_of" in changed) == ("1", "0.00002", False)
    assert faulty_fields(wrong) == ["update_mask"]
    assert faulty_fields(empty) == ["rate_card.per_joule"]


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({"range": "0d"}, ["range"]),
        ({"range": "366d"}, ["range"]),
        ({"range": "abc"}, ["range"]),
        ({"start_at": WINDOW["end_at"], "end_at": WINDOW["start_at"]}, ["end_at"]),
        ({"group_by": "colour"}, ["group_by"]),
        ({"group_by": "video", "page_size": "1001"}, ["page_size"]),
        ({"group_by": "video", "page_size": "-1"}, ["page_size"]),
        ({"group_by": "video", "page_token": "x"}, ["page_token"]),
        ({"page_token": "x"}, ["page_token"]),
        ({"rate_card_version": "x"}, ["rate_card_version"]),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_with_the_field(lab, params, fields):
    """R-AD2-06."""
    assert faulty_fields(await lab.http.get(COST, params=params)) == fields


async def test_nothing_used_is_an_answer(lab):
    """R-AD2-07."""
    for grouping in GROUPINGS:
        answer = (await lab.http.get(COST, params={"group_by": grouping, "range": "7d"})).json()

        assert answer["total"]["total_amount"] == "0.000000000"
        assert len(answer.get("data", [])) == (7 if grouping == "day" else 0)


async def test_only_an_administrator_is_answered(lab):
    """R-AD1-06."""
    headers = {"Authorization": f"Bearer {USER}"}
    for answer in (
        await lab.http.get(COST, headers=headers),
        await lab.http.get(CARD, headers=headers),
        await lab.http.post(f"{COST}:simulate", json={}, headers=headers),
        await lab.http.patch(CARD, json={}, headers=headers),
    ):
        assert answer.status_code == 403
