"""Generate the protobuf and gRPC code of protos/ into gen/, with type stubs and one descriptor set.

Nothing generated is committed. The output is written beside its place and moved in, so a reader never sees half of it.
"""

import shutil
import sys
import sysconfig
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[1]
PROTOS = ROOT / "protos"
GEN = ROOT / "gen"
DESCRIPTORS = "heimdex/descriptors.binpb"


def _protoc_arguments(out: Path, sources: list[str]) -> list[str]:
    site_packages = sysconfig.get_paths()["purelib"]
    scripts = Path(sysconfig.get_paths()["scripts"])
    return [
        "protoc",
        f"--proto_path={PROTOS}",
        f"--proto_path={files('grpc_tools') / '_proto'}",
        f"--proto_path={site_packages}",
        f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
        f"--python_out={out}",
        f"--grpc_python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--mypy_grpc_out=only_async,quiet:{out}",
        f"--descriptor_set_out={out / DESCRIPTORS}",
        "--include_imports",
        "--include_source_info",
        *sources,
    ]


def main() -> int:
    """Generate everything; the exit status is protoc's."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    GEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=GEN, prefix=".new-") as scratch:
        out = Path(scratch)
        (out / "heimdex").mkdir()
        status = int(protoc.main(_protoc_arguments(out, sources)))
        if status == 0:
            shutil.rmtree(GEN / "heimdex", ignore_errors=True)
            (out / "heimdex").rename(GEN / "heimdex")
    return status


if __name__ == "__main__":
    sys.exit(main())
