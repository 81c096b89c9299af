"""Routes of the gateway itself: liveness, readiness, metrics."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from gateway.domain.json_codec import encode
from gateway.domain.request_metrics import RequestMetrics
from gateway.domain.status_map import Code, Problem
from gateway.ports import Bindings, Reply, Request, Upstream

__all__ = ["OwnRoutes"]

METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class OwnRoutes:
    """The handlers.

    Attributes:
        upstream: Is asked for the health of the backends.
        metrics: Are shown.
        ready_timeout_seconds: For each backend to answer.
    """

    upstream: Upstream
    metrics: RequestMetrics
    ready_timeout_seconds: float = 2.0

    async def healthz(self, _: Request, __: Bindings) -> Reply:
        """Answer that the process lives; it asks nobody."""
        return Reply(HTTPStatus.OK, encode({"status": "healthy"}))

    async def readyz(self, _: Request, __: Bindings) -> Reply:
        """Answer whether every backend serves; 503 names those that do not."""
        backends = await self.upstream.health(self.ready_timeout_seconds)
        reasons = [f"{each.name}: {each.reason}" for each in backends if not each.is_serving]
        body = {
            "status": "not ready" if reasons else "ready",
            "reasons": reasons,
            "backends": [
                {"name": each.name, "address": each.address, "ready": each.is_serving, "reason": each.reason}
                for each in backends
            ],
        }
        return Reply(HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK, encode(body))

    async def show_metrics(self, _: Request, __: Bindings) -> Reply:
        """Print the request metrics in the Prometheus text format."""
        return Reply(HTTPStatus.OK, self.metrics.exposition(), METRICS_CONTENT_TYPE)

    async def openapi(self, _: Request, __: Bindings) -> Reply:
        """Refuse.

        Raises:
            Problem: UNIMPLEMENTED, always.
        """
        raise Problem(Code.UNIMPLEMENTED, "the OpenAPI document is not built yet")
