import pytest

from tests.support.gateway_lab import lab_table


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    return lab_table(tmp_path_factory.mktemp("lab"))
