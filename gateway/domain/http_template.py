"""The path grammar of `google.api.http`: text in, frozen template out.

    Template  = "/" [ Segments ] [ ":" LITERAL ]
    Segments  = Segment { "/" Segment }
    Segment   = "*" | "**" | LITERAL | "{" FieldPath [ "=" Segments ] "}"
    FieldPath = IDENT { "." IDENT }

`**` stands for zero or more segments; after it only literals may follow. Variables do not nest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ANY", "REST", "HttpTemplate", "TemplateError", "Variable", "parse_template"]

ANY = "*"
REST = "**"

_LITERAL = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()+,;@]|%[0-9A-Fa-f]{2})+")
_IDENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class TemplateError(ValueError):
    """The text is not a path template of google.api.http."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A named span of segments.

    Attributes:
        field_path: Names from the request message down to the bound field, at least one.
        start: Index of the first segment in the template.
        end: Index after the last segment in the template; the span is half-open.
        is_multi: True when the span may hold several path segments; then `%2F` stays as it is.
    """

    field_path: tuple[str, ...]
    start: int
    end: int
    is_multi: bool


@dataclass(frozen=True, slots=True)
class HttpTemplate:
    """A parsed path template.

    Attributes:
        text: As it was written.
        segments: Literals, `ANY` and at most one `REST`.
        verb: Custom verb without its colon; empty when there is none.
        variables: In order of appearance.
    """

    text: str
    segments: tuple[str, ...]
    verb: str
    variables: tuple[Variable, ...]


def parse_template(text: str) -> HttpTemplate:
    """Parse one path template.

    Raises:
        TemplateError: With the position of the fault, or the rule that is broken.
    """
    parser = _Parser(text)
    parser.expect("/")
    if not parser.at_end() and not parser.peek(":"):
        parser.parse_segments(inside_variable=False)
    verb = parser.literal() if parser.accept(":") else ""
    if not parser.at_end():
        raise parser.fault("unexpected character")
    template = HttpTemplate(text, tuple(parser.segments), verb, tuple(parser.variables))
    _refuse_broken_rules(template)
    return template


class _Parser:
    """Recursive descent over one template text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.segments: list[str] = []
        self.variables: list[Variable] = []

    def fault(self, reason: str) -> TemplateError:
        return TemplateError(f"{self.text!r}: {reason} at position {self.position}")

    def at_end(self) -> bool:
        return self.position >= len(self.text)

    def peek(self, token: str) -> bool:
        return self.text.startswith(token, self.position)

    def accept(self, token: str) -> bool:
        if self.peek(token):
            self.position += len(token)
            return True
        return False

    def expect(self, token: str) -> None:
        if not self.accept(token):
            raise self.fault(f"expected {token!r}")

    def take(self, pattern: re.Pattern[str], name: str) -> str:
        found = pattern.match(self.text, self.position)
        if found is None:
            raise self.fault(f"expected {name}")
        self.position = found.end()
        return found.group()

    def literal(self) -> str:
        return self.take(_LITERAL, "a literal")

    def parse_segments(self, *, inside_variable: bool) -> None:
        self.parse_segment(inside_variable=inside_variable)
        while self.accept("/"):
            self.parse_segment(inside_variable=inside_variable)

    def parse_segment(self, *, inside_variable: bool) -> None:
        if self.accept(REST):
            self.segments.append(REST)
        elif self.accept(ANY):
            self.segments.append(ANY)
        elif self.peek("{"):
            if inside_variable:
                raise self.fault("variables do not nest")
            self.parse_variable()
        else:
            self.segments.append(self.literal())

    def parse_variable(self) -> None:
        self.expect("{")
        path = [self.take(_IDENT, "a field name")]
        while self.accept("."):
            path.append(self.take(_IDENT, "a field name"))
        start = len(self.segments)
        if self.accept("="):
            self.parse_segments(inside_variable=True)
        else:
            self.segments.append(ANY)
        self.expect("}")
        span = self.segments[start:]
        is_multi = len(span) > 1 or REST in span
        self.variables.append(Variable(tuple(path), start, len(self.segments), is_multi))


def _refuse_broken_rules(template: HttpTemplate) -> None:
    after_rest = template.segments[template.segments.index(REST) + 1 :] if REST in template.segments else ()
    if ANY in after_rest or REST in after_rest:
        raise TemplateError(f"{template.text!r}: only literals may follow '**'")
    paths = [variable.field_path for variable in template.variables]
    if len(set(paths)) != len(paths):
        raise TemplateError(f"{template.text!r}: a field is bound twice")
