"""What the launcher reads from the environment, once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from deploy.local.addresses import Address
from deploy.local.errors import SettingsInvalid
from deploy.local.supervisor import RestartPolicy

__all__ = ["ADDRESS_VARIABLES", "MeshSettings"]

_HTTP_DEFAULT = "127.0.0.1:8080"
_SERVICES = ("INGEST", "INFERENCE", "INDEX", "METRICS")
ADDRESS_VARIABLES = (
    "HEIMDEX_HTTP_ADDR",
    *(f"HEIMDEX_{service}_ADDR" for service in _SERVICES),
    *(f"HEIMDEX_{service}_METRICS_ADDR" for service in (*_SERVICES, "GATEWAY")),
)
"""Every variable that may fix a listening address; all but the first are OS-chosen loopback ports unless set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshSettings:
    """Where the mesh lives, where it listens, and which servers it does not start because others run them."""

    data_dir: Path
    """Everything that must outlive a restart is under it."""
    addresses: Mapping[str, Address] = field(default_factory=dict)
    """By variable of ADDRESS_VARIABLES; what is missing is chosen by the operating system."""
    database_url: str | None = field(default=None, repr=False)
    """A PostgreSQL run elsewhere; None starts the embedded one."""
    nats_url: str | None = field(default=None, repr=False)
    """A NATS run elsewhere; None starts the embedded one."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    """What the services inherit."""
    ready_within_seconds: float = 120.0
    """From the start of the services until all must be ready."""
    restarts: RestartPolicy = field(default_factory=RestartPolicy)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read HEIMDEX_DATA_DIR, HEIMDEX_DATABASE_URL, HEIMDEX_NATS_URL and ADDRESS_VARIABLES.

        Raises:
            SettingsInvalid: naming every variable that cannot be read.
        """
        faults: list[str] = []
        addresses: dict[str, Address] = {}
        for variable in ADDRESS_VARIABLES:
            text = environment.get(variable) or (_HTTP_DEFAULT if variable == "HEIMDEX_HTTP_ADDR" else "")
            try:
                if text:
                    addresses[variable] = Address.parse(text)
            except ValueError as fault:
                faults.append(f"{variable}: {fault}")
        if faults:
            raise SettingsInvalid("; ".join(faults))
        return cls(
            data_dir=_data_dir(environment),
            addresses=addresses,
            database_url=environment.get("HEIMDEX_DATABASE_URL") or None,
            nats_url=environment.get("HEIMDEX_NATS_URL") or None,
            environment=dict(environment),
        )


def _data_dir(environment: Mapping[str, str]) -> Path:
    if chosen := environment.get("HEIMDEX_DATA_DIR"):
        return Path(chosen).expanduser().absolute()
    base = environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base).absolute() / "heimdex"
