"""Bills and prices: read the window, price what was used, cut the page; change the card only when it is the same."""

import asyncio
from dataclasses import replace
from datetime import datetime

from chassis.core.errors import FieldViolation, InvalidInput, NotFound, StaleWrite
from metrics_svc.domain.cost.cost import Bill, Grouping, make_bill
from metrics_svc.domain.cost.pages import PAGED, Pin, page_of, page_size_of, read_token
from metrics_svc.domain.cost.rate_card import CardChange, RateCard, require_same
from metrics_svc.domain.cost.report import CostQuestion, CostReport
from metrics_svc.ports.cost import CostStore

__all__ = ["cost", "rate_card", "simulated_cost", "update_rate_card"]


async def cost(asked: CostQuestion, *, store: CostStore, now: datetime) -> CostReport:
    """Answer what the work of a window cost."""
    return await _priced(asked, None, store, now)


async def simulated_cost(asked: CostQuestion, change: CardChange, *, store: CostStore, now: datetime) -> CostReport:
    """Answer what it would have cost with other prices, and how far that is from the present ones."""
    return await _priced(asked, change, store, now)


async def rate_card(version: int | None, *, store: CostStore) -> RateCard:
    """Answer a version of the prices, the present one when None.

    Raises:
        NotFound: there is no such version.
    """
    card = await store.rate_card(version)
    if card is None:
        raise NotFound("there is no such version of the rate card", reason="RATE_CARD_NOT_FOUND")
    return card


async def update_rate_card(
    change: CardChange, *, etag: str, is_trial: bool, author: str, store: CostStore, now: datetime
) -> RateCard:
    """Keep the changed card as a new version and return it; a trial only returns it, a change of nothing the old one.

    Raises:
        InvalidInput: a price is wrong, or the etag is missing.
        StaleWrite: the card is not the one with this etag any more.
    """
    present = await rate_card(None, store=store)
    changed = change.applied_to(present)
    require_same(etag, present)
    if changed == present and not present.is_default:
        return present
    new = replace(changed, version=present.version + 1, updated_at=now, updated_by=author)
    if not is_trial and not await store.add_rate_card(new):
        raise StaleWrite("the rate card has changed in this moment; read it again and repeat")
    return new


async def _priced(asked: CostQuestion, change: CardChange | None, store: CostStore, now: datetime) -> CostReport:
    grouping, size = _grouping(asked), page_size_of(asked.page_size)
    words = f"{asked.identity} {change}"
    place = read_token(asked.page_token, words)
    if place is None:
        window = asked.question.window(now)
        base = await rate_card(asked.card_version, store=store)
        pin = Pin(window, now, base.version)
    else:
        pin = place.pin
        base = await rate_card(pin.card_version, store=store)
    card = base if change is None else change.applied_to(base)
    bill, before = await _bills(asked.question.owner_id, grouping, pin, (card, base), store)
    page = page_of(bill, place=place, size=size if grouping in PAGED else len(bill.lines), pin=pin, question=words)
    return CostReport(
        grouping=grouping,
        lines=page.lines,
        next_token=page.next_token,
        total=bill.total,
        total_rows=len(bill.lines),
        window=pin.window,
        card=card,
        compared_with=None if change is None else base,
        totals_before={line.key: line.total for line in before.lines},
        total_before=before.total.total,
    )


async def _bills(
    owner_id: str, grouping: Grouping, pin: Pin, cards: tuple[RateCard, RateCard], store: CostStore
) -> tuple[Bill, Bill]:
    """Return the same work priced with each card."""
    window = pin.window
    work = await store.work(window, owner_id, grouping)
    stored = (
        await store.storage(replace(window, end=min(window.end, pin.until)), owner_id, grouping)
        if window.start < pin.until
        else ()
    )
    days = tuple(day.isoformat() for day in window.days) if grouping is Grouping.DAY else ()

    def price(card: RateCard) -> Bill:
        return make_bill(work, stored, card, grouping=grouping, always=days)

    # In a thread: the bill of a year by video takes seconds, and nobody else shall wait for it.
    bill = await asyncio.to_thread(price, cards[0])
    return bill, bill if cards[0] == cards[1] else await asyncio.to_thread(price, cards[1])


def _grouping(asked: CostQuestion) -> Grouping:
    try:
        grouping = Grouping(asked.group_by or Grouping.STAGE)
    except ValueError as error:
        raise _refusal("group_by", f"must be one of {', '.join(Grouping)}") from error
    if asked.page_token and grouping not in PAGED:
        raise _refusal("page_token", f"is only for {' and '.join(sorted(PAGED))}; the other groupings come whole")
    return grouping


def _refusal(field: str, text: str) -> InvalidInput:
    return InvalidInput(f"{field}: {text}", reason="INVALID_COST", violations=(FieldViolation(field, text),))
