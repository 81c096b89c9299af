"""One mesh for all tests that kill: each kills another process, so that no restart waits long for its turn."""

from collections.abc import Iterator

import pytest

from tests.support.fault_mesh import Undisturbed
from tests.support.mesh import Library, RunningMesh, start_mesh


@pytest.fixture(scope="session")
def frail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    impatient = {"HEIMDEX_OVERDUE_SECONDS": "5", "HEIMDEX_SWEEP_PERIOD_SECONDS": "2"}
    with start_mesh(tmp_path_factory.mktemp("frail"), **impatient) as mesh:
        yield mesh


@pytest.fixture(scope="session")
def undisturbed() -> Undisturbed:
    return Undisturbed()


@pytest.fixture
def mine(frail: RunningMesh) -> Iterator[Library]:
    with frail.library() as library:
        yield library
