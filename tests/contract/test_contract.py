"""The contract is commented, in the house style, and is not broken by a change."""

import importlib
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from chassis.core.stages import Outcome, Stage
from heimdex.common.v1 import stage_pb2
from heimdex.ingest.v1 import video_pb2
from ingest_svc.domain.video import StepState, VideoState

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("contract_lock", ROOT / "tools" / "contract_lock.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ours(tool):
    return [file for file in tool.read_descriptors().file if file.package.startswith("heimdex.")]


def test_no_locked_line_of_the_contract_is_missing(tool):
    """R-SCH-05, R-OPS-11: fields, numbers, types, JSON names, RPCs and routes stay."""
    locked = tool.LOCK.read_text(encoding="utf-8").splitlines()

    assert [] == tool.breaking_changes(locked, tool.describe(tool.read_descriptors()))


def test_the_lock_holds_the_whole_contract(tool):
    assert tool.LOCK.read_text(encoding="utf-8").splitlines() == tool.describe(tool.read_descriptors()), (
        "run make golden"
    )


@pytest.mark.parametrize("change", ["rename", "renumber", "retype", "unroute", "remove_rpc"])
def test_every_kind_of_breaking_change_is_named(tool, change):
    """R-SCH-05."""
    before = tool.describe(tool.read_descriptors())
    broken = tool.read_descriptors()
    video = next(f for f in broken.file if f.name.endswith("ingest/v1/video.proto")).message_type[0]
    service = next(f for f in broken.file if f.name.endswith("video_service.proto")).service[0]
    match change:
        case "rename":
            video.field[0].name, video.field[0].json_name = "identifier", "identifier"
        case "renumber":
            video.field[0].number = 99
        case "retype":
            video.field[0].type = descriptor_pb2.FieldDescriptorProto.TYPE_INT64
        case "unroute":
            service.method[1].ClearField("options")
        case "remove_rpc":
            del service.method[1]

    assert tool.breaking_changes(before, tool.describe(broken))


def _uncommented(file) -> list[str]:
    commented = {tuple(place.path) for place in file.source_code_info.location if place.leading_comments.strip()}
    missing = []

    def walk(message, path, prefix):
        if message.options.map_entry:
            return
        if path not in commented:
            missing.append(prefix)
        missing.extend(f"{prefix}.{f.name}" for i, f in enumerate(message.field) if (*path, 2, i) not in commented)
        for i, inner in enumerate(message.nested_type):
            walk(inner, (*path, 3, i), f"{prefix}.{inner.name}")

    for i, message in enumerate(file.message_type):
        walk(message, (4, i), message.name)
    for i, enum in enumerate(file.enum_type):
        missing += [enum.name] * ((5, i) not in commented)
        missing += [f"{enum.name}.{v.name}" for j, v in enumerate(enum.value) if (5, i, 2, j) not in commented]
    for i, service in enumerate(file.service):
        missing += [service.name] * ((6, i) not in commented)
        missing += [f"{service.name}.{m.name}" for j, m in enumerate(service.method) if (6, i, 2, j) not in commented]
    return missing


def test_everything_in_the_contract_is_commented(ours):
    """R-STG-13."""
    assert [] == [f"{file.name}: {name}" for file in ours for name in _uncommented(file)]


def test_the_contract_follows_the_house_style(ours):
    faults = []
    for file in ours:
        if file.name != f"{file.package.replace('.', '/')}/{Path(file.name).name}":
            faults.append(f"{file.name}: folder is not the package")
        for enum in file.enum_type:
            prefix = "".join(f"_{c}" if c.isupper() else c.upper() for c in enum.name).lstrip("_")
            if enum.value[0].name != f"{prefix}_UNSPECIFIED" or any(
                not v.name.startswith(f"{prefix}_") for v in enum.value
            ):
                faults.append(f"{enum.name}: values must begin with {prefix}_, the first with UNSPECIFIED")
        for service in file.service:
            if not service.name.endswith("Service"):
                faults.append(service.name)
            faults += [
                f"{service.name}.{m.name}" for m in service.method if not m.input_type.endswith(f".{m.name}Request")
            ]

    assert [] == faults


@pytest.mark.parametrize(
    ("words", "enum", "prefix"),
    [
        (Stage, stage_pb2.Stage, "STAGE_"),
        (Outcome, stage_pb2.Outcome, "OUTCOME_"),
        (VideoState, video_pb2.VideoState, "VIDEO_STATE_"),
        (StepState, video_pb2.StepState, "STEP_STATE_"),
    ],
)
def test_the_words_of_the_code_are_the_words_of_the_contract(words, enum, prefix):
    """R-STG-06, R-SCH-14: the same list in both, UNSPECIFIED apart."""
    assert {f"{prefix}{word.name}" for word in words} == set(enum.keys()) - {f"{prefix}UNSPECIFIED"}


def test_every_public_rpc_has_a_route_and_internal_ones_have_none(tool):
    lines = tool.describe(tool.read_descriptors())
    routed = {line.split()[1] for line in lines if line.startswith("route ")}
    rpcs = {line.split()[1] for line in lines if line.startswith("rpc ")}

    assert {
        "heimdex.ingest.v1.VideoService/UploadVideo",
        "heimdex.index.v1.IndexService/ForgetVideo",
        "heimdex.ingest.v1.MaintenanceService/BackfillEnds",
        "heimdex.ingest.v1.MaintenanceService/CheckEnds",
        "heimdex.metrics.v1.AdminService/RenderTable",
        "heimdex.metrics.v1.SearchHistoryService/ListSearchedPhrases",
    } == rpcs - routed
