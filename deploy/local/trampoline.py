"""Become the wanted program, tied to the life of the launcher; run as a bare script, standard library only.

    python -I -S trampoline.py DEATH_SIGNAL LAUNCHER_PID PRIVILEGE -- PROGRAM [ARGUMENT ...]

A `preexec_fn` would run Python between fork and exec of a process with threads, which may deadlock; a program of its
own cannot. The order matters: every change of credentials clears the parent-death signal, so it is asked for last, just
before exec; the launcher may have died before that, so its pid is compared afterwards.

PRIVILEGE is `keep`, `namespace` (a new user namespace in which root is seen as uid 1000: PostgreSQL refuses to run as
uid 0, and no file changes hands) or `nobody`.
"""

import ctypes
import os
import pwd
import sys
from pathlib import Path

__all__ = ["EXIT_LAUNCHER_GONE", "EXIT_NOT_EXECUTABLE", "EXIT_NO_PRIVILEGE_CHANGE"]

EXIT_LAUNCHER_GONE = 95
"""The launcher died while we were starting; there is nobody to work for."""
EXIT_NO_PRIVILEGE_CHANGE = 96
"""The kernel refused the new user namespace, or the change to `nobody`."""
EXIT_NOT_EXECUTABLE = 97
"""The program could not be executed; the reason is on stderr."""

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_SEEN_AS_ID = 1000


def _call(libc: ctypes.CDLL, name: str, *arguments: int) -> None:
    if getattr(libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _enter_user_namespace(libc: ctypes.CDLL) -> None:
    uid, gid = os.geteuid(), os.getegid()
    _call(libc, "unshare", _CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{_SEEN_AS_ID} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{_SEEN_AS_ID} {gid} 1", encoding="ascii")


def _become_nobody() -> None:
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
    os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)


def _main(arguments: list[str]) -> int:
    death_signal, launcher_pid, privilege = int(arguments[0]), int(arguments[1]), arguments[2]
    program = arguments[4:]
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if privilege == "namespace":
            _enter_user_namespace(libc)
        elif privilege == "nobody":
            _become_nobody()
    except (OSError, KeyError) as refused:
        sys.stderr.write(f"trampoline: privilege {privilege}: {refused}\n")
        return EXIT_NO_PRIVILEGE_CHANGE
    _call(libc, "prctl", _PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != launcher_pid:
        return EXIT_LAUNCHER_GONE
    try:
        os.execv(program[0], program)  # noqa: S606  (there is no shell, and the launcher chose the program)
    except OSError as failure:
        sys.stderr.write(f"trampoline: cannot execute {program[0]}: {failure.strerror}\n")
    return EXIT_NOT_EXECUTABLE


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
