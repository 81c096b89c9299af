"""docs/exports-check.md says what the check does: every reason, in order, with its bound."""

import re
from pathlib import Path

from heimdex.ingest.v1 import export_pb2
from ingest_svc.domain.exports.checking.check_report import BOUNDS, Reason, Report

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "exports-check.md").read_text(encoding="utf-8")
ROWS = {match[1]: match[2] for match in re.finditer(r"^\| `([A-Z_]+)` \| (.*) \|$", TEXT, re.MULTILINE)}


def test_the_closed_list_is_the_one_of_the_code():
    assert list(ROWS) == [reason.value for reason in Reason]


def test_each_bound_is_the_one_that_is_applied():
    bounds = {
        Reason.WRONG_LENGTH: f"{BOUNDS.length_ms:.0f} ms",
        Reason.OUT_OF_SYNC: f"{BOUNDS.sync_ms:.0f} ms",
        Reason.SOUND_GAP: f"{BOUNDS.gap_ms:.0f} ms",
        Reason.BLACK_PICTURES: f"{BOUNDS.black_pct:.0f} %",
        Reason.TOO_LOUD: f"+{BOUNDS.loudness_lu:.0f}",
        Reason.TOO_QUIET: f"-{BOUNDS.loudness_lu:.0f}",
        Reason.CLIPPED: f"{BOUNDS.true_peak_dbtp:.0f} dBTP",
        Reason.SUBJECT_OUTSIDE: f"{BOUNDS.inside_pct:.0f} %",
        Reason.PATH_JITTER: f"{BOUNDS.jitter:.0f} widths",
        Reason.CAPTIONS_UNSAFE: f"{BOUNDS.captions_pct:.0f} %",
    }

    assert {reason: ROWS[reason] for reason, bound in bounds.items() if bound not in ROWS[reason]} == {}
    assert f"{BOUNDS.size_bytes / 1e6:.0f} MB" in TEXT


def test_a_report_of_the_domain_has_the_fields_of_the_message():
    """R-EXP-13: nothing that was measured is lost on its way out."""
    fields = {field.name for field in export_pb2.CheckReport.DESCRIPTOR.fields}

    assert set(Report.__dataclass_fields__) == fields
