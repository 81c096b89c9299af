"""The mesh on one machine, without containers: servers from wheels and five services under one supervisor."""

from deploy.local.errors import AddressTaken, DataDirInUse, MeshError, MeshFailed, SettingsInvalid
from deploy.local.mesh import LocalMesh, LocalServers
from deploy.local.services import SERVICES, Service
from deploy.local.settings import MeshSettings

__all__ = [
    "SERVICES",
    "AddressTaken",
    "DataDirInUse",
    "LocalMesh",
    "LocalServers",
    "MeshError",
    "MeshFailed",
    "MeshSettings",
    "Service",
    "SettingsInvalid",
]
