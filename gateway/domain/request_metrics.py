"""Counts and latency of HTTP requests, in the Prometheus text format. Labels come from the route table alone."""

from __future__ import annotations

from bisect import bisect_left

__all__ = ["RequestMetrics"]

_BOUNDS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class RequestMetrics:
    """One counter and one histogram per route; the number of routes bounds its size."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, str, str], int] = {}
        self._buckets: dict[str, list[int]] = {}
        self._sums_seconds: dict[str, float] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request that took `seconds`."""
        known = method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"
        key = (route, known, f"{status // 100}xx")
        self._totals[key] = self._totals.get(key, 0) + 1
        buckets = self._buckets.setdefault(route, [0] * (len(_BOUNDS_SECONDS) + 1))
        buckets[bisect_left(_BOUNDS_SECONDS, seconds)] += 1
        self._sums_seconds[route] = self._sums_seconds.get(route, 0.0) + seconds

    def exposition(self) -> bytes:
        """Return all series in the text format 0.0.4."""
        lines = [
            "# HELP heimdex_http_requests_total HTTP requests answered.",
            "# TYPE heimdex_http_requests_total counter",
        ]
        for (route, method, code_class), count in sorted(self._totals.items()):
            labels = f'route="{_escape(route)}",method="{method}",code_class="{code_class}"'
            lines.append(f"heimdex_http_requests_total{{{labels}}} {count}")
        name = "heimdex_http_request_duration_seconds"
        lines += [
            f"# HELP {name} Time from the request's head to the last byte of its answer.",
            f"# TYPE {name} histogram",
        ]
        for route, buckets in sorted(self._buckets.items()):
            label = f'route="{_escape(route)}"'
            running = 0
            for bound, count in zip((*map(str, _BOUNDS_SECONDS), "+Inf"), buckets, strict=True):
                running += count
                lines.append(f'{name}_bucket{{{label},le="{bound}"}} {running}')
            lines.append(f"{name}_sum{{{label}}} {self._sums_seconds[route]:.6f}")
            lines.append(f"{name}_count{{{label}}} {running}")
        return ("\n".join(lines) + "\n").encode()


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
