"""The side door for operators: /healthz, /readyz with reasons, /metrics. Loopback, no identity, no user data."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from chassis.io import metrics
from chassis.io.health import Health

__all__ = ["serve_ops"]


@asynccontextmanager
async def serve_ops(address: str, health: Health) -> AsyncIterator[None]:
    """Serve on `host:port` while the block runs.

    Raises:
        OSError: the address is taken.
    """

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy"})

    async def readyz(_request: web.Request) -> web.Response:
        faults = await health.faults()
        return web.json_response({"ready": not faults, "reasons": faults}, status=503 if faults else 200)

    async def exposition(_request: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", exposition)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    host, _, port = address.rpartition(":")
    await web.TCPSite(runner, host, int(port)).start()
    try:
        yield
    finally:
        await runner.cleanup()
