"""Who may import whom, and through which door each library comes in.

The rules below are the architecture; they can not go stale.
"""

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("gateway", "ingest_svc", "inference_svc", "index_svc", "metrics_svc")
PACKAGES = (*SERVICES, "chassis", "client", "deploy")

DOORS: dict[str, tuple[str, ...]] = {
    "grpc": ("chassis/io/grpc_*.py", "*/grpc_api.py", "*/grpc_api/*.py", "*/app.py", "gateway/adapters/upstream.py"),
    "grpc_health": ("chassis/io/grpc_*.py", "gateway/adapters/upstream.py"),
    "nats": (
        "chassis/io/jetstream.py",
        "chassis/io/batch_pull.py",
        "chassis/io/broker_client.py",
        "chassis/io/delivery.py",
        "chassis/io/topology.py",
    ),
    "asyncpg": ("chassis/io/postgres.py", "chassis/io/migrate.py", "*/adapters/*_store.py", "deploy/local/postgres.py"),
    "prometheus_client": (
        "chassis/io/metrics.py",
        "metrics_svc/adapters/exposition.py",
        "metrics_svc/adapters/scrape.py",
    ),
    "imageio_ffmpeg": ("ingest_svc/adapters/cutter.py",),
    "scenedetect": ("ingest_svc/adapters/media_child/*.py",),
    "av": ("ingest_svc/adapters/media_child/*.py", "inference_svc/adapters/audio_reader.py", "client/checks.py"),
    "faster_whisper": ("inference_svc/adapters/whisper_asr.py",),
    "onnxruntime": ("inference_svc/adapters/onnx_session.py",),
    "onnx": ("inference_svc/adapters/minilm_graph.py",),
    "rapidocr": ("inference_svc/adapters/rapid_ocr.py",),
    "pymilvus": ("index_svc/adapters/milvus_*.py",),
    "milvus_lite": ("index_svc/adapters/milvus_*.py",),
    "obstore": ("chassis/io/blobs.py",),
    "jwt": ("chassis/io/identity.py",),
    "aiohttp": ("chassis/io/ops_server.py", "gateway/adapters/http_server.py"),
    "httpx": ("client/transport.py", "inference_svc/adapters/hub.py", "metrics_svc/adapters/webhook.py"),
    "click": ("client/*", "deploy/local/__main__.py"),
    "rich": ("client/*", "deploy/local/*", "inference_svc/pull.py"),
    "xlsxwriter": ("metrics_svc/codec/spreadsheet.py",),
    "openpyxl": (),
    "PIL": (
        "ingest_svc/adapters/caption_font.py",
        "ingest_svc/adapters/media_child/*.py",
        "inference_svc/adapters/image_reader.py",
    ),
    "font_source_sans_pro": ("ingest_svc/adapters/*.py",),
    "psutil": ("client/mesh.py", "ingest_svc/adapters/*"),
    "subprocess": (
        "ingest_svc/adapters/media_process.py",
        "ingest_svc/adapters/ffmpeg_process.py",
        "deploy/local/*",
        "client/launch.py",
    ),
}
"""Library -> the only files that may import it."""


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


IMPORTS = {path.relative_to(ROOT).as_posix(): imported(path) for path in modules()}


def roots(path: str) -> set[str]:
    return {name.partition(".")[0] for name in IMPORTS[path]}


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_library_comes_in_through_its_door_alone(library):
    strangers = [
        path for path in IMPORTS if library in roots(path) and not any(fnmatch(path, door) for door in DOORS[library])
    ]

    assert [] == strangers


def test_no_service_imports_another():
    """R-SCH-06."""
    faults = [
        f"{path} imports {other}"
        for path in IMPORTS
        for other in roots(path) & set(SERVICES)
        if path.partition("/")[0] != other
    ]

    assert [] == faults


def test_the_gateway_knows_descriptors_and_no_message():
    """R-AD2-10: the gateway only reads; it has no way to publish."""
    gateway = {path: names for path, names in IMPORTS.items() if path.startswith("gateway/")}
    known = [
        f"{path} imports {name}" for path, names in gateway.items() for name in names if name.startswith("heimdex.")
    ]
    carriers = [path for path in gateway if {"nats", "asyncpg"} & roots(path)]

    assert ([], []) == (known, carriers)


def test_the_chassis_knows_no_service():
    faults = [path for path in IMPORTS if path.startswith("chassis/") and roots(path) & {*SERVICES, "client", "deploy"}]

    assert [] == faults


@pytest.mark.parametrize("package", SERVICES)
def test_decisions_are_pure(package):
    """domain/ sees the standard library, numpy, chassis.core and itself; it does not await, log, or read clocks."""
    faults = []
    for path, names in IMPORTS.items():
        if not path.startswith(f"{package}/domain/"):
            continue
        for name in names:
            root = name.partition(".")[0]
            inside = name.startswith((f"{package}.domain", "chassis.core"))
            if root in {*PACKAGES, "heimdex"} and not inside and name != "chassis":
                faults.append(f"{path} imports {name}")
            if root in DOORS or root in {"asyncio", "logging", "time", "socket"}:
                faults.append(f"{path} imports {name}")

    assert [] == faults


def test_the_kernel_core_is_standard_library_alone():
    faults = [
        f"{p}: {n}"
        for p, names in IMPORTS.items()
        if p.startswith("chassis/core/")
        for n in names
        if n.split(".")[0] in DOORS or n.startswith(("heimdex", "chassis.io", "google"))
    ]

    assert [] == faults


def test_adapters_do_not_know_handlers_or_the_composition_root():
    faults = []
    for path, names in IMPORTS.items():
        package, _, rest = path.partition("/")
        if rest.startswith("adapters/"):
            faults += [
                f"{path} imports {name}"
                for name in names
                if name.startswith((f"{package}.app", f"{package}.handlers", f"{package}.grpc_api"))
            ]
        if not rest.startswith("__main__") and f"{package}.app" in names and package in SERVICES:
            faults.append(f"{path} imports its app")

    assert [] == [fault for fault in faults if not fault.startswith("gateway/__main__")]


def test_code_comes_as_an_installed_package_without_path_tricks():
    """R-SCH-15."""
    faults = [path for path in IMPORTS if "sys.path" in (ROOT / path).read_text(encoding="utf-8")]

    assert [] == faults
