"""Bills and rate cards as messages. A kind that nothing measured stays absent, in quantity and in amount."""

from chassis.core.errors import FieldViolation, InvalidInput
from heimdex.metrics.v1 import cost_pb2
from metrics_svc.codec.wire import optional, question_of, stamp_of
from metrics_svc.domain.cost.cost import AMOUNT_DECIMALS, BASE_UNITS, Grouping, Kind, Line, amount_text
from metrics_svc.domain.cost.rate_card import CURRENCY, MODEL_PRICES, PRICES, CardChange, RateCard, price_text
from metrics_svc.domain.cost.report import CostQuestion, CostReport

__all__ = ["card_change", "cost_question", "decode_update", "encode_card", "encode_cost"]

_QUANTITIES = {
    Kind.CPU: "cpu_s",
    Kind.GPU: "gpu_s",
    Kind.ENERGY: "joules",
    Kind.STORAGE: "gb_months",
    Kind.CALLS: "model_calls",
}
_AMOUNTS = {
    Kind.CPU: "cpu_amount",
    Kind.GPU: "gpu_amount",
    Kind.ENERGY: "energy_amount",
    Kind.STORAGE: "storage_amount",
    Kind.CALLS: "model_calls_amount",
}
_NAMES = {Grouping.VIDEO: "shared", Grouping.OWNER: "shared", Grouping.MODEL: "none"}
"""What a row without a key is called."""


def cost_question(request: cost_pb2.GetCostRequest | cost_pb2.SimulateCostRequest) -> CostQuestion:
    """Read what is asked.

    Raises:
        InvalidInput: a time is given that no date can hold.
    """
    is_simulation = isinstance(request, cost_pb2.SimulateCostRequest)
    return CostQuestion(
        question=question_of(request),
        group_by=request.group_by,
        page_size=request.page_size,
        page_token=request.page_token,
        card_version=None if is_simulation else optional(request, "rate_card_version"),
    )


def card_change(card: cost_pb2.RateCard, paths: frozenset[str] | None = None) -> CardChange:
    """Read the prices that are given, or those that `paths` names."""
    given = {name: str(getattr(card, name)) for name in (*PRICES, CURRENCY)}
    models = tuple((one.model, one.per_call) for one in card.per_model_call_of)
    if paths is None:
        return CardChange(texts={name: text for name, text in given.items() if text}, model_prices=models or None)
    return CardChange(
        texts={name: text for name, text in given.items() if name in paths},
        model_prices=models if MODEL_PRICES in paths else None,
    )


def decode_update(request: cost_pb2.UpdateRateCardRequest) -> CardChange:
    """Read an update.

    Raises:
        InvalidInput: the mask names what is no price.
    """
    paths = frozenset(request.update_mask.paths)
    unknown = sorted(paths - {*PRICES, CURRENCY, MODEL_PRICES})
    if unknown:
        text = f"{unknown[0][:80]!r} can not be changed"
        raise InvalidInput(
            f"update_mask: {text}", reason="INVALID_MASK", violations=(FieldViolation("update_mask", text),)
        )
    return card_change(request.rate_card, paths if request.HasField("update_mask") else None)


def encode_card(card: RateCard, *, is_hypothetical: bool = False) -> cost_pb2.RateCard:
    """Return a card as a message; a hypothetical one has prices and nothing else."""
    message = cost_pb2.RateCard(
        per_cpu_second=price_text(card.per_cpu_second),
        per_gpu_second=price_text(card.per_gpu_second),
        per_joule=price_text(card.per_joule),
        per_gb_month=price_text(card.per_gb_month),
        per_model_call=price_text(card.per_model_call),
        per_model_call_of=[
            cost_pb2.ModelPrice(model=model, per_call=price_text(price))
            for model, price in sorted(card.per_model_call_of.items())
        ],
        currency=card.currency,
    )
    if is_hypothetical:
        return message
    message.etag, message.version, message.is_default = card.etag, card.version, card.is_default
    message.updated_by = card.updated_by
    if card.updated_at is not None:
        message.updated_at.FromDatetime(card.updated_at)
    return message


def encode_cost(report: CostReport) -> cost_pb2.GetCostResponse:
    """Return a page of a bill as a message."""
    is_compared = report.compared_with is not None
    coverage = report.total.coverage
    return cost_pb2.GetCostResponse(
        data=[
            _row(
                line,
                name="" if line.key else _NAMES.get(report.grouping, ""),
                before=report.totals_before[line.key] if is_compared else None,
            )
            for line in report.lines
        ],
        total=_row(report.total, name="total", before=report.total_before if is_compared else None),
        group_by=report.grouping.value,
        total_rows=report.total_rows,
        next_page_token=report.next_token,
        start_at=stamp_of(report.window.start),
        end_at=stamp_of(report.window.end),
        rate_card=encode_card(report.card, is_hypothetical=is_compared),
        compared_with=None if report.compared_with is None else encode_card(report.compared_with),
        measured=coverage.measured,
        approximate=coverage.approximate,
        missing=coverage.missing,
    )


def _row(line: Line, *, name: str, before: int | None) -> cost_pb2.CostRow:
    message = cost_pb2.CostRow(
        key=line.key,
        name=name,
        total_amount=amount_text(line.total),
        total=line.total / 10**AMOUNT_DECIMALS,
        difference_amount=None if before is None else amount_text(line.total - before),
        attempts_measured=line.coverage.measured + line.coverage.approximate,
        attempts_missing=line.coverage.missing,
    )
    for kind, quantity in line.quantities.items():
        setattr(message, _QUANTITIES[kind], quantity / BASE_UNITS[kind])
        setattr(message, _AMOUNTS[kind], amount_text(line.amounts[kind]))
    return message
