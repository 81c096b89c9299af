"""Loopback addresses: parsed, tested, chosen by the operating system, and, when taken, traced to who holds them."""

import contextlib
import socket
from collections.abc import ItemsView, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.local.errors import AddressTaken

__all__ = ["Address", "AddressBook", "claim", "free_address", "holder_of", "is_port_held", "is_taken"]

_MAX_PORT = 65535
_LISTEN_STATE = "0A"
_SOCKET_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port in [0, 65535]; port 0 means that the operating system chooses."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `HOST:PORT`, `[V6]:PORT` or `:PORT` (loopback).

        Raises:
            ValueError: if the text has no port, or the port is not in [0, 65535].
        """
        host, separator, port = text.strip().rpartition(":")
        if not separator or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
            raise ValueError(f"{text!r} is not HOST:PORT")
        return cls(host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port))

    @property
    def reachable(self) -> "Address":
        """The same port on a host that can be connected to: a wildcard listens on loopback too."""
        return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host), self.port)  # noqa: S104

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class AddressBook:
    """Who listens where. What was asked for by number stays; what we chose may be chosen again after it was lost."""

    def __init__(self) -> None:
        self._addresses: dict[str, Address] = {}
        self._chosen: set[str] = set()

    def __getitem__(self, name: str) -> Address:
        return self._addresses[name]

    def items(self) -> ItemsView[str, Address]:
        """Return (name, address) of all entries."""
        return self._addresses.items()

    def claim(self, name: str, wanted: Address | None, variable: str) -> None:
        """Settle where `name` listens: where `variable` wants it, else on a free loopback port.

        Raises:
            AddressTaken: if the wanted port cannot be had.
        """
        if wanted is None or wanted.port == 0:
            self._chosen.add(name)
        self._addresses[name] = claim(wanted, variable) if wanted is not None else self._another("127.0.0.1")

    def replace_lost(self, *names: str) -> bool:
        """Choose another port for each of ours that somebody else took meanwhile; say whether there was one."""
        lost = [name for name in names if name in self._chosen and is_taken(self[name])]
        for name in lost:
            self._addresses[name] = self._another(self[name].host)
        return bool(lost)

    def _another(self, host: str) -> Address:
        """Return a free address that no other entry has: none of them may be listening yet."""
        while (address := free_address(host)) in self._addresses.values():
            pass
        return address


def free_address(host: str = "127.0.0.1") -> Address:
    """Return an address nobody listens on at this moment, its port chosen by the operating system."""
    with _bound(Address(host, 0)) as port:
        return Address(host, port)


def is_taken(address: Address) -> bool:
    """Say whether binding the address is refused because somebody listens on it."""
    try:
        with _bound(address):
            return False
    except OSError:
        return True


def claim(address: Address, variable: str) -> Address:
    """Return the address with a definite port.

    Raises:
        AddressTaken: if it cannot be bound; the message names port, variable and, if /proc shows it, holder.
    """
    try:
        with _bound(address) as port:
            return Address(address.host, port)
    except OSError as refusal:
        holder = holder_of(address.port)
        by = f" by {holder}" if holder else ""
        reason = f"port {address.port} is already in use{by}" if is_port_held(address.port) else str(refusal.strerror)
        raise AddressTaken(f"cannot listen on {address}: {reason}; set {variable} to another address") from refusal


def is_port_held(port: int) -> bool:
    """Say whether any process listens on the TCP port (False where /proc/net is missing)."""
    return bool(_listening_inodes(port))


def holder_of(port: int) -> str | None:
    """Name the process listening on a TCP port as `name (pid N)`; None where /proc does not show it."""
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not wanted:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # processes end, or belong to others, while we look
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):  # one that is closed meanwhile must not hide those after it
                    if str(descriptor.readlink()) in wanted:
                        return f"{(process / 'comm').read_text(encoding='utf-8').strip()} (pid {process.name})"
    return None


@contextlib.contextmanager
def _bound(address: Address) -> Iterator[int]:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Without it a port in TIME_WAIT, left by our own last run, would look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address.host, address.port))
        probe.listen(1)
        yield int(probe.getsockname()[1])


def _listening_inodes(port: int) -> set[str]:
    inodes: set[str] = set()
    for table in _SOCKET_TABLES:
        with contextlib.suppress(OSError):
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                columns = line.split()
                if columns[3] == _LISTEN_STATE and int(columns[1].rpartition(":")[2], 16) == port:
                    inodes.add(columns[9])
    return inodes
