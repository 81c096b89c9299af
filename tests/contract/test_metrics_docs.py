"""docs/metrics.md says what every number means that an administrator is told."""

import re
from pathlib import Path

from google.api import annotations_pb2

from heimdex.metrics.v1 import admin_service_pb2 as admin

PAGE = (Path(__file__).resolve().parents[2] / "docs/metrics.md").read_text(encoding="utf-8")
METHODS = [
    method
    for method in admin.DESCRIPTOR.services_by_name["AdminService"].methods
    if method.output_type.file.package == "heimdex.metrics.v1"
]
EXPLAINED = set(re.findall(r"`([a-z][a-z0-9_]*)`", PAGE))


def fields_of(message, seen=None):
    """The names of all fields of a message and of those within it."""
    seen = set() if seen is None else seen
    if message.full_name in seen:
        return set()
    seen.add(message.full_name)
    names = {field.name for field in message.fields}
    for field in message.fields:
        if field.message_type is not None and field.message_type.file.package == "heimdex.metrics.v1":
            names |= fields_of(field.message_type, seen)
    return names


def test_every_field_of_every_answer_is_explained():
    """Issue 3, point 3: each number in one sentence and one formula."""
    silent = {method.name: sorted(fields_of(method.output_type) - EXPLAINED) for method in METHODS}

    assert {name: fields for name, fields in silent.items() if fields} == {}


def test_every_path_of_an_answer_has_its_part():
    paths = {method.GetOptions().Extensions[annotations_pb2.http].get for method in METHODS}
    parts = " ".join(line for line in PAGE.splitlines() if line.startswith("## "))
    silent = [path for path in paths if path and path.removeprefix("/v1/admin/").partition(":")[0] not in parts]

    assert [path for path in silent if not path.startswith("/v1/admin/backfills")] == []


def test_nothing_is_explained_that_no_answer_has():
    """A name that was renamed in the contract may not live on in the page."""
    fields = {name for method in METHODS for name in fields_of(method.output_type)}
    words = EXPLAINED - fields

    assert {word for word in words if re.search(r"_(ms|s|pct|total|7d|30d|rtf|bytes|amount)$", word)} == set()
