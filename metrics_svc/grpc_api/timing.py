"""Latency over time, and of searches, uploads and exports."""

from chassis.core.errors import NotBuilt
from chassis.io.identity import require_admin
from heimdex.metrics.v1 import timing_pb2
from metrics_svc.grpc_api.parts import Api, Context

__all__ = ["TimingApi"]


class TimingApi(Api):
    """Latency over time, and of searches, uploads and exports."""

    async def ListStageLatency(
        self, _request: timing_pb2.ListStageLatencyRequest, _context: Context
    ) -> timing_pb2.StageLatencyTimeSeriesResponse:
        """Answer percentiles over time."""
        require_admin()
        raise NotBuilt

    async def ListSearchQuality(
        self, _request: timing_pb2.ListSearchQualityRequest, _context: Context
    ) -> timing_pb2.SearchQualityTimeSeriesResponse:
        """Answer search latency and zero-result rate."""
        require_admin()
        raise NotBuilt

    async def ListOperationPerformance(
        self, _request: timing_pb2.ListOperationPerformanceRequest, _context: Context
    ) -> timing_pb2.OperationPerformanceResponse:
        """Answer how long searches, uploads and exports take."""
        require_admin()
        raise NotBuilt
