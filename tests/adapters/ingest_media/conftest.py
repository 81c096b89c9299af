from collections.abc import AsyncIterator

import pytest

from ingest_svc.adapters.media_sandbox import MediaSandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[MediaSandbox]:
    async with MediaSandbox(keeps_spares=False) as box:
        yield box
