"""Alerts: rules, what fires, and who was told."""

from chassis.core.errors import NotBuilt
from chassis.io.identity import require_admin
from heimdex.metrics.v1 import alert_pb2
from metrics_svc.grpc_api.parts import Api, Context

__all__ = ["AlertsApi"]


class AlertsApi(Api):
    """Alerts: rules, what fires, and who was told."""

    async def ListAlerts(
        self, _request: alert_pb2.ListAlertsRequest, _context: Context
    ) -> alert_pb2.ListAlertsResponse:
        """Answer what fires or fired."""
        require_admin()
        raise NotBuilt

    async def ListAlertRules(
        self, _request: alert_pb2.ListAlertRulesRequest, _context: Context
    ) -> alert_pb2.ListAlertRulesResponse:
        """Answer the rules."""
        require_admin()
        raise NotBuilt

    async def UpdateAlertRule(
        self, _request: alert_pb2.UpdateAlertRuleRequest, _context: Context
    ) -> alert_pb2.AlertRule:
        """Change a rule."""
        require_admin()
        raise NotBuilt

    async def SilenceAlertRule(
        self, _request: alert_pb2.SilenceAlertRuleRequest, _context: Context
    ) -> alert_pb2.AlertRule:
        """Keep notifications back."""
        require_admin()
        raise NotBuilt

    async def ListAlertDeliveries(
        self, _request: alert_pb2.ListAlertDeliveriesRequest, _context: Context
    ) -> alert_pb2.ListAlertDeliveriesResponse:
        """Answer who was told."""
        require_admin()
        raise NotBuilt
