"""Latency over time, and of searches, uploads and exports."""

from chassis.io.identity import require_admin
from heimdex.metrics.v1 import timing_pb2
from metrics_svc.codec import timing as codec
from metrics_svc.codec.wire import question_of
from metrics_svc.grpc_api.parts import Api, Context
from metrics_svc.handlers import timing as handlers

__all__ = ["TimingApi"]


class TimingApi(Api):
    """Decode, ask the handler, encode."""

    async def ListStageLatency(
        self, request: timing_pb2.ListStageLatencyRequest, _context: Context
    ) -> timing_pb2.StageLatencyTimeSeriesResponse:
        """Answer how long each stage and whole videos take, over time."""
        require_admin()
        report = await handlers.stage_latency(
            question_of(request), store=self.parts.answers, now=self.parts.clock.now()
        )
        return codec.encode_stage_latency(report)

    async def ListSearchQuality(
        self, request: timing_pb2.ListSearchQualityRequest, _context: Context
    ) -> timing_pb2.SearchQualityTimeSeriesResponse:
        """Answer how long searches take and how many have no result, over time."""
        require_admin()
        report = await handlers.search_quality(
            question_of(request), store=self.parts.answers, now=self.parts.clock.now()
        )
        return codec.encode_search_quality(report)

    async def ListOperationPerformance(
        self, request: timing_pb2.ListOperationPerformanceRequest, _context: Context
    ) -> timing_pb2.OperationPerformanceResponse:
        """Answer how long searches, uploads and exports take, by outcome."""
        require_admin()
        report = await handlers.operation_performance(
            question_of(request), store=self.parts.answers, now=self.parts.clock.now()
        )
        return codec.encode_operations(report)
