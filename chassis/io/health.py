"""Readiness is the conjunction of what a service needs: each resource registers a ping when it is opened."""

import asyncio
from collections.abc import Awaitable, Callable

__all__ = ["Health"]

Ping = Callable[[], Awaitable[None]]
_PING_SECONDS = 2.0


class Health:
    """What a service needs, and whether it has it."""

    def __init__(self) -> None:
        self._pings: dict[str, Ping] = {}
        self._is_started = False
        self._is_stopping = False

    def register(self, name: str, ping: Ping) -> None:
        """Add a resource; its ping raises when it is not usable."""
        self._pings[name] = ping

    def mark_started(self) -> None:
        """Say that everything has been opened."""
        self._is_started = True

    def mark_stopping(self) -> None:
        """Say that the service is going away: it stays not ready from now on."""
        self._is_stopping = True

    async def faults(self) -> dict[str, str]:
        """Return a reason per resource that is not usable; empty means ready."""
        if self._is_stopping:
            return {"service": "is stopping"}
        if not self._is_started:
            return {"service": "is starting"}
        found: dict[str, str] = {}
        for name, ping in self._pings.items():
            try:
                async with asyncio.timeout(_PING_SECONDS):
                    await ping()
            except TimeoutError:
                found[name] = f"did not answer within {_PING_SECONDS:.0f} s"
            except Exception as error:  # noqa: BLE001  # whatever a ping raises means "not usable"
                found[name] = str(error) or type(error).__name__
        return found
