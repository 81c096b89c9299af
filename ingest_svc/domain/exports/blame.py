"""Whose fault a failure is: what is ours costs nobody a place in the quota."""

from ingest_svc.domain.probe import RefusalReason

__all__ = ["is_ours"]

_OF_THE_FILE = frozenset(RefusalReason) - {RefusalReason.MEDIA_TIMEOUT, RefusalReason.MEDIA_CHILD_KILLED}
"""What a file is refused for by its content: trying again costs us the same work for the same answer.

Everything else is ours: bugs, poison, a full disk, what did not answer, limits of our sandbox, a result that does not
pass its check, a source that has gone from our store.
"""


def is_ours(reason: str) -> bool:
    """Tell whether a failure is not to be charged; a reason that is not known here is ours."""
    return reason not in _OF_THE_FILE
