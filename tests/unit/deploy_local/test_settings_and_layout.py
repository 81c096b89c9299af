import stat
from pathlib import Path

import pytest

from deploy.local.addresses import Address
from deploy.local.errors import DataDirInUse, SettingsInvalid
from deploy.local.layout import DataDir, secret_file
from deploy.local.settings import MeshSettings


def test_everything_has_a_working_default():
    settings = MeshSettings.from_environment({"HOME": "/home/somebody", "XDG_DATA_HOME": "/data"})

    assert settings.data_dir == Path("/data/heimdex")
    assert settings.addresses == {"HEIMDEX_HTTP_ADDR": Address("127.0.0.1", 8080)}
    assert settings.nats_url is None
    assert settings.database_url is None


def test_all_faults_are_reported_together():
    with pytest.raises(SettingsInvalid) as refusal:
        MeshSettings.from_environment({"HEIMDEX_HTTP_ADDR": "here", "HEIMDEX_INDEX_ADDR": "127.0.0.1:70000"})

    assert "HEIMDEX_HTTP_ADDR" in str(refusal.value)
    assert "HEIMDEX_INDEX_ADDR" in str(refusal.value)


def test_secrets_do_not_show_in_the_settings():
    assert "hunter2" not in repr(MeshSettings.from_environment({"HEIMDEX_DATABASE_URL": "postgresql://a:hunter2@b/c"}))


def test_folders_and_secrets_are_private(tmp_path):
    folders = DataDir(tmp_path / "heimdex")
    folders.create()
    secret = secret_file(folders.keys / "one")

    assert secret == secret_file(folders.keys / "one")
    assert len(secret) >= 43
    assert stat.S_IMODE((folders.keys / "one").stat().st_mode) == 0o600
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o700 for path in (folders.root, folders.keys, folders.run))


def test_a_held_folder_is_refused_naming_the_holder_and_free_again_afterwards(tmp_path):
    folders = DataDir(tmp_path)
    folders.create()
    with folders.lock():
        pid = (folders.run / "lock").read_text().strip()
        with pytest.raises(DataDirInUse, match=f"pid {pid}"), folders.lock():
            pass
    with folders.lock():
        pass
