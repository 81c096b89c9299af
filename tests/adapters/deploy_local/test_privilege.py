import os
import tempfile
from pathlib import Path

import pytest

from deploy.local import LocalServers, MeshError, MeshSettings, postgres

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to step aside for PostgreSQL")


@pytest.fixture
def as_nobody(monkeypatch):
    """As on a kernel that refuses user namespaces."""
    monkeypatch.setattr(postgres, "privilege_for_postgres", lambda: "nobody")


@pytest.fixture
def open_folder():
    """A folder that everybody may pass, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def owner_of_process(pid):
    return Path(f"/proc/{pid}").stat().st_uid


@pytest.mark.usefixtures("as_nobody")
async def test_without_user_namespaces_it_runs_as_nobody_and_later_as_ourselves_again(monkeypatch, open_folder):
    settings = MeshSettings(data_dir=open_folder / "heimdex")
    async with LocalServers(settings) as servers:
        assert owner_of_process(servers.pids["postgres"]) != 0
        assert servers.folders.keys.stat().st_mode & 0o077 == 0
    monkeypatch.undo()
    async with LocalServers(settings) as servers:
        assert owner_of_process(servers.pids["postgres"]) == 0
        assert servers.folders.postgres.stat().st_uid == 0
        assert servers.folders.root.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("as_nobody")
async def test_a_folder_nobody_may_not_pass_is_named(tmp_path):
    tmp_path.chmod(0o700)
    with pytest.raises(MeshError, match=f"may not pass .*{tmp_path.parent.parent.name}"):
        async with LocalServers(MeshSettings(data_dir=tmp_path / "heimdex")):
            pass
