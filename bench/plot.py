"""A plot with two logarithmic axes, as SVG: enough to see whether a line is flat."""

from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

__all__ = ["Line", "log_log_plot"]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 720, 420, 70, 50, 50, 190
_COLOURS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce")


@dataclass(frozen=True, slots=True)
class Line:
    """Points (x, y), both above 0."""

    name: str
    points: tuple[tuple[float, float], ...]


def log_log_plot(title: str, lines: tuple[Line, ...]) -> str:
    """Return the SVG."""
    xs = [log10(x) for line in lines for x, _ in line.points]
    ys = [log10(y) for line in lines for _, y in line.points]
    x_low, x_high, y_low, y_high = floor(min(xs)), ceil(max(xs)), floor(min(ys)), ceil(max(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - x_low) / max(1, x_high - x_low)
        up = (log10(y) - y_low) / max(1, y_high - y_low)
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _BOTTOM - _TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="24" font-size="15">{escape(title)}</text>',
    ]
    for power in range(x_low, x_high + 1):
        x, bottom = place(10**power, 10**y_low)
        parts.append(f'<line x1="{x:.1f}" y1="{bottom:.1f}" x2="{x:.1f}" y2="{_TOP}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 20:.1f}" text-anchor="middle">10^{power}</text>')
    for power in range(y_low, y_high + 1):
        left, y = place(10**x_low, 10**power)
        parts.append(f'<line x1="{left:.1f}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{10**power:g}</text>')
    for line, colour in zip(lines, _COLOURS, strict=False):
        places = [place(x, y) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places]
        x, y = places[-1]
        parts.append(f'<text x="{x + 10:.1f}" y="{y + 4:.1f}" fill="{colour}">{escape(line.name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
