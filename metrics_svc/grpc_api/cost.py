"""What the work cost."""

from chassis.io.identity import require_admin
from heimdex.metrics.v1 import cost_pb2
from metrics_svc.codec import cost as codec
from metrics_svc.codec.wire import optional
from metrics_svc.grpc_api.parts import Api, Context
from metrics_svc.handlers import cost as handlers

__all__ = ["CostApi"]


class CostApi(Api):
    """What the work cost."""

    async def GetCost(self, request: cost_pb2.GetCostRequest, _context: Context) -> cost_pb2.GetCostResponse:
        """Answer what the work cost."""
        require_admin()
        report = await handlers.cost(codec.cost_question(request), store=self.parts.costs, now=self.parts.clock.now())
        return codec.encode_cost(report)

    async def SimulateCost(self, request: cost_pb2.SimulateCostRequest, _context: Context) -> cost_pb2.GetCostResponse:
        """Answer what it would have cost with another card."""
        require_admin()
        report = await handlers.simulated_cost(
            codec.cost_question(request),
            codec.card_change(request.rate_card),
            store=self.parts.costs,
            now=self.parts.clock.now(),
        )
        return codec.encode_cost(report)

    async def GetRateCard(self, request: cost_pb2.GetRateCardRequest, _context: Context) -> cost_pb2.RateCard:
        """Answer the prices."""
        require_admin()
        return codec.encode_card(await handlers.rate_card(optional(request, "version"), store=self.parts.costs))

    async def UpdateRateCard(self, request: cost_pb2.UpdateRateCardRequest, _context: Context) -> cost_pb2.RateCard:
        """Change the prices."""
        administrator = require_admin()
        card = await handlers.update_rate_card(
            codec.decode_update(request),
            etag=request.rate_card.etag,
            is_trial=request.validate_only,
            author=administrator.user_id,
            store=self.parts.costs,
            now=self.parts.clock.now(),
        )
        return codec.encode_card(card)
