"""What can happen to an export, and what can follow from it."""

from dataclasses import dataclass
from datetime import datetime

__all__ = [
    "CancelRequested",
    "Claimed",
    "Dispatch",
    "Done",
    "Fact",
    "GivenBack",
    "Lost",
    "Outgoing",
    "RetryRequested",
    "RunEnded",
    "SourceDeleted",
    "TimePassed",
    "Undone",
]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A worker has begun."""

    fence: int
    at: datetime
    worker: str


@dataclass(frozen=True, slots=True)
class Done:
    """A worker has made it, and it is stored."""

    fence: int


@dataclass(frozen=True, slots=True)
class Undone:
    """A worker could not make it."""

    fence: int
    reason: str
    message: str
    is_permanent: bool


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A worker was stopping and put it down."""

    fence: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Work that was handed out is nowhere any more."""

    fence: int


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The owner wants it to stop."""


@dataclass(frozen=True, slots=True)
class RetryRequested:
    """The owner wants it to be tried again."""


@dataclass(frozen=True, slots=True)
class SourceDeleted:
    """A video that it shows was deleted."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Somebody looked at the clock."""


Fact = Claimed | Done | Undone | GivenBack | Lost | CancelRequested | RetryRequested | SourceDeleted | TimePassed


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Hand it out under a fence, not before a time."""

    fence: int
    not_before: datetime


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is over: this becomes the event that tells how long its owner waited."""


Outgoing = Dispatch | RunEnded
