"""What stage events answer: latency, real-time factor, queue, stages, failures, throughput, searches."""

from chassis.io.identity import require_admin
from heimdex.metrics.v1 import admin_service_pb2 as admin
from metrics_svc.codec import answers as codec
from metrics_svc.codec.wire import question_of
from metrics_svc.grpc_api.parts import Api, Context
from metrics_svc.handlers import answers as handlers

__all__ = ["AnswersApi"]


class AnswersApi(Api):
    """Decode, ask the handler, encode."""

    async def GetProcessingLatency(
        self, request: admin.GetProcessingLatencyRequest, _context: Context
    ) -> admin.ProcessingLatencyResponse:
        """Answer how long videos that became ready took."""
        require_admin()
        report = await handlers.processing_latency(
            question_of(request), store=self.parts.answers, now=self.parts.clock.now()
        )
        return codec.encode_latency(report)

    async def GetRtfDistribution(
        self, request: admin.GetRtfDistributionRequest, _context: Context
    ) -> admin.RTFDistributionResponse:
        """Answer how processing time compares with the length of the videos."""
        require_admin()
        report = await handlers.rtf_distribution(
            question_of(request), store=self.parts.answers, now=self.parts.clock.now()
        )
        return codec.encode_rtf(report)

    async def GetQueueAnalysis(
        self, request: admin.GetQueueAnalysisRequest, _context: Context
    ) -> admin.QueueAnalysisResponse:
        """Answer how waiting compares with working."""
        require_admin()
        report = await handlers.queue_analysis(
            question_of(request), store=self.parts.answers, now=self.parts.clock.now()
        )
        return codec.encode_queue(report)

    async def ListStagePerformance(
        self, request: admin.ListStagePerformanceRequest, _context: Context
    ) -> admin.StagePerformanceResponse:
        """Answer how long each stage takes, by outcome and model."""
        require_admin()
        report = await handlers.stage_performance(
            question_of(request), store=self.parts.answers, now=self.parts.clock.now()
        )
        return codec.encode_stages(report)

    async def ListFailuresByStage(
        self, request: admin.ListFailuresByStageRequest, _context: Context
    ) -> admin.FailuresByStageResponse:
        """Answer where videos broke."""
        require_admin()
        report = await handlers.failures_by_stage(
            question_of(request), store=self.parts.answers, now=self.parts.clock.now()
        )
        return codec.encode_failures(report)

    async def ListThroughput(
        self, request: admin.ListThroughputRequest, _context: Context
    ) -> admin.ThroughputTimeSeriesResponse:
        """Answer what became ready on each UTC day."""
        require_admin()
        report = await handlers.throughput(question_of(request), store=self.parts.answers, now=self.parts.clock.now())
        return codec.encode_throughput(report)

    async def ListThroughputV2(
        self, request: admin.ListThroughputV2Request, _context: Context
    ) -> admin.EnhancedThroughputTimeSeriesResponse:
        """Answer what ended on each UTC day, with times."""
        require_admin()
        report = await handlers.throughput(question_of(request), store=self.parts.answers, now=self.parts.clock.now())
        return codec.encode_throughput_v2(report)

    async def ListSearchActivity(
        self, request: admin.ListSearchActivityRequest, _context: Context
    ) -> admin.SearchTimeSeriesResponse:
        """Answer what was searched on each UTC day."""
        require_admin()
        report = await handlers.search_activity(
            question_of(request), store=self.parts.answers, now=self.parts.clock.now()
        )
        return codec.encode_searches(report)
