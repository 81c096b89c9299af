"""After all the kills of this folder; its name makes it the last to run."""

import pytest

from tests.support.fault_mesh import soon
from tests.support.mesh import RunningMesh


@pytest.mark.timeout(180)
def test_after_everything_was_killed_the_audit_finds_no_difference(frail: RunningMesh) -> None:
    """R-AD2-08: sketches, events, SQL functions and the Prometheus view tell the same."""
    with frail.library(admin=True) as admin:
        audit = soon(lambda: admin.json("GET", "/v1/admin/audit", params={"range": "1d"}))

    assert [] == audit.get("data", [])
    assert 0 == audit["differences"]
    assert audit["compared"] > 100
    assert audit["sketches"] > 0
    assert audit["prometheus_series"] > 0
