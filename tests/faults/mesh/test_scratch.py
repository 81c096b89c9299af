"""Working folders of a killed process are cleared at the next start; those of a living one are not."""

import subprocess
import sys

from ingest_svc.scratch import clear_abandoned, scratch_folder

_HOLD = """
import sys, pathlib
from ingest_svc.scratch import scratch_folder
with scratch_folder(pathlib.Path(sys.argv[1]), "v-") as folder:
    (folder / "source").write_bytes(b"x")
    print("held", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_is_cleared_and_what_a_living_one_holds_is_not(tmp_path):
    """R-STO-05: no link to a video outlives the process that made it by more than a restart."""
    with scratch_folder(tmp_path, "mine-") as mine:
        with subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout.readline() == b"held\n"
            assert clear_abandoned(tmp_path) == 0
            other.kill()
        assert clear_abandoned(tmp_path) == 1
        assert list(tmp_path.iterdir()) == [mine]
    assert list(tmp_path.iterdir()) == []
    assert clear_abandoned(tmp_path / "nowhere") == 0
