"""A bill and its prices, for a person. Amounts keep every digit that counts, so that a column can be added up."""

from collections.abc import Callable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from client.cost_types import CostAnswer, CostRow, RateCard
from client.output import parse_time, size

__all__ = ["card_line", "card_table", "cost_lines", "cost_table"]

_PRICES = {
    "per_cpu_second": "second of CPU time",
    "per_gpu_second": "second of an accelerator",
    "per_joule": "joule",
    "per_gb_month": "GB stored for 30 days",
    "per_model_call": "call of a model",
}
_LEAST_DECIMALS = 2
_MINUTE, _HOUR = 60, 3600
_KILO = 1000


def cost_table(answer: CostAnswer) -> Table:
    """Return the bill, its total last; kinds that nothing measured have no column."""
    rows, total = answer.get("data", []), answer.get("total", CostRow())
    kinds = {name: show for name, show in _QUANTITIES.items() if show(total)}
    currency = answer.get("rate_card", {}).get("currency", "")
    table = Table(answer.get("group_by", ""), *kinds, currency, box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    amounts = _aligned([row.get("total_amount", "0") for row in (*rows, total)])
    for row, amount in zip(rows, amounts, strict=False):
        label = Text(_plain(row["key"])) if row.get("key") else Text(row.get("name", ""), "dim")
        table.add_row(label, *(show(row) or "-" for show in kinds.values()), amount)
    more = answer.get("total_rows", len(rows)) - len(rows)
    if more > 0:
        table.add_row(Text(f"and {more} more", "dim"))
    table.add_row("total", *(show(total) for show in kinds.values()), amounts[-1], style="bold")
    return table


def cost_lines(answer: CostAnswer) -> list[str]:
    """Say what the bill rests on, and what is not in it."""
    lines = []
    missing = answer.get("missing", 0)
    if missing:
        attempts = answer.get("measured", 0) + missing
        lines.append(f"CPU time of {missing} of {attempts} attempts was not measured and is not in it")
    return [*lines, card_line(answer.get("rate_card", RateCard()))]


def card_line(card: RateCard) -> str:
    """Say which prices these are."""
    if card.get("is_default"):
        return "no prices are set, so everything costs 0; see: heimdex rate-card set --help"
    at = parse_time(card.get("updated_at"))
    when = f" on {at:%Y-%m-%d}" if at else ""
    return f"prices: version {card.get('version', 0)}, set by {_plain(card.get('updated_by', ''))}{when}"


def card_table(card: RateCard) -> Table:
    """Return the prices."""
    table = Table("for a", card.get("currency", ""), box=None, pad_edge=False, header_style="bold")
    table.columns[1].justify = "right"
    models = card.get("per_model_call_of", [])
    names = [*_PRICES.values(), *(f"call of {one.get('model', '')}" for one in models)]
    texts = [*(str(card.get(name, "0")) for name in _PRICES), *(one.get("per_call", "0") for one in models)]
    for name, amount in zip(names, _aligned(texts), strict=True):
        table.add_row(Text(_plain(name)), amount)
    return table


def _plain(text: str) -> str:
    """Return text that does nothing to a terminal; ids are what other people chose."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _aligned(amounts: Sequence[str]) -> list[str]:
    """Return decimal numbers with as many decimals as the one that needs most."""
    pairs = [amount.partition(".")[::2] for amount in amounts]
    decimals = max(_LEAST_DECIMALS, *(len(part.rstrip("0")) for _, part in pairs))
    return [f"{whole}.{part[:decimals]:0<{decimals}}" for whole, part in pairs]


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.1f} s"
    return f"{seconds / _MINUTE:.1f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:,.1f} h"


def _energy(joules: float | None) -> str:
    if joules is None:
        return ""
    return f"{joules:.0f} J" if joules < _KILO else f"{joules / _KILO:,.1f} kJ"


def _stored(gb_months: float | None) -> str:
    return "" if gb_months is None else size(gb_months * 1e9).replace(" ", "\N{NO-BREAK SPACE}")


def _calls(calls: float | None) -> str:
    return "" if calls is None else f"{calls:,.0f}"


_QUANTITIES: Mapping[str, Callable[[CostRow], str]] = {
    "CPU": lambda row: _time(row.get("cpu_s")),
    "accelerator": lambda row: _time(row.get("gpu_s")),
    "energy": lambda row: _energy(row.get("joules")),
    "stored x months": lambda row: _stored(row.get("gb_months")),
    "model calls": lambda row: _calls(row.get("model_calls")),
}
"""Column to what stands in it; empty where nothing was measured."""
