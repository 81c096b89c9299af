"""What the reading of one media file may cost."""

from dataclasses import dataclass

from chassis.core.mediatime import NANOSECONDS_PER_SECOND

__all__ = ["SandboxLimits"]


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What one child may spend.

    Attributes:
        memory_bytes: private memory (RLIMIT_DATA); the address space may be twice that.
        file_bytes: largest file it may write.
        probe_seconds: wall clock of a probe.
        scenes_base_seconds: wall clock of a scene detection, to which `scenes_seconds_per_second` is added for each
            second of video.
        stall_seconds: longest silence before the child is taken for stuck.
        threads: decoder threads.
        children: children at work at the same time; the rest wait.
    """

    memory_bytes: int = 2 * 2**30
    file_bytes: int = 2 * 2**30
    probe_seconds: float = 300.0
    scenes_base_seconds: float = 60.0
    scenes_seconds_per_second: float = 10.0
    stall_seconds: float = 60.0
    threads: int = 2
    children: int = 2

    def scenes_seconds(self, duration_ns: int) -> float:
        """Return the wall clock that cutting a video of this length may take."""
        return self.scenes_base_seconds + self.scenes_seconds_per_second * duration_ns / NANOSECONDS_PER_SECOND
