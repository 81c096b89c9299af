"""`python -m gateway`: settings, signals, exit status."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import uvloop

from chassis.io import logs
from gateway.app import running_gateway
from gateway.routes import RouteTableError
from gateway.settings import Settings, SettingsError, read_settings

EXIT_USAGE = 2


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running_gateway(settings):
        await stop.wait()


def main() -> int:
    """Run until SIGTERM or SIGINT; returns the exit status."""
    try:
        settings = read_settings(sys.argv[1:], os.environ)
        logs.configure("gateway", level=settings.log_level)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except (SettingsError, RouteTableError, OSError) as error:
        sys.stderr.write(f"gateway: {error}\n")
        return EXIT_USAGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
