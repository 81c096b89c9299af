"""The one table of errors: exhaustive, and the same at all three borders."""

import re

import grpc
import pytest

from chassis.core import errors
from chassis.core.errors import (
    BORDERS,
    Disposition,
    FieldViolation,
    HeimdexError,
    InvalidInput,
    Overloaded,
    QuotaViolation,
    border_of,
)
from chassis.io.grpc_status import error_from_status, status_from_error

STYLE = {
    "InvalidInput": ("INVALID_ARGUMENT", 400, "reject"),
    "UnreadableMedia": ("INVALID_ARGUMENT", 400, "reject"),
    "NotFound": ("NOT_FOUND", 404, "reject"),
    "AlreadyExists": ("ALREADY_EXISTS", 409, "reject"),
    "NotReady": ("FAILED_PRECONDITION", 400, "retry"),
    "StaleWrite": ("ABORTED", 409, "retry_at_once"),
    "Overloaded": ("RESOURCE_EXHAUSTED", 429, "retry"),
    "UpstreamUnavailable": ("UNAVAILABLE", 503, "retry"),
    "DeadlineExceeded": ("DEADLINE_EXCEEDED", 504, "retry"),
    "Stopping": ("UNAVAILABLE", 503, "retry_at_once"),
    "Corruption": ("DATA_LOSS", 500, "reject"),
    "HeimdexError": ("INTERNAL", 500, "retry"),
    "Unauthenticated": ("UNAUTHENTICATED", 401, "reject"),
    "PermissionDenied": ("PERMISSION_DENIED", 403, "reject"),
    "NotBuilt": ("UNIMPLEMENTED", 501, "reject"),
}
"""docs/style: errors at the three borders."""


def subclasses(cls):
    return {cls}.union(*(subclasses(one) for one in cls.__subclasses__() if one.__module__ == errors.__name__))


ALL = sorted(subclasses(HeimdexError), key=lambda cls: cls.__name__)


def test_every_error_has_its_border_and_no_other():
    """R-OPS-09."""
    assert set(BORDERS) == set(ALL)
    assert {
        cls.__name__: (one.grpc_code, one.http_status, str(one.disposition)) for cls, one in BORDERS.items()
    } == STYLE


@pytest.mark.parametrize("cls", ALL)
def test_an_error_explains_itself(cls):
    """R-OPS-09: docstring as message, a stable UPPER_SNAKE reason, named in the tree."""
    error = cls()

    assert str(error) == error.message == cls.__doc__.strip().splitlines()[0]
    assert re.fullmatch(r"[A-Z][A-Z0-9_]+", error.reason)
    assert cls.__name__ in errors.__doc__
    assert cls.__name__ in errors.__all__
    assert cls.permanent == (border_of(error).disposition is Disposition.REJECT or cls is HeimdexError)
    assert hasattr(grpc.StatusCode, border_of(error).grpc_code)


def test_reasons_are_different_words():
    assert len({cls.default_reason for cls in ALL}) == len(ALL)


def test_what_is_not_ours_is_a_bug():
    assert border_of(ValueError("x")) == border_of(KeyboardInterrupt()) == BORDERS[HeimdexError]


def test_a_subclass_that_was_made_elsewhere_has_the_border_of_its_kind():
    class Odd(InvalidInput):
        """Odd."""

    assert border_of(Odd()) is BORDERS[InvalidInput]


@pytest.mark.parametrize("cls", [cls for cls in ALL if cls.__name__ not in {"UnreadableMedia", "Stopping"}])
def test_an_error_that_crossed_grpc_is_the_same_error(cls):
    """R-OPS-09: class, reason and facts survive; INVALID_ARGUMENT and UNAVAILABLE come back as their general kind."""
    error = cls("went wrong", reason="SOME_REASON", metadata={"stage": "metadata"})
    back = error_from_status(status_from_error(error))

    assert type(back) is cls
    assert (back.message, back.reason, dict(back.metadata)) == ("went wrong", "SOME_REASON", {"stage": "metadata"})


def test_violations_survive_the_border():
    violations = (FieldViolation("a.b", "must be"), FieldViolation("c", "must not"))

    assert error_from_status(status_from_error(InvalidInput("x", violations=violations))).violations == violations


def test_advice_when_to_come_back_survives_the_border():
    """R-EXP-04."""
    assert error_from_status(status_from_error(Overloaded(retry_after_seconds=2.5))).retry_after_seconds == 2.5


def test_quotas_survive_the_border():
    """R-EXP-04: google.rpc.QuotaFailure, beside the advice when to come back."""
    quotas = (QuotaViolation("exports per 24 hours", "at most 10 in any 24 hours"),)
    known = error_from_status(status_from_error(Overloaded("x", retry_after_seconds=2.5, quotas=quotas)))

    assert (known.quotas, known.retry_after_seconds) == (quotas, 2.5)


def test_metadata_can_not_be_changed_after_the_fact():
    with pytest.raises(TypeError):
        InvalidInput("x", metadata={"a": "b"}).metadata["a"] = "c"
