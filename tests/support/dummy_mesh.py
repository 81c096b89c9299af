"""A mesh of tiny services under the real launcher; `python dummy_mesh.py` runs it as `python -m deploy.local` would."""

import os
import sys
from pathlib import Path

from deploy.local import MeshSettings, Service
from deploy.local.__main__ import run_mesh
from deploy.local.addresses import Address
from deploy.local.supervisor import RestartPolicy

__all__ = ["dummy", "dummy_settings"]

_PROGRAM = Path(__file__).with_name("dummy_service.py")


def dummy(prefix: str, *words: str) -> Service:
    """A service called by the lower-case prefix; GATEWAY is the door."""
    argv = (sys.executable, "-I", "-S", str(_PROGRAM), prefix, *words)
    return Service(name=prefix.lower(), argv=argv, prefix=prefix, is_door=prefix == "GATEWAY", nats_user="ingest")


def dummy_settings(data_dir: Path, **changes: object) -> MeshSettings:
    """Settings with every port chosen by the operating system, and impatient restarts."""
    values: dict[str, object] = {
        "addresses": {"HEIMDEX_HTTP_ADDR": Address("127.0.0.1", 0)},
        "environment": {**os.environ, "DUMMY_JOURNAL": str(data_dir / "journal")},
        "ready_within_seconds": 30.0,
        "restarts": RestartPolicy(first_delay_seconds=0.05, longest_delay_seconds=0.2),
    }
    return MeshSettings(data_dir=data_dir, **{**values, **changes})  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(run_mesh(as_json=True, services=[dummy("INGEST"), dummy("GATEWAY")]))
