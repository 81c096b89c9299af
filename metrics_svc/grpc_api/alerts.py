"""Alerts: rules, what fires, and who was told."""

from chassis.io.identity import require_admin
from heimdex.metrics.v1 import alert_pb2
from metrics_svc.codec import alerts as codec
from metrics_svc.domain.alerts.changes import rule_id_of
from metrics_svc.domain.alerts.pages import read_number
from metrics_svc.grpc_api.parts import Api, Context
from metrics_svc.handlers import alerts as handlers

__all__ = ["AlertsApi"]


class AlertsApi(Api):
    """Alerts: rules, what fires, and who was told."""

    async def ListAlerts(self, request: alert_pb2.ListAlertsRequest, _context: Context) -> alert_pb2.ListAlertsResponse:
        """Answer what fires or fired."""
        require_admin()
        now = self.parts.clock.now()
        page = await handlers.list_alerts(codec.alert_question(request), store=self.parts.alerts.store, now=now)
        return codec.encode_alerts(page, now)

    async def ListAlertRules(
        self, _request: alert_pb2.ListAlertRulesRequest, _context: Context
    ) -> alert_pb2.ListAlertRulesResponse:
        """Answer the rules."""
        require_admin()
        return codec.encode_rules(await handlers.list_rules(store=self.parts.alerts.store), self.parts.clock.now())

    async def UpdateAlertRule(
        self, request: alert_pb2.UpdateAlertRuleRequest, _context: Context
    ) -> alert_pb2.AlertRule:
        """Change a rule."""
        administrator, now = require_admin(), self.parts.clock.now()
        changed = await handlers.update_rule(
            codec.rule_change(request), store=self.parts.alerts.store, now=now, by=administrator.user_id
        )
        return codec.encode_rule(changed, now)

    async def SilenceAlertRule(
        self, request: alert_pb2.SilenceAlertRuleRequest, _context: Context
    ) -> alert_pb2.AlertRule:
        """Keep notifications back."""
        administrator, now = require_admin(), self.parts.clock.now()
        rule_id = rule_id_of(request.rule_id)
        silence = codec.silence_of(request, now=now, by=administrator.user_id)
        silenced = await handlers.silence_rule(rule_id, silence, store=self.parts.alerts.store, now=now)
        return codec.encode_rule(silenced, now)

    async def ListAlertDeliveries(
        self, request: alert_pb2.ListAlertDeliveriesRequest, _context: Context
    ) -> alert_pb2.ListAlertDeliveriesResponse:
        """Answer who was told."""
        require_admin()
        page = await handlers.list_deliveries(
            request.alert_id,
            page_size=request.page_size,
            before=read_number(request.page_token),
            store=self.parts.alerts.deliveries,
        )
        return codec.encode_deliveries(page, self.parts.alerts.receivers)
