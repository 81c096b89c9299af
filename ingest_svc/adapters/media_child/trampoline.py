"""`python -m ingest_svc.adapters.media_child.trampoline LIMITS PARENT_PID ENVIRONMENT PROGRAM ...`: bound, then become.

What it lays on itself stays through exec: a program that knows nothing of limits runs within them.
"""

import json
import os
import sys

from ingest_svc.adapters.media_child.limits import apply_limits, die_with_parent, refuse_new_privileges

__all__ = ["main"]


def main(limits: str, parent_pid: int, environment: str, program: list[str]) -> None:
    """Limit this process and replace it by a program, which sees the environment it is given and nothing else."""
    die_with_parent(parent_pid)
    os.umask(0o077)
    refuse_new_privileges()
    apply_limits(json.loads(limits))
    os.execve(program[0], program, json.loads(environment))  # noqa: S606  (no shell is wanted)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:])
