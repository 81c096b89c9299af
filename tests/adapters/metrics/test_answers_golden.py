"""Every answer, field by field, as it was when it was last looked at: tests/golden/metrics.

The events are seeded and go through the intake; the clock stands still. Written anew with HEIMDEX_WRITE_GOLDEN=1. Sums
of doubles may differ in their last digits from machine to machine, so numbers are compared to one part in 10^12.
"""

from datetime import UTC, datetime

import pytest

from tests.support.admin_lab import golden
from tests.support.metrics_answers import METHODS, AskedAt
from tests.support.metrics_library import library
from tests.support.metrics_samples import samples_of

NOW = datetime(2026, 11, 20, 17, 42, 13, 567_891, tzinfo=UTC)
EVENTS = library(NOW, days=25, videos=120, searches=80, operations=60, seed=11)
ANSWERS = {
    "performance_latency": ("GetProcessingLatency", {}),
    "performance_rtf": ("GetRtfDistribution", {}),
    "performance_queue": ("GetQueueAnalysis", {}),
    "performance_stages": ("ListStagePerformance", {"owner_id": "ada"}),
    "performance_operations": ("ListOperationPerformance", {}),
    "failures_by_stage": ("ListFailuresByStage", {}),
    "timeseries_throughput": ("ListThroughput", {"range": "7d"}),
    "timeseries_throughput_v2": ("ListThroughputV2", {"range": "7d"}),
    "timeseries_search": ("ListSearchActivity", {"range": "7d"}),
    "timeseries_search_quality": ("ListSearchQuality", {"range": "7d"}),
    "timeseries_latency": ("ListStageLatency", {"bucket": "week"}),
}


@pytest.fixture
async def asked(database, event_store):
    await event_store.add([sample for event in EVENTS for sample in samples_of(event, now=NOW)])
    await event_store.fold(NOW)
    return AskedAt(database, NOW)


async def test_every_answer_is_the_one_on_file(asked):
    """R-AD2-14."""
    for name, (method, fields) in ANSWERS.items():
        told = await asked.answer(method, **{"range": "30d", **fields})

        assert _close(golden(name, told)) == told, name


def test_every_answer_has_a_file():
    assert sorted(method for method, _ in ANSWERS.values()) == sorted(METHODS)


def _close(value):
    if isinstance(value, dict):
        return {name: _close(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_close(one) for one in value]
    return pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
