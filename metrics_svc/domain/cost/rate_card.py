"""Prices. A price is a whole number of 10^-12 of the currency, so that every amount is exact."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from chassis.core.errors import FieldViolation, InvalidInput, StaleWrite

__all__ = [
    "CURRENCY",
    "DEFAULT_CARD",
    "MAX_MODEL_PRICES",
    "MAX_PRICE",
    "MODEL_PRICES",
    "PRICES",
    "PRICE_DECIMALS",
    "CardChange",
    "RateCard",
    "price_text",
    "read_price",
    "require_same",
]

PRICE_DECIMALS = 12
MAX_PRICE = 1_000_000
"""In whole units of the currency."""
MAX_MODEL_PRICES = 100
PRICES = ("per_cpu_second", "per_gpu_second", "per_joule", "per_gb_month", "per_model_call")
"""The fields of a card that are one price each."""
MODEL_PRICES, CURRENCY = "per_model_call_of", "currency"
_ONE = 10**PRICE_DECIMALS
_MAX_MODEL_CHARS = 512
_MAX_SHOWN_CHARS = 80
_PRICE = re.compile(rf"(?P<whole>[0-9]{{1,7}})(?:\.(?P<part>[0-9]{{1,{PRICE_DECIMALS}}}))?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCard:
    """One version of the prices, each in 10^-12 of the currency; version 0 is the card before anybody set a price."""

    version: int = 0
    currency: str = "EUR"
    per_cpu_second: int = 0
    per_gpu_second: int = 0
    per_joule: int = 0
    per_gb_month: int = 0
    per_model_call: int = 0
    per_model_call_of: Mapping[str, int] = field(default_factory=dict)
    updated_at: datetime | None = None
    updated_by: str = ""

    @property
    def is_default(self) -> bool:
        """Whether nobody set these prices."""
        return self.version == 0

    @property
    def etag(self) -> str:
        """What names this version and its content."""
        models = [f"{model}={price}" for model, price in sorted(self.per_model_call_of.items())]
        content = "\n".join([self.currency, *(str(getattr(self, name)) for name in PRICES), *models])
        return f'"{self.version}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"'

    def price_of_call(self, model: str) -> int:
        """Return the price of a call of `name@revision`: its own, that of its name, or the general one."""
        own = self.per_model_call_of.get(model)
        return own if own is not None else self.per_model_call_of.get(model.partition("@")[0], self.per_model_call)


DEFAULT_CARD = RateCard()
"""Nobody set a price: every amount is 0, and the card says that it means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardChange:
    """What shall become of a card: texts by field, and the list of model prices; None leaves it as it is."""

    texts: Mapping[str, str]
    model_prices: tuple[tuple[str, str], ...] | None = None

    def applied_to(self, card: RateCard, *, path: str = "rate_card") -> RateCard:
        """Return the card with the changes; version, time and author are still those of `card`.

        Raises:
            InvalidInput: with a violation per field that is wrong; `path` goes before its name.
        """
        faults: list[FieldViolation] = []
        found: dict[str, object] = {}
        for name, text in self.texts.items():
            value, fault = _currency(text) if name == CURRENCY else _price(text)
            found[name] = value
            faults += [FieldViolation(f"{path}.{name}", fault)] if fault else []
        if self.model_prices is not None:
            prices, wrong = _model_prices(self.model_prices, f"{path}.{MODEL_PRICES}")
            found[MODEL_PRICES] = prices
            faults += wrong
        if faults:
            first = faults[0]
            raise InvalidInput(
                f"{first.field}: {first.description}", reason="INVALID_RATE_CARD", violations=tuple(faults)
            )
        return replace(card, **found)  # type: ignore[arg-type]  # each value is of the type of its field


def require_same(etag: str, card: RateCard) -> None:
    """Raise unless the change was made for this version of the card.

    Raises:
        InvalidInput: no etag was brought.
        StaleWrite: it is that of another version.
    """
    if not etag:
        text = "is needed; read the card first"
        raise InvalidInput(
            f"rate_card.etag: {text}", reason="ETAG_REQUIRED", violations=(FieldViolation("rate_card.etag", text),)
        )
    if etag != card.etag:
        raise StaleWrite(
            "the rate card has changed since it was read; read it again and repeat",
            metadata={"etag": card.etag, "version": str(card.version)},
        )


def read_price(text: str) -> int:
    """Return a price in 10^-12 of the currency.

    Raises:
        ValueError: it is no decimal number of 0 to MAX_PRICE with at most PRICE_DECIMALS decimals.
    """
    match = _PRICE.fullmatch(text)
    price = int(match["whole"]) * _ONE + int((match["part"] or "").ljust(PRICE_DECIMALS, "0")) if match else -1
    if not 0 <= price <= MAX_PRICE * _ONE:
        raise ValueError(f"must be a decimal number of 0 to {MAX_PRICE} with at most {PRICE_DECIMALS} decimals")
    return price


def price_text(price: int) -> str:
    """Return a price as the shortest decimal number, such as `0.0000125`."""
    whole, part = divmod(price, _ONE)
    return f"{whole}.{part:0{PRICE_DECIMALS}d}".rstrip("0").rstrip(".")


def _price(text: str) -> tuple[int, str]:
    try:
        return read_price(text), ""
    except ValueError as error:
        return 0, str(error)


def _currency(text: str) -> tuple[str, str]:
    return text, "" if _CURRENCY.fullmatch(text) else "must be three capital letters (ISO 4217)"


def _model_prices(pairs: Iterable[tuple[str, str]], path: str) -> tuple[dict[str, int], list[FieldViolation]]:
    prices: dict[str, int] = {}
    faults: list[FieldViolation] = []
    for number, (model, text) in enumerate(pairs):
        here = f"{path}[{number}]"
        if number >= MAX_MODEL_PRICES:
            return prices, [*faults, FieldViolation(path, f"must be at most {MAX_MODEL_PRICES}")]
        if not 0 < len(model) <= _MAX_MODEL_CHARS or "\x00" in model:
            faults.append(FieldViolation(f"{here}.model", f"must have 1 to {_MAX_MODEL_CHARS} characters and no NUL"))
        elif model in prices:
            faults.append(FieldViolation(f"{here}.model", f"{model[:_MAX_SHOWN_CHARS]!r} is given more than once"))
        prices[model], fault = _price(text)
        faults += [FieldViolation(f"{here}.per_call", fault)] if fault else []
    return prices, faults
