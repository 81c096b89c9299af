"""Every number three ways."""

from chassis.core.errors import NotBuilt
from chassis.io.identity import require_admin
from heimdex.metrics.v1 import audit_pb2
from metrics_svc.grpc_api.parts import Api, Context

__all__ = ["AuditApi"]


class AuditApi(Api):
    """Every number three ways."""

    async def AuditMetrics(
        self, _request: audit_pb2.AuditMetricsRequest, _context: Context
    ) -> audit_pb2.AuditMetricsResponse:
        """Answer the differences."""
        require_admin()
        raise NotBuilt
