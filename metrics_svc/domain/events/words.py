"""The words under which stages, outcomes and operations are kept: those of today, a number for those of tomorrow."""

from chassis.core.stages import Outcome, Stage

__all__ = ["END_OF_RUN", "operation_word", "outcome_word", "stage_word"]

_STAGES: tuple[str, ...] = ("unspecified", *Stage)
_OUTCOMES: tuple[str, ...] = ("unspecified", *Outcome)
_OPERATIONS: tuple[str, ...] = ("operation_0", "upload", "export")
END_OF_RUN: frozenset[str] = frozenset({Stage.COMPLETED, Stage.FAILED})
"""The stages that mark the end of a run; all others are pieces of work."""


def stage_word(number: int) -> str:
    """Return the word of a stage by its number in the contract; `stage_17` for one that is not known here."""
    return _STAGES[number] if 0 <= number < len(_STAGES) else f"stage_{number}"


def outcome_word(number: int) -> str:
    """Return the word of an outcome by its number in the contract; `outcome_9` for one that is not known here."""
    return _OUTCOMES[number] if 0 <= number < len(_OUTCOMES) else f"outcome_{number}"


def operation_word(number: int) -> str:
    """Return the word of an operation by its number in the contract; `operation_7` for one that is not known here."""
    return _OPERATIONS[number] if 0 <= number < len(_OPERATIONS) else f"operation_{number}"
