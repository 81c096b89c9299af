import httpx
import pytest

from tests.support.gateway_lab import build_lab_set, build_mesh_set, running_backend, serving


@pytest.fixture(scope="session")
def lab_set(tmp_path_factory):
    return build_lab_set(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="session")
def mesh_set(tmp_path_factory):
    return build_mesh_set(tmp_path_factory.mktemp("mesh"))


@pytest.fixture
async def backend(lab_set):
    async with running_backend(lab_set) as backend:
        yield backend


@pytest.fixture
async def client(lab_set, backend):
    async with (
        serving(lab_set, backend.address, proto_names=True) as url,
        httpx.AsyncClient(base_url=url, timeout=10) as client,
    ):
        yield client


@pytest.fixture
async def ingest(mesh_set):
    async with running_backend(mesh_set) as backend:
        yield backend


@pytest.fixture
async def uploader(mesh_set, ingest):
    async with (
        serving(mesh_set, ingest.address, proto_names=True) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        yield client
