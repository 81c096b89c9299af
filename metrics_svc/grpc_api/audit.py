"""Every number three ways."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from chassis.core.errors import Overloaded
from chassis.io.identity import require_admin
from heimdex.metrics.v1 import audit_pb2
from metrics_svc.codec.audit import encode_audit, method_of, numbers_of, request_of
from metrics_svc.codec.wire import question_of
from metrics_svc.domain.answers.windows import Window
from metrics_svc.domain.audit.audited import Audited
from metrics_svc.domain.audit.comparison import Numbers
from metrics_svc.grpc_api.parts import Api, Context
from metrics_svc.handlers.audit import audit
from metrics_svc.ports.audit import Moment, ToldAnswers

__all__ = ["AuditApi"]

_NS_PER_S = 1e9


class AuditApi(Api):
    """Every number three ways."""

    async def AuditMetrics(
        self, request: audit_pb2.AuditMetricsRequest, context: Context
    ) -> audit_pb2.AuditMetricsResponse:
        """Answer the differences.

        Raises:
            Overloaded: an audit is running.
        """
        require_admin()
        question, parts, clock = question_of(request), self.parts.audit, self.parts.clock
        if parts.running.locked():
            raise Overloaded("an audit is running; ask again when it is done", reason="AUDIT_RUNNING")

        @asynccontextmanager
        async def begin() -> AsyncIterator[tuple[Moment, ToldAnswers]]:
            async with parts.hold() as (moment, ports):
                yield moment, _Told(type(self)(replace(self.parts, **ports)), context)

        async with parts.running:
            started_ns = clock.monotonic_ns()
            report = await audit(question, begin=begin, view=parts.view, keep_days=parts.keep_days, now=clock.now())
            return encode_audit(report, duration_s=(clock.monotonic_ns() - started_ns) / _NS_PER_S)


class _Told:
    """ToldAnswers by asking the methods of this service, as a user would."""

    def __init__(self, service: Api, context: Context) -> None:
        self._service = service
        self._context = context

    async def told(self, audited: Audited, window: Window, owner_id: str) -> Numbers:
        """Return what users are told."""
        method = getattr(self._service, method_of(audited))
        return numbers_of(await method(request_of(audited, window, owner_id), self._context), audited)
