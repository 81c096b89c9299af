"""The only place where a filter expression for the index is written.

Milvus Lite does not bind parameters, and a filter put together from text returned other tenants' rows. Here an
expression is built from columns of a closed set and ids of a closed alphabet, so there is nothing to escape and
nothing to inject.
"""

from dataclasses import dataclass
from enum import StrEnum

from chassis.core.errors import Corruption, FieldViolation, InvalidInput
from chassis.core.ids import check_id
from index_svc.domain.moment import Record, ScoredRecord

__all__ = ["MAX_VIDEO_IDS", "Column", "Filter", "Scope", "all_of", "equals", "guard", "one_of"]

MAX_VIDEO_IDS = 100


class Column(StrEnum):
    """Columns that may be filtered on."""

    OWNER = "owner_id"
    VIDEO = "video_id"
    TEXT_RECIPE = "text_recipe"
    IMAGE_RECIPE = "image_recipe"


@dataclass(frozen=True, slots=True)
class Filter:
    """A finished expression; made by the functions of this module alone."""

    expression: str


def equals(column: Column, value: str) -> Filter:
    """Return `column == value`.

    Raises:
        InvalidInput: the value has not the shape of an id.
    """
    return Filter(f'{column.value} == "{_checked(column, value)}"')


def one_of(column: Column, values: tuple[str, ...]) -> Filter:
    """Return `column in values`.

    Raises:
        InvalidInput: no value, more than 100, or one that has not the shape of an id.
    """
    if not 1 <= len(values) <= MAX_VIDEO_IDS:
        raise _invalid(column, f"needs 1 to {MAX_VIDEO_IDS} ids")
    listed = ", ".join(f'"{_checked(column, value)}"' for value in values)
    return Filter(f"{column.value} in [{listed}]")


def all_of(*parts: Filter) -> Filter:
    """Return the conjunction of one or more filters."""
    return Filter(" and ".join(f"({part.expression})" for part in parts))


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose moments a search may see. There is no search without one.

    Attributes:
        owner_id: from the verified token alone.
        video_ids: only these videos, at most 100; empty means all of the owner's.

    Raises:
        InvalidInput: an id is malformed, or there are too many.
    """

    owner_id: str
    video_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _checked(Column.OWNER, self.owner_id)
        if self.video_ids:
            one_of(Column.VIDEO, self.video_ids)

    def filter(self) -> Filter:
        """Return the filter every search of this scope carries."""
        owner = equals(Column.OWNER, self.owner_id)
        return all_of(owner, one_of(Column.VIDEO, self.video_ids)) if self.video_ids else owner

    def admits(self, record: Record) -> bool:
        """Tell whether a record lies inside."""
        return record.owner_id == self.owner_id and (not self.video_ids or record.video_id in self.video_ids)


def guard(scope: Scope, hits: tuple[ScoredRecord, ...]) -> tuple[ScoredRecord, ...]:
    """Return the hits if every one lies inside the scope: the second lock on the door, independent of the filter.

    Raises:
        Corruption: the index brought a foreign moment. None is returned, not even the right ones.
    """
    if all(scope.admits(hit.record) for hit in hits):
        return hits
    raise Corruption("The index answered with a moment outside the caller's scope.", reason="FOREIGN_HIT")


def _checked(column: Column, value: str) -> str:
    if not isinstance(value, str) or not check_id(value):
        raise _invalid(column, "must be 1 to 64 of letters, digits, _ and -")
    return value


def _invalid(column: Column, what: str) -> InvalidInput:
    return InvalidInput(f"{column.value} {what}", violations=(FieldViolation(column.value, what),))
