"""What every command does first: find the mesh and call it."""

import os

from client.api import HeimdexClient
from client.mesh import find_mesh

__all__ = ["connect"]


def connect(*, as_admin: bool = False) -> HeimdexClient:
    """Return a client of the mesh that the environment or the data folder names; use it as a context manager.

    Raises:
        MeshNotReachable: there is none.
        NoToken: there is one, and no token for it.
    """
    mesh = find_mesh(os.environ)
    return HeimdexClient(mesh.url, mesh.admin_token if as_admin else mesh.token)
