"""What one scene is: tags merged over its keyframes, text on screen, a plain sentence, and the text to search by.

Nothing here invents: the summary is composed from labels and lines that models reported, and says "Likely" before
what a model guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from inference_svc.domain.vectors import Vector

__all__ = [
    "COMBINED_TEXT_VERSION",
    "SceneDescription",
    "SceneInput",
    "SceneText",
    "Tag",
    "TextLine",
    "TextSource",
    "combine_text",
    "merge_lines",
    "merge_tags",
    "summarise",
    "tag_of",
]

COMBINED_TEXT_VERSION = 1
"""Part of the identity of a text vector: raise it when `combine_text` changes."""

_PLACEHOLDER = "untitled video"
_SUMMARY_TAGS = 4
_SUMMARY_LINES = 3
_MAX_LINE_CHARS = 120


class TextSource(StrEnum):
    """Where the text of a scene came from (R-ING-11); the words of `TextSource` in the contract."""

    TRANSCRIPT = "TRANSCRIPT"
    TITLE = "TITLE"
    PLACEHOLDER = "PLACEHOLDER"


@dataclass(frozen=True, slots=True)
class Tag:
    """A label, how sure its model was (0..1, comparable within one model only), and which model it was."""

    label: str
    score: float
    model: str
    """`name@revision`."""
    synonyms: tuple[str, ...] = ()
    """Other names of the same thing, for search only."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of text in a picture."""

    text: str
    score: float
    """0..1."""
    corners: tuple[tuple[float, float], ...]
    """Four corners (x, y) in pixels, clockwise from the top left of the text."""


@dataclass(frozen=True, slots=True)
class SceneInput:
    """What is known of a scene before the models see it."""

    keyframes: tuple[bytes, ...]
    """Encoded pictures, in order of time; may be empty (sound alone)."""
    transcript: str
    """Trusted words spoken in [start, end)."""
    title: str
    """Title of the video; empty when it has none."""


@dataclass(frozen=True, slots=True)
class SceneText:
    """The text a scene is found by."""

    combined: str
    source: TextSource


@dataclass(frozen=True, slots=True)
class SceneDescription:
    """What the models said about a scene. Vectors are L2-normalised, None where the capability did not take part."""

    tags: tuple[Tag, ...]
    """Labels of classifier and detector, best first."""
    entities: tuple[str, ...]
    """Labels of things with a box, best first."""
    ocr_lines: tuple[str, ...]
    summary: str
    """One derived sentence; empty when nothing was seen."""
    text: SceneText
    text_vector: Vector | None
    text_recipe: str
    """Identity of `text_vector` and `tags_vector`: model, revision, preprocessing, text version."""
    tags_vector: Vector | None
    image_vector: Vector | None
    image_recipe: str
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Capability to reason, for those that did not take part."""


def tag_of(label: str, score: float, model: str) -> Tag:
    """Make a tag of a label with several names, `hotdog, red hot`: the first one is shown, all are searched."""
    first, *others = [name.strip() for name in label.split(",") if name.strip()] or [label]
    return Tag(first, score, model, tuple(others))


def merge_tags(frames: Sequence[Sequence[Tag]], *, limit: int) -> tuple[Tag, ...]:
    """Merge tags over keyframes: per label and model the best score, best first, ties by label, at most `limit`.

    A label that two models report keeps its better entry.
    """
    best: dict[str, Tag] = {}
    for frame in frames:
        for tag in frame:
            key = tag.label.casefold()
            if key not in best or tag.score > best[key].score:
                best[key] = tag
    ordered = sorted(best.values(), key=lambda tag: (-tag.score, tag.label, tag.model))
    return tuple(ordered[:limit])


def merge_lines(frames: Sequence[Sequence[TextLine]], *, limit: int) -> tuple[str, ...]:
    """Return each line of text once, in order of first appearance; case and spaces do not make a new line."""
    seen: dict[str, str] = {}
    for frame in frames:
        for line in frame:
            text = " ".join(line.text.split())
            if text:
                seen.setdefault("".join(text.casefold().split()), text)
    return tuple(seen.values())[:limit]


def summarise(tags: Sequence[str], lines: Sequence[str]) -> str:
    """Compose one truthful line: what is likely seen, what is written; empty when nothing was seen."""
    parts = []
    if guesses := _unique(tags)[:_SUMMARY_TAGS]:
        parts.append(f"Likely: {', '.join(guesses)}.")
    if lines:
        quoted = " / ".join(line[:_MAX_LINE_CHARS] for line in lines[:_SUMMARY_LINES])
        parts.append(f'Text on screen: "{quoted}".')
    return " ".join(parts)


def combine_text(*, transcript: str, title: str, lines: Sequence[str], tags: Sequence[str]) -> SceneText:
    """Put together the text of a scene: what is said, else the title, else "untitled video"; then what is seen.

    The order is the order of worth: an encoder that reads only the beginning reads the best.
    """
    spoken, named = " ".join(transcript.split()), " ".join(title.split())
    if spoken:
        first, source = spoken, TextSource.TRANSCRIPT
    elif named:
        first, source = named, TextSource.TITLE
    else:
        first, source = _PLACEHOLDER, TextSource.PLACEHOLDER
    parts = [first]
    if lines:
        parts.append(f"On screen: {' / '.join(lines)}")
    if tags:
        parts.append(f"Seen: {', '.join(_unique(tags))}")
    return SceneText("\n".join(parts), source)


def _unique(names: Sequence[str]) -> list[str]:
    """Return names once each, in order; case and spaces do not make a new name."""
    seen: dict[str, str] = {}
    for name in names:
        seen.setdefault("".join(name.casefold().split()), name)
    return list(seen.values())
