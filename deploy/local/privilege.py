"""As whom PostgreSQL runs: it refuses uid 0, so root steps aside, if possible without any file changing hands."""

import functools
import os
import pwd
import subprocess
import sys
from pathlib import Path

from deploy.local.errors import MeshError
from deploy.local.process import Privilege

__all__ = ["prepare_for", "privilege_for_postgres"]

_TRAMPOLINE = Path(__file__).with_name("trampoline.py")


@functools.cache
def privilege_for_postgres() -> Privilege:
    """Decide once per launcher: an ordinary user keeps theirs; root takes a user namespace, or `nobody` if refused."""
    if os.geteuid() != 0:
        return "keep"
    trial = (sys.executable, "-I", "-S", str(_TRAMPOLINE), "9", str(os.getpid()), "namespace", "--", "/bin/true")
    refused = subprocess.run(trial, check=False, capture_output=True, timeout=10).returncode != 0
    return "nobody" if refused else "namespace"


def prepare_for(privilege: Privilege, *, data: Path, program: Path) -> None:
    """Give the cluster to `nobody` where that is who will run it (or back to root); nothing to do otherwise.

    Raises:
        MeshError: if `nobody` cannot pass a folder on the way to the data or to the program; the message names it.
    """
    if os.geteuid() != 0:
        return
    owner = pwd.getpwnam("nobody") if privilege == "nobody" else pwd.getpwuid(0)
    if privilege == "nobody":
        data.parent.chmod(0o711)  # our own root: passable, not listable; the other folders in it stay private
        for folder in (*reversed(data.parents), *reversed(program.parents)):
            if folder.exists() and not folder.stat().st_mode & 0o001:
                raise MeshError(
                    "PostgreSQL does not run as root, and this kernel refuses user namespaces: it would run as user "
                    f"nobody, who may not pass {folder}; start Heimdex as an ordinary user, or chmod o+x {folder}"
                )
    if data.exists() and data.stat().st_uid != owner.pw_uid:
        for path in (data, *data.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
