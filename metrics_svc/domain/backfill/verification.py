"""What a check of backfills has found so far, and where it goes on."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chassis.core.errors import FieldViolation, InvalidInput
from metrics_svc.domain.backfill.backfill import Problem

__all__ = ["Verification", "read_place", "write_place"]

_MAX_ID_CHARS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Videos looked at, videos whose end was filled in, and what is wrong; `next_token` is empty at the end.

    `forgotten` are backfilled runs older than the events that are kept: their rows were checked, their runs are gone.
    """

    examined: int = 0
    backfilled: int = 0
    forgotten: int = 0
    problems_total: int = 0
    problems: tuple[Problem, ...] = ()
    next_token: str = ""

    def with_page(
        self, *, examined: int, backfilled: int, forgotten: int, problems: Sequence[Problem], shown: int
    ) -> "Verification":
        """Return it with one more page; at most `shown` problems are kept, all are counted."""
        return replace(
            self,
            examined=self.examined + examined,
            backfilled=self.backfilled + backfilled,
            forgotten=self.forgotten + forgotten,
            problems_total=self.problems_total + len(problems),
            problems=(*self.problems, *sorted(problems, key=lambda one: one.end.video_id))[:shown],
        )

    def going_on(self, token: str) -> "Verification":
        """Return it with the place where the check goes on."""
        return replace(self, next_token=token)


def write_place(video_id: str) -> str:
    """Return the token that goes on after a video."""
    return base64.urlsafe_b64encode(video_id.encode()).decode()


def read_place(token: str) -> str:
    """Return the video to go on after; empty for an empty token.

    Raises:
        InvalidInput: it is not one of ours.
    """
    try:
        video_id = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        video_id = "\0"
    if len(video_id) > _MAX_ID_CHARS or "\0" in video_id:
        text = "must be the next_page_token of the answer before"
        raise InvalidInput(
            f"page_token {text}", reason="INVALID_PAGE", violations=(FieldViolation("page_token", text),)
        )
    return video_id
