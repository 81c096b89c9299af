"""Energy of the processors as they report it themselves (RAPL), where this process may read it.

A package reports what all its work used. A piece of work gets the part that its CPU time is of the machine's busy CPU
time meanwhile, so the parts of all work never sum to more than was reported.
"""

import re
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["EnergyMeter", "EnergyReading"]

_PACKAGE = re.compile(r"intel-rapl:\d+")  # AMD's bear that name too; parts of a package have a second number
_NS_PER_TICK = 10_000_000  # of /proc/stat; the kernel promises USER_HZ = 100
_BUSY_COLUMNS = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal; not idle and iowait
_MOST_WATTS = 400
"""More than a package draws for long: a counter that could have gone round unseen at this power is not believed."""


@dataclass(frozen=True, slots=True)
class EnergyReading:
    """One look at the counters: microjoules by package, busy CPU time of the machine, and when."""

    packages_uj: tuple[int, ...]
    busy_ns: int
    at_ns: int


class EnergyMeter:
    """The packages of this machine; none where they can not be read, which is asked once."""

    def __init__(self, folder: Path = Path("/sys/class/powercap"), stat: Path = Path("/proc/stat")) -> None:
        self._stat = stat
        self._counters: tuple[Path, ...] = ()
        self._ranges_uj: tuple[int, ...] = ()
        try:
            packages = sorted(path for path in folder.iterdir() if _PACKAGE.fullmatch(path.name) and _is_package(path))
            self._ranges_uj = tuple(int((path / "max_energy_range_uj").read_text()) for path in packages)
            self._counters = tuple(path / "energy_uj" for path in packages)
            self._read()
        except (OSError, ValueError):
            self._counters = ()

    def read(self) -> EnergyReading | None:
        """Return the counters now; None where there are none. Some tens of microseconds."""
        if not self._counters:
            return None
        try:
            return self._read()
        except (OSError, ValueError):
            return None

    def used_by(self, cpu_ns: int | None, before: EnergyReading | None, after: EnergyReading | None) -> int | None:
        """Return the microjoules that fall to work of that much CPU time between two readings; None if not known."""
        if cpu_ns is None or before is None or after is None:
            return None
        elapsed_s = (after.at_ns - before.at_ns) / 1e9
        used_uj = 0
        for range_uj, first, last in zip(self._ranges_uj, before.packages_uj, after.packages_uj, strict=True):
            if elapsed_s * _MOST_WATTS * 1e6 > range_uj:
                return None
            used_uj += last - first if last >= first else last - first + range_uj
        busy_ns = max(after.busy_ns - before.busy_ns, cpu_ns)
        return used_uj * cpu_ns // busy_ns if busy_ns else 0

    def _read(self) -> EnergyReading:
        packages = tuple(int(counter.read_text()) for counter in self._counters)
        ticks = self._stat.read_text().split("\n", 1)[0].split()[1:]
        busy = sum(int(ticks[column]) for column in _BUSY_COLUMNS if column < len(ticks))
        return EnergyReading(packages, busy * _NS_PER_TICK, time.monotonic_ns())


def _is_package(path: Path) -> bool:
    return (path / "name").read_text().startswith("package")
