"""A request finds its endpoint, and whatever goes wrong becomes an answer."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from chassis.io import correlation
from chassis.io.logs import get_logger
from gateway.domain.http_template import parse_template
from gateway.domain.json_codec import JsonCodec
from gateway.domain.path_matcher import AmbiguousRouteError, BadPathError, Match, MethodMissing, PathMatcher
from gateway.domain.status_map import Code, Problem, Violation
from gateway.ports import Endpoint, Reply, Request, StreamReply
from gateway.problems import problem_reply

__all__ = ["UNMATCHED", "Dispatcher"]

UNMATCHED = "unmatched"
_log = get_logger(__name__)


class Dispatcher:
    """The table of endpoints and the last guard around them."""

    def __init__(self, codec: JsonCodec) -> None:
        self._codec = codec
        self._matcher: PathMatcher[Endpoint] = PathMatcher()

    def add(self, method: str, path: str, endpoint: Endpoint) -> None:
        """Add an endpoint.

        Raises:
            AmbiguousRouteError: The path is taken.
        """
        self._matcher.add(method, parse_template(path), endpoint)

    def add_unless_taken(self, methods: Iterable[str], path: str, endpoint: Endpoint) -> None:
        """Add an endpoint of the gateway's own; a descriptor set that wants the same path keeps it."""
        for method in methods:
            try:
                self.add(method, path, endpoint)
            except AmbiguousRouteError:
                _log.warning("the descriptor set takes a path of the gateway", method=method, path=path)

    async def handle(self, request: Request) -> tuple[str, Reply | StreamReply]:
        """Answer a request: the template of its route, or UNMATCHED, and the reply. Raises only cancellation."""
        route = UNMATCHED
        try:
            match = self._match(request)
            route = match.target.label
            return route, await match.target.handler(request, match.bindings)
        except Problem as problem:
            return route, problem_reply(problem, self._codec)
        except Exception as error:  # noqa: BLE001 - the guard: a client sees an id, the log sees the error
            _log.error("a request failed unexpectedly", exc_info=error, route=route)
            hidden = Problem(Code.INTERNAL, f"internal error; correlation id {correlation.current()}")
            return route, problem_reply(hidden, self._codec)

    def _match(self, request: Request) -> Match[Endpoint]:
        try:
            found = self._matcher.match(request.method, request.raw_path)
        except BadPathError as error:
            raise Problem(Code.INVALID_ARGUMENT, str(error), (Violation("path", str(error)),)) from error
        if isinstance(found, MethodMissing):
            raise Problem(
                Code.UNIMPLEMENTED,
                f"{request.method} is not a method of this path",
                status=HTTPStatus.METHOD_NOT_ALLOWED,
                headers=(("Allow", ", ".join(found.allowed)),),
            )
        if found is None:
            raise Problem(Code.NOT_FOUND, "no such path")
        return found
