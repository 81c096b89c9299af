"""AdminService over gRPC: every method asks for an administrator first, also those that are not built yet."""

# methods carry the names of the contract

from typing import Any

import grpc

from chassis.core.clock import Clock
from chassis.core.errors import NotBuilt
from chassis.io.identity import require_admin
from heimdex.metrics.v1 import admin_service_pb2 as admin
from heimdex.metrics.v1 import admin_service_pb2_grpc
from metrics_svc import codec, handlers
from metrics_svc.ports import SampleStore

__all__ = ["AdminServicer", "register"]

SERVICE_NAME = admin.DESCRIPTOR.services_by_name["AdminService"].full_name
Context = grpc.aio.ServicerContext[Any, Any]


class AdminServicer(admin_service_pb2_grpc.AdminServiceServicer):
    """Decode, ask the handler, encode."""

    def __init__(self, *, store: SampleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def GetProcessingLatency(
        self, request: admin.GetProcessingLatencyRequest, _context: Context
    ) -> admin.ProcessingLatencyResponse:
        """Answer how long videos that became ready took."""
        require_admin()
        report = await handlers.processing_latency(codec.question_of(request), store=self._store, now=self._clock.now())
        return codec.encode_latency(report)

    async def GetRtfDistribution(
        self, request: admin.GetRtfDistributionRequest, _context: Context
    ) -> admin.RTFDistributionResponse:
        """Answer how processing time compares with the length of the videos."""
        require_admin()
        report = await handlers.rtf_distribution(codec.question_of(request), store=self._store, now=self._clock.now())
        return codec.encode_rtf(report)

    async def GetQueueAnalysis(
        self, request: admin.GetQueueAnalysisRequest, _context: Context
    ) -> admin.QueueAnalysisResponse:
        """Answer how waiting compares with working."""
        require_admin()
        report = await handlers.queue_analysis(codec.question_of(request), store=self._store, now=self._clock.now())
        return codec.encode_queue(report)

    async def ListStagePerformance(
        self, request: admin.ListStagePerformanceRequest, _context: Context
    ) -> admin.StagePerformanceResponse:
        """Answer how long each stage takes, by outcome and model."""
        require_admin()
        report = await handlers.stage_performance(codec.question_of(request), store=self._store, now=self._clock.now())
        return codec.encode_stages(report)

    async def ListFailuresByStage(
        self, request: admin.ListFailuresByStageRequest, _context: Context
    ) -> admin.FailuresByStageResponse:
        """Answer where videos broke."""
        require_admin()
        report = await handlers.failures_by_stage(codec.question_of(request), store=self._store, now=self._clock.now())
        return codec.encode_failures(report)

    async def ListThroughput(
        self, request: admin.ListThroughputRequest, _context: Context
    ) -> admin.ThroughputTimeSeriesResponse:
        """Answer what became ready on each UTC day."""
        require_admin()
        report = await handlers.throughput(codec.question_of(request), store=self._store, now=self._clock.now())
        return codec.encode_throughput(report)

    async def ListThroughputV2(
        self, request: admin.ListThroughputV2Request, _context: Context
    ) -> admin.EnhancedThroughputTimeSeriesResponse:
        """Answer what ended on each UTC day, with times."""
        require_admin()
        report = await handlers.throughput(codec.question_of(request), store=self._store, now=self._clock.now())
        return codec.encode_throughput_v2(report)

    async def ListSearchActivity(
        self, request: admin.ListSearchActivityRequest, _context: Context
    ) -> admin.SearchTimeSeriesResponse:
        """Answer what was searched on each UTC day."""
        require_admin()
        report = await handlers.search_activity(codec.question_of(request), store=self._store, now=self._clock.now())
        return codec.encode_searches(report)

    async def GetOverview(self, _request: admin.GetOverviewRequest, _context: Context) -> admin.OverviewResponse:
        """Refuse: key figures need every video, also those whose run has not ended."""
        require_admin()
        raise NotBuilt

    async def ListUserStats(self, _request: admin.ListUserStatsRequest, _context: Context) -> admin.UserListResponse:
        """Refuse: users need their videos and uploads, which no event tells yet."""
        require_admin()
        raise NotBuilt

    async def GetUserStats(self, _request: admin.GetUserStatsRequest, _context: Context) -> admin.UserDetailResponse:
        """Refuse: a user needs file names and uploads, which no event tells yet."""
        require_admin()
        raise NotBuilt

    async def GetStorage(self, _request: admin.GetStorageRequest, _context: Context) -> admin.GetStorageResponse:
        """Refuse: bytes by kind are not measured yet."""
        require_admin()
        raise NotBuilt

    async def GetCost(self, _request: admin.GetCostRequest, _context: Context) -> admin.GetCostResponse:
        """Refuse: there is no rate card yet."""
        require_admin()
        raise NotBuilt

    async def GetCapacity(self, _request: admin.GetCapacityRequest, _context: Context) -> admin.GetCapacityResponse:
        """Refuse: there is no forecast yet."""
        require_admin()
        raise NotBuilt

    async def ListAlerts(self, _request: admin.ListAlertsRequest, _context: Context) -> admin.ListAlertsResponse:
        """Refuse: there are no alert rules yet."""
        require_admin()
        raise NotBuilt


def register(server: grpc.aio.Server, servicer: AdminServicer) -> tuple[str, ...]:
    """Add the service to a server and return the full names of what it serves."""
    admin_service_pb2_grpc.add_AdminServiceServicer_to_server(servicer, server)
    return (SERVICE_NAME,)
