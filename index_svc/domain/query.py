"""What a request asks for, parsed and limited; and what each signal may contribute."""

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum

from chassis.core.errors import FieldViolation, InvalidInput
from index_svc.domain.filters import Scope
from index_svc.domain.words import content_words, spellings, stem, tokens

__all__ = [
    "DEFAULT_PAGE_SIZE",
    "MAX_PAGE_SIZE",
    "MAX_QUERY_CHARACTERS",
    "WEIGHTS",
    "Query",
    "Signal",
    "parse_query",
    "shares",
]

MAX_QUERY_CHARACTERS = 1_000
MAX_PAGE_SIZE = 100
DEFAULT_PAGE_SIZE = 20
_MAX_OFFSET = 1_000
_TOKEN_DIGEST_BYTES = 9


class Signal(StrEnum):
    """A way in which a moment can answer a query."""

    SPEECH = "speech"
    MEANING = "meaning"
    TAGS = "tags"
    ON_SCREEN_TEXT = "on_screen_text"
    TITLE = "title"
    PICTURE = "picture"


WEIGHTS: dict[Signal, float] = {
    # Words that were really said are the best evidence there is; meaning catches what was said differently.
    Signal.SPEECH: 0.28,
    Signal.MEANING: 0.24,
    # Tags come from small classifiers: right more often than not, and coarse.
    Signal.TAGS: 0.16,
    Signal.PICTURE: 0.14,
    Signal.ON_SCREEN_TEXT: 0.12,
    # A title speaks for the whole video, so it must not decide between the scenes of one video.
    Signal.TITLE: 0.06,
}


def shares(used: frozenset[Signal]) -> dict[Signal, float]:
    """Return each used signal's share of the score; they sum to 1, or there are none."""
    total = sum(WEIGHTS[signal] for signal in used)
    return {signal: WEIGHTS[signal] / total for signal in Signal if signal in used}


@dataclass(frozen=True, slots=True)
class Query:
    """A valid request; made by `parse_query`.

    Attributes:
        text: what to look for, trimmed, 1 to 1,000 characters.
        scope: whose moments may be seen.
        signals: the signals asked for, at least one.
        page_size: results wanted, 1 to 100.
        offset: results already given, >= 0.
    """

    text: str
    scope: Scope
    signals: frozenset[Signal]
    page_size: int
    offset: int

    @property
    def stems(self) -> tuple[str, ...]:
        """Stems that carry the meaning, each once, in order."""
        return content_words(self.text)

    @property
    def sequence(self) -> tuple[str, ...]:
        """All words as stems in order, small words too: what an exact phrase is compared with."""
        return tuple(stem(token.word) for token in tokens(self.text))

    @property
    def lexical_text(self) -> str:
        """What is handed to the word index: every spelling of every content word; empty when there is no word."""
        return " ".join(form for word in self.stems for form in spellings(word))

    def next_page_token(self, total: int) -> str:
        """Return the token of the page after this one, or an empty string when `total` results end before it."""
        offset = self.offset + self.page_size
        return "" if offset >= total or offset > _MAX_OFFSET else _page_token(self, offset)


def parse_query(  # one parameter per field of the request
    text: str,
    *,
    owner_id: str,
    video_ids: tuple[str, ...] = (),
    signals: frozenset[Signal] = frozenset(),
    page_size: int = 0,
    page_token: str = "",
) -> Query:
    """Return the query, or say everything that is wrong with it at once.

    Args:
        text: 1 to 1,000 characters after trimming.
        owner_id: from the verified token.
        video_ids: only these videos; empty means all.
        signals: only these signals; empty means all.
        page_size: 1 to 100; 0 means 20.
        page_token: from the answer before, for the same query.

    Raises:
        InvalidInput: with one violation per field.
    """
    violations: list[FieldViolation] = []
    trimmed = text.strip()
    if not 1 <= len(trimmed) <= MAX_QUERY_CHARACTERS:
        violations.append(FieldViolation("q", f"must have 1 to {MAX_QUERY_CHARACTERS} characters"))
    if not 0 <= page_size <= MAX_PAGE_SIZE:
        violations.append(FieldViolation("page_size", f"must be 1 to {MAX_PAGE_SIZE}, or 0 for {DEFAULT_PAGE_SIZE}"))
    try:
        scope = Scope(owner_id, tuple(dict.fromkeys(video_ids)))
    except InvalidInput as error:
        renamed = (
            FieldViolation("video_ids" if v.field == "video_id" else v.field, v.description) for v in error.violations
        )
        violations.extend(renamed)
        scope = Scope("nobody")
    query = Query(trimmed, scope, signals or frozenset(Signal), page_size or DEFAULT_PAGE_SIZE, 0)
    offset = _offset_of(page_token, query)
    if offset is None:
        violations.append(FieldViolation("page_token", "does not belong to this query"))
    if violations:
        raise InvalidInput("The search request is not valid.", violations=tuple(violations))
    return Query(query.text, query.scope, query.signals, query.page_size, offset or 0)


def _page_token(query: Query, offset: int) -> str:
    """Bind an offset to everything that decides the order, so that a token can not be used for another question."""
    said = "\x00".join((query.text, query.scope.owner_id, *sorted(query.scope.video_ids), "", *sorted(query.signals)))
    digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()[:_TOKEN_DIGEST_BYTES]
    return base64.urlsafe_b64encode(digest + offset.to_bytes(3, "big")).decode()


def _offset_of(page_token: str, query: Query) -> int | None:
    if not page_token:
        return 0
    try:
        offset = int.from_bytes(base64.urlsafe_b64decode(page_token.encode("ascii"))[_TOKEN_DIGEST_BYTES:], "big")
        return offset if offset <= _MAX_OFFSET and _page_token(query, offset) == page_token else None
    except (ValueError, OverflowError):  # not ascii, not base64, or an offset no page has
        return None
