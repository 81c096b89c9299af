"""How long a client bears a mesh that is away before it gives up."""

import time

from client.errors import ClientError, HeimdexApiError

__all__ = ["Patience"]

_PASSING = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED"})
_PAUSE_SECONDS = 0.5
_AWAY_SECONDS = 60.0


class Patience:
    """Counts from the first failure in a row; a mesh that restarts is waited for, 60 s by default."""

    def __init__(self, away_seconds: float = _AWAY_SECONDS) -> None:
        self._away_seconds = away_seconds
        self._failing_since: float | None = None

    def restored(self) -> None:
        """Hear that the mesh has answered."""
        self._failing_since = None

    def bear(self, error: ClientError) -> None:
        """Take a failure in, or raise it: it would not pass, or it has lasted too long."""
        is_final = isinstance(error, HeimdexApiError) and error.code not in _PASSING
        now = time.monotonic()
        self._failing_since = now if self._failing_since is None else self._failing_since
        if is_final or now - self._failing_since > self._away_seconds:
            raise error

    def pause(self) -> None:
        """Wait a little before the next try."""
        time.sleep(_PAUSE_SECONDS)
