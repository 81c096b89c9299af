"""What can go wrong while the mesh is started or kept alive, each said in one sentence a person can act on."""

__all__ = ["AddressTaken", "DataDirInUse", "MeshError", "MeshFailed", "SettingsInvalid"]


class MeshError(Exception):
    """The local mesh cannot start or go on."""


class SettingsInvalid(MeshError):
    """One or more environment variables do not mean anything; all of them are named."""


class DataDirInUse(MeshError):
    """Another launcher holds the data folder."""


class AddressTaken(MeshError):
    """A port that was asked for by number is already listened on by somebody else."""


class MeshFailed(MeshError):
    """A process of the mesh kept dying, or never became ready; the last lines of its log are in the message."""
