"""Which route a raw path takes, and what its variables hold.

The path is matched as it came over the wire and decoded afterwards, piece by piece, so an encoded slash is never a
separator. A literal beats `*`, `*` beats `**`, a custom verb beats them all. Two templates that match the same paths
for the same method are ambiguous and refused when they are added.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.domain.http_template import ANY, REST, HttpTemplate, Variable

__all__ = ["ANY_METHOD", "AmbiguousRouteError", "BadPathError", "Match", "MethodMissing", "PathMatcher"]

Target = TypeVar("Target")

ANY_METHOD = "*"

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_ESCAPE_BUT_SLASH = re.compile(rb"%(?!2[Ff])([0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class AmbiguousRouteError(ValueError):
    """Two routes match the same paths."""


class BadPathError(ValueError):
    """The path holds a broken percent escape, or bytes that are not UTF-8."""


@dataclass(frozen=True, slots=True)
class Match(Generic[Target]):
    """The route of a request.

    Attributes:
        target: What was added with the template.
        template: The template that matched.
        bindings: Field path and decoded text of every variable.
    """

    target: Target
    template: HttpTemplate
    bindings: tuple[tuple[tuple[str, ...], str], ...]


@dataclass(frozen=True, slots=True)
class MethodMissing:
    """The path exists, the method does not.

    Attributes:
        allowed: Methods of the path, sorted.
    """

    allowed: tuple[str, ...]


@dataclass(slots=True)
class _Node(Generic[Target]):
    """One segment of the trie; `ends` is keyed by verb, then by method."""

    children: dict[str, _Node[Target]] = field(default_factory=dict)
    ends: dict[str, dict[str, tuple[HttpTemplate, Target]]] = field(default_factory=dict)


class PathMatcher(Generic[Target]):
    """A trie of templates; reads are pure, so one instance serves all requests."""

    def __init__(self) -> None:
        self._root: _Node[Target] = _Node()
        self._verbs: set[str] = set()

    def add(self, method: str, template: HttpTemplate, target: Target) -> None:
        """Add a route.

        Args:
            method: Upper-case HTTP method, or `ANY_METHOD`.
            template: Its path.
            target: What `match` answers.

        Raises:
            AmbiguousRouteError: Another template has the same shape, verb and method.
        """
        node = self._root
        for segment in template.segments:
            node = node.children.setdefault(segment, _Node())
        methods = node.ends.setdefault(template.verb, {})
        if method in methods:
            raise AmbiguousRouteError(
                f"{method} {template.text} and {method} {methods[method][0].text} match the same paths"
            )
        methods[method] = (template, target)
        if template.verb:
            self._verbs.add(template.verb)

    def match(self, method: str, raw_path: str) -> Match[Target] | MethodMissing | None:
        """Find the route of a raw path (still percent-encoded, without its query).

        Raises:
            BadPathError: A variable's text can not be decoded.
        """
        if not raw_path.startswith("/"):
            return None
        segments = raw_path[1:].split("/") if raw_path != "/" else []
        allowed: set[str] = set()
        last, colon, verb = segments[-1].rpartition(":") if segments else ("", "", "")
        if colon and verb in self._verbs:
            found = self._search([*segments[:-1], last], verb, method, allowed)
            if found is None and allowed:
                return MethodMissing(tuple(sorted(allowed)))
            if found is not None:
                return found
        found = self._search(segments, "", method, allowed)
        if found is None and allowed:
            return MethodMissing(tuple(sorted(allowed)))
        return found

    def _search(self, segments: list[str], verb: str, method: str, allowed: set[str]) -> Match[Target] | None:
        """Walk the trie depth first, most specific branch first; an explicit stack, since paths are untrusted."""
        stack: list[tuple[_Node[Target], int]] = [(self._root, 0)]
        while stack:
            node, position = stack.pop()
            if position == len(segments):
                methods = node.ends.get(verb, {})
                end = methods.get(method) or methods.get(ANY_METHOD)
                if end is not None:
                    return Match(end[1], end[0], _bind(end[0], segments))
                allowed.update(methods)
            rest = node.children.get(REST)
            if rest is not None:
                stack.extend((rest, end_position) for end_position in _rest_ends(rest, position, len(segments)))
            if position < len(segments) and segments[position]:
                wildcard = node.children.get(ANY)
                if wildcard is not None:
                    stack.append((wildcard, position + 1))
                literal = node.children.get(segments[position])
                if literal is not None and segments[position] not in {ANY, REST}:
                    stack.append((literal, position + 1))
        return None


def _rest_ends(node: _Node[Target], position: int, count: int) -> range:
    """Where a `**` that begins at `position` may end, worst first; a leaf swallows everything."""
    return range(count, position - 1, -1) if node.children else range(count, count + 1)


def _bind(template: HttpTemplate, segments: list[str]) -> tuple[tuple[tuple[str, ...], str], ...]:
    extra = len(segments) - len(template.segments)
    rest = template.segments.index(REST) if REST in template.segments else len(template.segments)
    return tuple((each.field_path, _decode(each, segments, rest, extra)) for each in template.variables)


def _decode(variable: Variable, segments: list[str], rest: int, extra: int) -> str:
    """Decode a variable's text. `**` at index `rest` took `1 + extra` segments."""
    start = variable.start + (extra if variable.start > rest else 0)
    end = variable.end + (extra if variable.end > rest else 0)
    raw = "/".join(segments[start:end])
    if _BAD_ESCAPE.search(raw):
        raise BadPathError(f"field {'.'.join(variable.field_path)!r}: broken percent escape in {raw!r}")
    pattern = _ESCAPE_BUT_SLASH if variable.is_multi else _ESCAPE
    try:
        return pattern.sub(lambda found: bytes([int(found[1], 16)]), raw.encode()).decode()
    except UnicodeError as error:
        raise BadPathError(f"field {'.'.join(variable.field_path)!r}: not UTF-8 after decoding") from error
