"""The part of PromQL that our dashboards and alert rules use, evaluated over scrapes; anything unknown is an error.

No wheel brings a Prometheus server, so the queries are parsed by its grammar (promql-parser) and evaluated here. A name
or a label that no scrape knows fails: a panel with a misspelt metric is empty for ever and nobody notices.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, nan

import promql_parser as grammar
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Scrape", "Unknown", "evaluate", "scrape"]

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else (nan if a == 0 else inf),
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
_AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "avg": lambda values: sum(values) / len(values),
    "count": len,
}


class Unknown(Exception):
    """A query names a metric, a label or a function that is not there."""


@dataclass(frozen=True)
class Scrape:
    """All series of all processes at one moment, by name; `job` and `instance` as Prometheus adds them."""

    at: float
    series: Mapping[str, Vector]


def scrape(at: float, texts: Mapping[str, str]) -> Scrape:
    """Read what each job exposes."""
    series: dict[str, Vector] = defaultdict(dict)
    for job, text in texts.items():
        series["up"][frozenset({("job", job), ("instance", job)})] = 1.0
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = frozenset({**sample.labels, "job": job, "instance": job}.items())
                series[sample.name][labels] = float(sample.value)
            for suffix in {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}.get(family.type, ("",)):
                series[family.name + suffix]  # known, though it has no series yet
    return Scrape(at, series)


def evaluate(query: str, scrapes: Sequence[Scrape]) -> Vector | float:
    """Evaluate at the last scrape; a range reaches over all of them, which stand for a long time of steady change."""
    return _Evaluation(scrapes).of(grammar.parse(query))


class _Evaluation:
    def __init__(self, scrapes: Sequence[Scrape]) -> None:
        self._scrapes = scrapes
        self._now = scrapes[-1]

    def of(self, node: object) -> Vector | float:
        match type(node).__name__:
            case "NumberLiteral":
                return float(node.val)
            case "ParenExpr":
                return self.of(node.expr)
            case "UnaryExpr":
                return _map(lambda value: -value, self.of(node.expr))
            case "VectorSelector":
                return self._select(node, self._now)
            case "Call":
                return self._call(node)
            case "AggregateExpr":
                return self._aggregate(node)
            case "BinaryExpr":
                return self._binary(node)
        raise Unknown(type(node).__name__)

    def _select(self, node, scrape: Scrape) -> Vector:
        if node.name not in self._now.series:
            raise Unknown(f"no process exposes {node.name}")
        found = scrape.series.get(node.name, {})
        known = {label for one in self._scrapes for labels in one.series.get(node.name, {}) for label, _ in labels}
        for matcher in node.matchers.matchers:
            if known and matcher.name not in known:
                raise Unknown(f"{node.name} has no label {matcher.name}")
        return {
            labels: value
            for labels, value in found.items()
            if all(_matches(matcher, dict(labels)) for matcher in node.matchers.matchers)
        }

    def _range(self, node) -> dict[Labels, list[tuple[float, float]]]:
        points: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
        for one in self._scrapes:
            for labels, value in self._select(node.vector_selector, one).items():
                points[labels].append((one.at, value))
        return points

    def _call(self, node) -> Vector | float:
        name = node.func.name
        if name == "time":
            return self._now.at
        if name == "vector":
            return {frozenset(): float(self.of(node.args[0]))}
        if name in {"rate", "increase", "delta", "max_over_time", "avg_over_time", "min_over_time", "changes"}:
            return {labels: _over_time(name, points) for labels, points in self._range(node.args[0]).items()}
        if name == "histogram_quantile":
            return _histogram_quantile(float(self.of(node.args[0])), self.of(node.args[1]))
        if name in {"clamp_min", "clamp_max"}:
            bound = float(self.of(node.args[1]))
            return _map(lambda value: (max if name == "clamp_min" else min)(value, bound), self.of(node.args[0]))
        if name == "absent":
            return {} if self.of(node.args[0]) else {frozenset(): 1.0}
        raise Unknown(f"function {name}")

    def _aggregate(self, node) -> Vector:
        name, vector = str(node.op), self.of(node.expr)
        if name == "topk":
            return dict(sorted(vector.items(), key=lambda item: -item[1])[: int(self.of(node.param))])
        groups: dict[Labels, list[float]] = defaultdict(list)
        labels = tuple(node.modifier.labels) if node.modifier else ()
        is_by = node.modifier is None or "By" in str(node.modifier.type)
        if vector and is_by and not set(labels) <= {label for one in vector for label, _ in one}:
            raise Unknown(f"no series of {node.expr} has all of {labels}")
        for key, value in vector.items():
            groups[frozenset(pair for pair in key if (pair[0] in labels) == is_by)].append(value)
        return {key: float(_AGGREGATES[name](values)) for key, values in groups.items()}

    def _binary(self, node) -> Vector | float:
        left, right, name = self.of(node.lhs), self.of(node.rhs), str(node.op)
        if name in {"or", "and", "unless"}:
            return _set_operation(name, left, right)
        if isinstance(left, float) and isinstance(right, float):
            return _ARITHMETIC[name](left, right)
        if name in _ARITHMETIC:
            return {key: _ARITHMETIC[name](a, b) for key, a, b in _pairs(node, left, right)}
        holds = [(key, a, b) for key, a, b in _pairs(node, left, right) if _COMPARISONS[name](a, b)]
        return {key: a if isinstance(left, dict) else b for key, a, b in holds}


def _matches(matcher, labels: Mapping[str, str]) -> bool:
    value, operator = labels.get(matcher.name, ""), str(matcher.op)
    if operator.endswith("NotEqual"):
        return value != matcher.value
    if operator.endswith("NotRe"):
        return re.fullmatch(matcher.value, value) is None
    if operator.endswith("Re"):
        return re.fullmatch(matcher.value, value) is not None
    return value == matcher.value


def _over_time(name: str, points: Sequence[tuple[float, float]]) -> float:
    values = [value for _, value in points]
    if name in {"max_over_time", "min_over_time", "avg_over_time"}:
        return {"max": max, "min": min, "avg": _AGGREGATES["avg"]}[name[:3]](values)
    if name == "changes":
        return float(sum(a != b for a, b in pairwise(values)))
    if name == "delta":
        return values[-1] - values[0]
    risen = sum(b - a if b >= a else b for a, b in pairwise(values))
    seconds = points[-1][0] - points[0][0]
    return risen if name == "increase" else risen / seconds if seconds else 0.0


def _map(function: Callable[[float], float], operand: Vector | float) -> Vector | float:
    if isinstance(operand, float):
        return function(operand)
    return {key: function(value) for key, value in operand.items()}


def _pairs(node, left: Vector | float, right: Vector | float) -> list[tuple[Labels, float, float]]:
    if isinstance(right, float):
        return [(key, value, right) for key, value in left.items()]
    if isinstance(left, float):
        return [(key, left, value) for key, value in right.items()]
    matching = getattr(node.modifier, "matching", None)
    labels = tuple(getattr(matching, "labels", ()))
    is_on = "on" in str(matching)

    def key_of(one: Labels) -> Labels:
        return one if matching is None else frozenset(pair for pair in one if (pair[0] in labels) == is_on)

    by_key = {key_of(one): value for one, value in right.items()}
    return [(one, value, by_key[key_of(one)]) for one, value in left.items() if key_of(one) in by_key]


def _set_operation(name: str, left: Vector, right: Vector) -> Vector:
    if name == "or":
        return {**right, **left}
    return {key: value for key, value in left.items() if (key in right) == (name == "and")}


def _histogram_quantile(quantile: float, vector: Vector) -> Vector:
    groups: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for labels, value in vector.items():
        bound = dict(labels).get("le")
        if bound is None:
            raise Unknown("histogram_quantile needs the label le")
        groups[frozenset(pair for pair in labels if pair[0] != "le")].append((float(bound), value))
    return {key: _quantile_of(quantile, sorted(buckets)) for key, buckets in groups.items()}


def _quantile_of(quantile: float, buckets: Sequence[tuple[float, float]]) -> float:
    total = buckets[-1][1]
    if not total:
        return nan
    rank, below, before = quantile * total, 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            return below if bound == inf else below + (bound - below) * (rank - before) / max(count - before, 1e-300)
        below, before = bound, count
    return below
