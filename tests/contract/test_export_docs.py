"""docs/exports.md says what the code does: every reason, every default, every word that can be chosen."""

import re
from pathlib import Path

import pytest

from client.export_errors import ADVICE
from client.export_spec import CAPTIONS, QUALITIES, RATIOS, STRATEGIES
from ingest_svc.domain.exports.checking.verdict import Reason
from ingest_svc.domain.exports.proposing.evidence import Kind
from ingest_svc.domain.exports.rules import MAX_SEGMENTS
from ingest_svc.domain.exports.values import Quality, Ratio, encoding_of
from ingest_svc.domain.probe import RefusalReason
from ingest_svc.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
NEVER_SEEN = {"EXPORT_TAKEN_AWAY", "GIVEN_BACK", "HEIMDEX_WORK"}
"""Reasons of stage events alone, and a stream."""


def _sources() -> list[Path]:
    folders = (ROOT / "ingest_svc" / "exports", ROOT / "ingest_svc" / "domain" / "exports")
    found = [path for folder in folders for path in folder.rglob("*.py")]
    return found + list((ROOT / "ingest_svc" / "adapters").glob("export_*.py"))


def _raised() -> set[str]:
    """Return every quoted word that looks like a reason and names no constant; those of the check have a page."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in _sources())
    defined = set(re.findall(r"^([A-Z][A-Z_]+)\b.*=", text, re.MULTILINE))
    return set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', text)) - defined - set(Reason)


def _noted() -> set[str]:
    """Return the words of notes: constants that begin with their reason."""
    return {word for path in _sources() for word in re.findall(r'"([A-Z_]{8,}): ', path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("reason", sorted((_raised() | set(RefusalReason) | set(ADVICE)) - NEVER_SEEN))
def test_every_reason_is_in_the_closed_list(reason: str) -> None:
    assert f"`{reason}`" in TEXT


def test_every_note_and_every_kind_of_proposal_is_explained() -> None:
    assert {word for word in {*_noted(), *Kind} if f"`{word}`" not in TEXT} == set()


def test_every_word_that_can_be_chosen_is_explained() -> None:
    chosen = {*RATIOS, *STRATEGIES, *QUALITIES, *CAPTIONS} - {"none"}

    assert {word for word in chosen if f"`{word}`" not in TEXT and f"--captions {word}`" not in TEXT} == set()


def test_every_size_and_every_rate_is_the_one_that_is_made() -> None:
    """R-EXP-05."""
    for ratio in Ratio:
        sizes = [encoding_of(ratio, quality).size for quality in (Quality.MEDIUM, Quality.LOW)]
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{ratio}`"))
        assert [f"{size.width}x{size.height}" for size in sizes] == re.findall(r"[0-9]+x[0-9]+", row)
    for quality in Quality:
        encoding = encoding_of(Ratio.R_9_16, quality)
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{quality}`"))
        assert f"CRF {encoding.crf}, `{encoding.preset}`, at most {encoding.max_bps / 1e6:g} Mbit/s" in row


@pytest.mark.parametrize(
    ("field", "printed"),
    [
        ("export_max_seconds", "{:g} s; "),
        ("export_quota", "| {} |"),
        ("export_hours", "| {:g} h |"),
        ("export_slots", "| {} |"),
    ],
)
def test_every_limit_is_the_default_of_its_setting(field: str, printed: str) -> None:
    setting = Settings.__dataclass_fields__[field]
    (row,) = (line for line in TEXT.splitlines() if f"`HEIMDEX_{field.upper()}`" in line)

    assert printed.format(setting.default) in row
    assert f"| stretches of a reel | {MAX_SEGMENTS} | |" in TEXT
