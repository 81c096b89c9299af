"""Fixtures of the end-to-end tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clips import Clips
from tests.support.media_clips import Clip, Shot, write_clip
from tests.support.mesh import RunningMesh


@pytest.fixture(scope="session")
def clips(mesh: RunningMesh) -> Iterator[Clips]:
    shelf = Clips(mesh)
    yield shelf
    shelf.close()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 2 s with one cut and no sound: through the mesh in well under a second."""
    shots = (Shot(1.0, (200, 60, 60)), Shot(1.0, (60, 60, 200)))
    return write_clip(tmp_path_factory.mktemp("clips") / "tiny.mp4", shots, Clip(width=160, height=96))
