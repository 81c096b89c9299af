"""Exports on a real database."""

import pytest

from chassis.core.clock import SystemClock
from ingest_svc.adapters.export_library_store import ExportLibraryStore
from ingest_svc.adapters.export_store import ExportStore
from ingest_svc.adapters.export_sweep_store import ExportSweepStore
from ingest_svc.domain.exports.rules import Limits
from tests.support.export_lab import Ticks


@pytest.fixture
def limits():
    return Limits()


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def exports(database, limits, ticks):
    return ExportStore(database, limits, ticks)


@pytest.fixture
def shelf(database):
    return ExportLibraryStore(database)


@pytest.fixture
def sweeps(database):
    return ExportSweepStore(database)


@pytest.fixture
def system_clock():
    return SystemClock()
