"""`heimdex rate-card`: the prices behind `heimdex cost`."""

import click

from client.cost_types import ModelPrice, RateCard
from client.cost_view import card_line, card_table
from client.output import console, print_json, stderr
from client.session import connect

__all__ = ["rate_card"]


@click.group("rate-card")
def rate_card() -> None:
    """Show or set what a second, a joule, a gigabyte and a call cost. Needs an administrator's token."""


@rate_card.command()
@click.option("--version", type=click.IntRange(0), help="An earlier version; 0 is the card before anybody set a price.")
@click.option("--json", "as_json", is_flag=True, help="Print the card as JSON.")
def show(*, version: int | None, as_json: bool) -> None:
    """Show the prices."""
    with connect(as_admin=True) as client:
        card = client.rate_card(version=version)
    _print(card, as_json=as_json)


@rate_card.command("set")
@click.option("--cpu-second", "per_cpu_second", metavar="PRICE", help="Of a second of CPU time, e.g. 0.0000125.")
@click.option("--gpu-second", "per_gpu_second", metavar="PRICE", help="Of a second that an accelerator is held.")
@click.option("--joule", "per_joule", metavar="PRICE", help="Of a joule; a kilowatt-hour is 3,600,000.")
@click.option("--gb-month", "per_gb_month", metavar="PRICE", help="Of 10^9 bytes stored for 30 days.")
@click.option("--model-call", "per_model_call", metavar="PRICE", help="Of a call of any model without its own.")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL=PRICE",
    help="Of a call of this model, name@revision or name; an empty price takes it off the card. May be repeated.",
)
@click.option("--currency", metavar="CODE", help="Three capital letters, e.g. EUR.")
@click.option("--dry-run", "is_trial", is_flag=True, help="Check, show the card as it would be, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the new card as JSON.")
def set_prices(*, models: tuple[str, ...], is_trial: bool, as_json: bool, **prices: str | None) -> None:
    """Change the prices that are named; the others stay. Earlier versions are kept."""
    given = {name: text for name, text in prices.items() if text is not None}
    if not given and not models:
        raise click.UsageError("name a price, e.g. --cpu-second 0.0000125")
    with connect(as_admin=True) as client:
        card = client.rate_card()
        wanted: RateCard = {**card, **given}  # type: ignore[typeddict-item]  # the options are its prices
        if models:
            wanted["per_model_call_of"] = _merged(card.get("per_model_call_of", []), models)
        fields = [*given, *(["per_model_call_of"] if models else [])]
        changed = client.change_rate_card(wanted, fields=fields, is_trial=is_trial)
    _print(changed, as_json=as_json)
    if is_trial:
        stderr().print("nothing was changed", style="dim")


def _merged(present: list[ModelPrice], changes: tuple[str, ...]) -> list[ModelPrice]:
    prices = {one.get("model", ""): one.get("per_call", "") for one in present}
    for change in changes:
        model, equals, price = change.rpartition("=")
        if not model or not equals:
            raise click.BadParameter("must be MODEL=PRICE", param_hint="--model")
        prices[model] = price
    return [{"model": model, "per_call": price} for model, price in prices.items() if price]


def _print(card: RateCard, *, as_json: bool) -> None:
    if as_json:
        print_json(card)
        return
    console().print(card_table(card))
    stderr().print(card_line(card), style="dim", markup=False)
