"""The typed client of a Heimdex mesh, and the `heimdex` command."""

from client.api import HeimdexClient
from client.errors import HeimdexApiError, MeshNotReachable
from client.mesh import Mesh, find_mesh

__all__ = ["HeimdexApiError", "HeimdexClient", "Mesh", "MeshNotReachable", "find_mesh"]
