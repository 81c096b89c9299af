"""How busy the workers are, and how many are needed."""

from chassis.io.identity import require_admin
from heimdex.metrics.v1 import capacity_pb2
from metrics_svc.codec import capacity as codec
from metrics_svc.codec.wire import question_of
from metrics_svc.domain.capacity.capacity import WhatIf
from metrics_svc.grpc_api.parts import Api, Context
from metrics_svc.handlers import capacity as handlers

__all__ = ["CapacityApi"]


class CapacityApi(Api):
    """How busy the workers are, and how many are needed."""

    async def GetCapacity(
        self, request: capacity_pb2.GetCapacityRequest, _context: Context
    ) -> capacity_pb2.GetCapacityResponse:
        """Answer utilisation, forecast and advice."""
        require_admin()
        return await self._capacity(request, codec.decode_target(request))

    async def SimulateCapacity(
        self, request: capacity_pb2.SimulateCapacityRequest, _context: Context
    ) -> capacity_pb2.GetCapacityResponse:
        """Answer the same if something were different."""
        require_admin()
        return await self._capacity(request, codec.decode_what_if(request))

    async def _capacity(
        self, request: capacity_pb2.GetCapacityRequest | capacity_pb2.SimulateCapacityRequest, what_if: WhatIf
    ) -> capacity_pb2.GetCapacityResponse:
        report = await handlers.capacity(
            question_of(request), what_if, store=self.parts.capacity, now=self.parts.clock.now()
        )
        return codec.encode_capacity(report)
