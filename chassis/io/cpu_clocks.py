"""CPU clocks of other threads and processes, read from outside of them. Linux tells them; elsewhere they say None."""

import sys
import threading
import time
from itertools import count
from pathlib import Path

__all__ = ["ThreadFamily", "process_cpu_ns"]

_TASKS = Path("/proc/self/task")
_OWN_NAME = Path("/proc/thread-self/comm")
_NUMBERS = count(1)
_MAX_NAME_BYTES = 15
# The kernel's number of a CPU clock: the complement of the id, then bit 2 for one thread, then 2 for the scheduler's.
_SCHEDULER, _ONE_THREAD = 2, 4


def process_cpu_ns(pid: int) -> int | None:
    """Return the CPU time of a process, all its threads, in nanoseconds; None when it is gone or can not be told."""
    return _clock_ns((~pid << 3) | _SCHEDULER)


def _clock_ns(clock: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return time.clock_gettime_ns(clock)
    except OSError:
        return None


class ThreadFamily:
    """The CPU time of a thread and of every thread that came of it, also of those that a native library started.

    A library computes in threads of its own while the thread that called it waits, so that one's clock alone would
    tell a quarter of the truth (a Whisper model on two cores: 240 of 1,018 ms). A new thread inherits the name of the
    one that starts it: the members of a family are those that bear its name. (Python 3.14 names the threads that it
    starts itself anew; those of libraries keep the rule.)
    """

    def __init__(self, label: str) -> None:
        """Found a family without members; `label` is for people who look at threads."""
        number = str(next(_NUMBERS))
        self.name = f"{number}:{label}".encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
        self._lock = threading.Lock()
        self._members: dict[int, int] = {}
        self._gone_ns = 0
        self._strangers: set[int] = set()

    def join(self) -> None:
        """Make the calling thread a member; the threads that it starts from now on are members too."""
        try:
            _OWN_NAME.write_text(self.name)
        except OSError:
            return
        with self._lock:
            self._members.setdefault(threading.get_native_id(), 0)

    def cpu_ns(self) -> int | None:
        """Return the CPU time of all members so far, in nanoseconds, never falling; None where it can not be told.

        What a member used after the last reading is lost when it ends; pools live on, and nothing of theirs is lost.
        About a microsecond per member, and ten when threads have come or gone.
        """
        with self._lock:
            if not self._members and not self._gone_ns:
                return None
            self._find()
            total_ns = 0
            for member, seen_ns in list(self._members.items()):
                now_ns = _clock_ns((~member << 3) | _ONE_THREAD | _SCHEDULER)
                if now_ns is None or now_ns < seen_ns:  # it has ended, or its id is another thread's by now
                    self._gone_ns += seen_ns
                    del self._members[member]
                    continue
                self._members[member] = now_ns
                total_ns += now_ns
            return self._gone_ns + total_ns

    def _find(self) -> None:
        """Look at the threads that came since the last time."""
        try:
            there = {int(task.name) for task in _TASKS.iterdir()}
        except OSError:
            return
        self._strangers &= there
        for thread in there - self._strangers - self._members.keys():
            try:
                name = (_TASKS / str(thread) / "comm").read_text().rstrip("\n")
            except OSError:
                continue
            if name == self.name:
                self._members[thread] = 0
            else:
                self._strangers.add(thread)
