"""Which mesh, and who am I: by HEIMDEX_URL and HEIMDEX_TOKEN, or by the data folder of a local mesh."""

import contextlib
import getpass
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from chassis.io.identity import ensure_key_pair, mint_token
from client.errors import ClientError, Exit, MeshNotReachable

__all__ = [
    "Launcher",
    "Mesh",
    "NoToken",
    "data_dir_of",
    "find_launcher",
    "find_mesh",
    "local_user",
    "make_token",
    "stop_launcher",
]

_MINTED_SECONDS = 3600
_LAUNCHER_MODULE = "deploy.local"


class NoToken(ClientError):
    """A mesh elsewhere is named, and no token for it."""

    @property
    def exit_status(self) -> Exit:
        """The exit status of a command that ends with this."""
        return Exit.FORBIDDEN


@dataclass(frozen=True, slots=True)
class Mesh:
    """Where a mesh answers and whose tokens to show it; `admin_token` may be the same as `token`."""

    url: str
    token: str
    admin_token: str

    @property
    def has_token(self) -> bool:
        """Whether there is any token to show."""
        return bool(self.token)


@dataclass(frozen=True, slots=True)
class Launcher:
    """A launcher that runs on a data folder, as its `run/mesh.json` says; its process was looked at."""

    pid: int
    url: str


def data_dir_of(environ: Mapping[str, str]) -> Path:
    """Return the data folder of the local mesh, absolute; it need not exist."""
    if chosen := environ.get("HEIMDEX_DATA_DIR"):
        return Path(chosen).expanduser().absolute()
    base = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base).absolute() / "heimdex"


def local_user(environ: Mapping[str, str]) -> str:
    """Return the user of a local mesh: HEIMDEX_USER, else the login name, else `local`."""
    if chosen := environ.get("HEIMDEX_USER"):
        return chosen
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry for this uid, as in some containers
        return "local"


def make_token(data_dir: Path, user: str, *, is_admin: bool, ttl_seconds: int) -> str:
    """Sign a token with the key of a data folder, making the key (and the folder) at the first call.

    Raises:
        ClientError: the key can not be read or written.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = ensure_key_pair(data_dir / "keys")
    except OSError as error:
        raise ClientError(
            f"the key under {data_dir} can not be used ({error.strerror}); set HEIMDEX_DATA_DIR to a folder of yours"
        ) from error
    return mint_token(keys.private_pem, subject=user, is_admin=is_admin, ttl_seconds=ttl_seconds)


def find_launcher(data_dir: Path) -> Launcher | None:
    """Return the launcher that runs on a data folder; None when there is none, or only what a dead one left."""
    described = _described(data_dir)
    pid, url = described.get("pid"), described.get("http_url")
    if not isinstance(pid, int) or not isinstance(url, str):
        return None
    return Launcher(pid, url) if _is_launcher(pid, data_dir) else None


def stop_launcher(launcher: Launcher, *, within_seconds: float) -> None:
    """Ask a launcher to stop and wait until it is gone; one that is gone already is fine.

    Raises:
        ClientError: it is somebody else's, or still there in the end.
    """
    try:
        process = psutil.Process(launcher.pid)
        process.terminate()
        process.wait(within_seconds)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired as error:
        raise ClientError(f"the mesh (pid {launcher.pid}) is still stopping after {within_seconds:.0f} s") from error
    except psutil.AccessDenied as error:
        raise ClientError(f"the mesh (pid {launcher.pid}) belongs to another user; ask them to stop it") from error


def find_mesh(environ: Mapping[str, str], *, needs_token: bool = True) -> Mesh:
    """Find the mesh that is meant, and tokens for it.

    A token is made here only for the mesh of the data folder: a token for one's own mesh is not shown to another.

    Raises:
        MeshNotReachable: none is named and none runs on the data folder.
        NoToken: one is named by HEIMDEX_URL, but not by whom it is called.
    """
    data_dir = data_dir_of(environ)
    launcher = find_launcher(data_dir)
    url = environ.get("HEIMDEX_URL", "").rstrip("/") or (launcher.url if launcher else "")
    if not url:
        raise MeshNotReachable(f"no mesh runs on {data_dir}; start one with: heimdex up (or set HEIMDEX_URL)")
    given = environ.get("HEIMDEX_TOKEN", "").strip()
    is_ours = launcher is not None and url == launcher.url.rstrip("/")
    if is_ours and not given:
        user = local_user(environ)
        token = make_token(data_dir, user, is_admin=False, ttl_seconds=_MINTED_SECONDS)
        return Mesh(url, token, make_token(data_dir, user, is_admin=True, ttl_seconds=_MINTED_SECONDS))
    if needs_token and not given:
        raise NoToken(f"HEIMDEX_URL is {url}, but HEIMDEX_TOKEN is not set; on that machine run: heimdex token create")
    return Mesh(url, given, given)


def _described(data_dir: Path) -> dict[str, Any]:
    try:
        described = json.loads((data_dir / "run" / "mesh.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return described if isinstance(described, dict) else {}


def _is_launcher(pid: int, data_dir: Path) -> bool:
    # After a kill -9 the file stays behind and its pid may be somebody else's, even another mesh's launcher. Ours holds
    # its lock file open.
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or _LAUNCHER_MODULE not in process.cmdline():
            return False
        with contextlib.suppress(psutil.AccessDenied):
            return any(Path(file.path) == (data_dir / "run" / "lock").resolve() for file in process.open_files())
    except (psutil.Error, OSError, ValueError):
        return False
    return True
