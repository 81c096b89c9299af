"""How busy the workers are, and how many are needed."""

from chassis.core.errors import NotBuilt
from chassis.io.identity import require_admin
from heimdex.metrics.v1 import capacity_pb2
from metrics_svc.grpc_api.parts import Api, Context

__all__ = ["CapacityApi"]


class CapacityApi(Api):
    """How busy the workers are, and how many are needed."""

    async def GetCapacity(
        self, _request: capacity_pb2.GetCapacityRequest, _context: Context
    ) -> capacity_pb2.GetCapacityResponse:
        """Answer utilisation, forecast and advice."""
        require_admin()
        raise NotBuilt

    async def SimulateCapacity(
        self, _request: capacity_pb2.SimulateCapacityRequest, _context: Context
    ) -> capacity_pb2.GetCapacityResponse:
        """Answer the same if something were different."""
        require_admin()
        raise NotBuilt
