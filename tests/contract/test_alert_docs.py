"""docs/alerts.md says of every rule what it means, and the numbers that it has."""

import re
from pathlib import Path
from typing import Any

from metrics_svc.domain.alerts.rules import DEFAULTS, RuleId, subject_of
from metrics_svc.domain.alerts.webhook import headers_of
from tests.support.metrics_samples import NOW

PAGE = (Path(__file__).resolve().parents[2] / "docs/alerts.md").read_text(encoding="utf-8")


def test_every_rule_has_its_heading_which_answers_link_to():
    """R-AD3-04: what each alert means and what to do."""
    assert re.findall(r"^### (.+)$", PAGE, re.MULTILINE) == list(RuleId)


def test_the_numbers_of_the_page_are_the_defaults():
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")
    ]
    shown = {row[0].strip("`"): row[1:] for row in rows if len(row) == 8}

    assert shown == {rule_id: list(cells(rule)) for rule_id, rule in DEFAULTS.items()}


def cells(rule):
    yield subject_of(rule.rule_id).unit
    yield f"{rule.fire_threshold:g}"
    yield f"{rule.fire_after.total_seconds():g} s"
    yield f"{rule.resolve_threshold:g}"
    yield f"{rule.resolve_after.total_seconds():g} s"
    yield str(rule.min_samples)
    yield f"{rule.window.total_seconds():g} s" if rule.window else ""


def test_a_receiver_that_checks_as_the_page_says_takes_ours_and_no_others():
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    there: dict[str, Any] = {}
    exec(block, there)  # noqa: S102  # our own page
    body = b'{"type": "alert.fired"}'
    headers = headers_of("id-1", body, [b"old", b"new"], NOW)

    assert there["is_ours"](headers, body, b"old")
    assert there["is_ours"](headers, body, b"new")
    assert not there["is_ours"](headers, body, b"another")
    assert not there["is_ours"](headers, body + b" ", b"new")
