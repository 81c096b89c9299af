"""What every claim shares: what a measurement is, how it is told, and on which machine it was made."""

import hashlib
import os
import platform
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console

__all__ = [
    "ROOT",
    "Aim",
    "Gate",
    "Measured",
    "Quantity",
    "Run",
    "Stopwatch",
    "commit",
    "digest_of",
    "machine",
    "milliseconds",
    "quantile",
    "result_line",
    "seconds",
    "spread",
]

ROOT = Path(__file__).resolve().parents[1]
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit."""

    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition of correctness; figures of work that was done wrongly are worth nothing."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Aim:
    """What we want a value to be at most; missing it is reported and fails nothing."""

    value: str
    """Name of a value, or `ratio`."""
    at_most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one claim came to.

    Attributes:
        values: by name.
        ratio: ours divided by the peer's, the same work on the same machine in the same run; None without a peer.
        peer: what the peer is, in words.
        inputs: whatever determined the work; its digest is told.
    """

    values: dict[str, Quantity]
    gates: tuple[Gate, ...]
    ratio: float | None = None
    peer: str = ""
    aims: tuple[Aim, ...] = ()
    inputs: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """How to measure: where to put files, whether only to try, whom to tell how far it is."""

    scratch: Path
    is_quick: bool
    console: Console
    _began: float = field(default_factory=time.monotonic)

    def count(self, full: int, quick: int) -> int:
        """Return how often to do something."""
        return quick if self.is_quick else full

    def folder(self, name: str) -> Path:
        """Return a new folder of that name."""
        path = self.scratch / name
        path.mkdir(parents=True, mode=0o700)
        return path

    def say(self, text: str) -> None:
        """Tell a person how far it is."""
        elapsed = time.monotonic() - self._began
        self.console.print(f"[dim]{elapsed:7.1f} s[/]  {text}", highlight=False)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds that have passed."""
        return time.perf_counter() - self._start


def quantile(samples: Sequence[float], percent: float) -> float:
    """Return a percentile, interpolated between samples like PostgreSQL's percentile_cont."""
    return float(np.percentile(np.asarray(samples, np.float64), percent))


def seconds(value: float) -> Quantity:
    """Return seconds."""
    return Quantity(round(value, 4), "s")


def milliseconds(value: float) -> Quantity:
    """Return seconds as milliseconds."""
    return Quantity(round(value * 1000, 3), "ms")


def spread(name: str, samples: Sequence[float], *percents: int) -> dict[str, Quantity]:
    """Return percentiles of samples, given in seconds, as `name_pNN` in milliseconds."""
    return {f"{name}_p{percent}": milliseconds(quantile(samples, percent)) for percent in percents}


def digest_of(parts: Iterable[bytes]) -> str:
    """Return the SHA-256 of length-prefixed parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def commit() -> str:
    """Return the commit of this tree, `-dirty` when it was changed; `unknown` outside of git."""
    try:
        head = subprocess.run(
            ("git", "describe", "--always", "--abbrev=12", "--dirty", "--match", ""),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() or "unknown"


def machine() -> dict[str, Any]:
    """Return the machine's class, and how busy it is; nothing that names the machine."""
    return {
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_gib": round(psutil.virtual_memory().total / _GIB, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_1m": round(psutil.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def result_line(name: str, claim: str, measured: Measured, *, run: Run, took_seconds: float) -> dict[str, Any]:
    """Return the record of one claim."""
    reached = {key: one.value for key, one in measured.values.items()}
    if measured.ratio is not None:
        reached["ratio"] = measured.ratio
    aims = [
        {"value": aim.value, "at_most": aim.at_most, "met": reached[aim.value] <= aim.at_most} for aim in measured.aims
    ]
    return {
        "bench": name,
        "claim": claim,
        "passed": all(gate.passed for gate in measured.gates),
        "values": {key: {"value": one.value, "unit": one.unit} for key, one in measured.values.items()},
        "ratio": None if measured.ratio is None else {"value": round(measured.ratio, 3), "to": measured.peer},
        "aims": aims,
        "gates": [{"name": gate.name, "passed": gate.passed, "detail": gate.detail} for gate in measured.gates],
        "input": digest_of(measured.inputs),
        "quick": run.is_quick,
        "took_s": round(took_seconds, 1),
        "commit": commit(),
        "machine": machine(),
        "python": platform.python_version(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
