"""Model, revision and preprocessing: the identity of everything a model says.

Two vectors may be compared only when their recipes are equal. A new revision, or one changed number in the
preprocessing, is a new recipe, therefore a new result id, therefore never a silent mixture.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Recipe", "recipe_of"]

_DIGEST_CHARS = 12


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a result was made."""

    model: str
    """Name in models.toml."""
    revision: str
    """Revision of the weights: a commit, or the first 12 hex digits of the main file's SHA-256."""
    digest: str
    """First 12 hex digits of the SHA-256 of the preprocessing settings."""

    def __str__(self) -> str:
        return f"{self.model}@{self.revision}:{self.digest}"


def recipe_of(model: str, revision: str, preprocessing: Mapping[str, object]) -> Recipe:
    """Compute a recipe; the order of the settings does not matter.

    Raises:
        TypeError: A setting is not JSON (string, number, boolean, list or mapping of these).
    """
    canonical = json.dumps(dict(preprocessing), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return Recipe(model, revision, hashlib.sha256(canonical.encode()).hexdigest()[:_DIGEST_CHARS])
