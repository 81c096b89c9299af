from datetime import UTC, datetime

import pytest

from chassis.core.errors import InvalidInput, StaleWrite
from metrics_svc.domain.cost.rate_card import (
    DEFAULT_CARD,
    MAX_MODEL_PRICES,
    CardChange,
    RateCard,
    price_text,
    read_price,
    require_same,
)

CENT = 10**10


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("0", 0),
        ("1", 10**12),
        ("0.01", CENT),
        ("0.000000000001", 1),
        ("1000000", 10**18),
        ("0.10", 10**11),
        ("007", 7 * 10**12),
    ],
)
def test_a_price_is_read_exactly(text, price):
    assert price == read_price(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "-1",
            "+1",
            "1.",
            ".5",
            "1e3",
            "NaN",
            "Infinity",
            "0x10",
            "1,5",
            "1_000",
            "\N{ARABIC-INDIC DIGIT ONE}",
            "1 ",
            "1\n",
            "=1",
            "0.1.2",
        ),
        *("1000000.000000000001", "1000001", "0.0000000000001", "9" * 5_000),
    ],
)
def test_what_is_no_price_is_refused(text):
    """R-AD3-01: decimal, not negative, bounded."""
    with pytest.raises(ValueError, match="must be a decimal number of 0 to 1000000 with at most 12 decimals"):
        read_price(text)


@pytest.mark.parametrize(
    ("price", "text"), [(0, "0"), (1, "0.000000000001"), (10**13, "10"), (125 * 10**5, "0.0000125")]
)
def test_a_price_is_written_as_short_as_it_can_be(price, text):
    assert text == price_text(price)


def test_a_change_leaves_alone_what_it_does_not_name():
    card = RateCard(per_cpu_second=1, per_gpu_second=2, per_model_call_of={"base": 3})
    changed = CardChange(texts={"per_gpu_second": "0.01"}).applied_to(card)

    assert changed == RateCard(per_cpu_second=1, per_gpu_second=CENT, per_model_call_of={"base": 3})


def test_every_wrong_field_of_a_change_is_named_at_once():
    change = CardChange(
        texts={"per_joule": "-1", "currency": "euro", "per_cpu_second": "0.1"},
        model_prices=(("", "1"), ("base", "x"), ("clip", "1"), ("clip", "2"), ("a\x00b", "1")),
    )
    with pytest.raises(InvalidInput) as refused:
        change.applied_to(DEFAULT_CARD)

    assert [violation.field for violation in refused.value.violations] == [
        "rate_card.per_joule",
        "rate_card.currency",
        "rate_card.per_model_call_of[0].model",
        "rate_card.per_model_call_of[1].per_call",
        "rate_card.per_model_call_of[3].model",
        "rate_card.per_model_call_of[4].model",
    ]


def test_the_list_of_model_prices_is_bounded():
    prices = tuple((f"m{number}", "1") for number in range(MAX_MODEL_PRICES + 1))
    with pytest.raises(InvalidInput) as refused:
        CardChange(texts={}, model_prices=prices).applied_to(DEFAULT_CARD)

    assert [violation.field for violation in refused.value.violations] == ["rate_card.per_model_call_of"]
    assert len(CardChange(texts={}, model_prices=prices[:-1]).applied_to(DEFAULT_CARD).per_model_call_of) == 100


def test_a_call_has_the_price_of_its_revision_of_its_name_or_of_any():
    card = RateCard(per_model_call=1, per_model_call_of={"base": 2, "base@2": 0})

    assert [1, 2, 0, 1] == [card.price_of_call(model) for model in ("", "base@1", "base@2", "base2@1")]


def test_an_etag_names_version_and_content():
    card = RateCard(version=1, per_cpu_second=1)
    others = [
        RateCard(version=2, per_cpu_second=1),
        RateCard(version=1, per_cpu_second=2),
        RateCard(version=1, per_gpu_second=1),
        RateCard(version=1, per_cpu_second=1, currency="USD"),
        RateCard(version=1, per_cpu_second=1, per_model_call_of={"base": 0}),
    ]

    assert len({card.etag, *(other.etag for other in others)}) == 6
    assert card.etag == RateCard(version=1, per_cpu_second=1, updated_at=datetime(2026, 1, 1, tzinfo=UTC)).etag


def test_an_update_without_an_etag_is_refused_with_the_field_and_one_with_another_etag_is_stale():
    require_same(DEFAULT_CARD.etag, DEFAULT_CARD)
    with pytest.raises(InvalidInput) as refused:
        require_same("", DEFAULT_CARD)
    with pytest.raises(StaleWrite):
        require_same('"7-abc"', DEFAULT_CARD)

    assert [violation.field for violation in refused.value.violations] == ["rate_card.etag"]
