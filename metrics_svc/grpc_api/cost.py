"""What the work cost."""

from chassis.core.errors import NotBuilt
from chassis.io.identity import require_admin
from heimdex.metrics.v1 import cost_pb2
from metrics_svc.grpc_api.parts import Api, Context

__all__ = ["CostApi"]


class CostApi(Api):
    """What the work cost."""

    async def GetCost(self, _request: cost_pb2.GetCostRequest, _context: Context) -> cost_pb2.GetCostResponse:
        """Answer what the work cost."""
        require_admin()
        raise NotBuilt

    async def SimulateCost(self, _request: cost_pb2.SimulateCostRequest, _context: Context) -> cost_pb2.GetCostResponse:
        """Answer what it would have cost with another card."""
        require_admin()
        raise NotBuilt

    async def GetRateCard(self, _request: cost_pb2.GetRateCardRequest, _context: Context) -> cost_pb2.RateCard:
        """Answer the prices."""
        require_admin()
        raise NotBuilt

    async def UpdateRateCard(self, _request: cost_pb2.UpdateRateCardRequest, _context: Context) -> cost_pb2.RateCard:
        """Change the prices."""
        require_admin()
        raise NotBuilt
