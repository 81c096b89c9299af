"""The audit looks at the Prometheus view as Prometheus does: through the text of a scrape."""

import pytest

from metrics_svc.adapters.answer_store import PostgresAnswerStore
from metrics_svc.adapters.exposition import StoreView
from metrics_svc.adapters.library_store import PostgresLibraryStore
from metrics_svc.adapters.scrape import OwnScrape
from metrics_svc.adapters.storage_store import PostgresStorageStore
from metrics_svc.adapters.totals_store import PostgresTotalsStore
from metrics_svc.domain.answers.series import families_of
from metrics_svc.handlers.view import latest_gauges
from tests.support.audit_lab import AuditLab, mixed_events
from tests.support.metrics_samples import NOW, search_event

COUNTER, GAUGE = "heimdex_library_searches_total", "heimdex_library_search_latency_seconds"


class Keeper:
    """Brings the view up to date as the service does, but that some numbers may be falsified."""

    def __init__(self, database, view) -> None:
        self.totals = PostgresTotalsStore(database)
        self.ports = {
            "store": PostgresAnswerStore(database, cache_bytes=1 << 20),
            "library": PostgresLibraryStore(database),
            "storage": PostgresStorageStore(database),
        }
        self.view, self.spoil = view, lambda families: families

    async def read(self) -> None:
        families = families_of(await self.totals.totals(), await latest_gauges(**self.ports, now=NOW))
        self.view.show(self.spoil(families))


@pytest.fixture
async def keeper(database):
    with StoreView.open() as view:
        yield Keeper(database, view)


@pytest.fixture
async def lab(database, keeper):
    return AuditLab(database, view=OwnScrape(keeper.read))


def spoiled(name, *, factor=1.0, drop=False):
    """Falsify every sample of a family."""

    def spoil(families):
        for one in families:
            if one.name == name:
                for labels in list(one.samples):
                    one.samples[labels] *= factor
                    if drop:
                        del one.samples[labels]
        return families

    return spoil


async def test_the_view_agrees_with_the_raw_events(lab):
    """K1: admin numbers never come from Prometheus, and a test proves that both agree."""
    await lab.add(*mixed_events())
    for question in ({"range": "5d"}, {"range": "1d"}, {"range": "2d"}):
        found = await lab.audit(**question)

        assert [] == list(found.data), question
        assert found.prometheus_series > 100
        assert [one.compared for one in found.checks if one.way == "prometheus"] == [found.prometheus_series]


async def test_a_view_that_was_not_brought_up_to_date_is_not_believed(lab):
    await lab.add(*mixed_events())
    await lab.audit(range="1d")

    async def asleep() -> None:
        pass

    await lab.add(search_event(12_345))
    found = await AuditLab(lab.database, view=OwnScrape(asleep)).audit(range="1d")

    assert {(one.answer, one.field) for one in found.data} >= {("metrics", COUNTER)}


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (spoiled("heimdex_library_searches", factor=1.01), COUNTER),
        (spoiled("heimdex_library_searches", drop=True), COUNTER),
        (spoiled(GAUGE, factor=1.02), GAUGE),
        (spoiled(GAUGE, drop=True), GAUGE),
    ],
)
async def test_a_number_that_only_prometheus_shows_is_found_and_named(lab, keeper, spoil, field):
    """R-AD2-08: the audit also proves that the Prometheus view agrees."""
    await lab.add(*mixed_events())
    keeper.spoil = spoil
    found = await lab.audit(range="1d")

    assert {one.answer for one in found.data} == {"metrics"}
    assert {one.field for one in found.data} == {field}
    assert all(not one.HasField("sketch_value") for one in found.data)


async def test_the_view_is_of_everybody_and_is_not_asked_about_one_owner(lab):
    await lab.add(*mixed_events())
    found = await lab.audit(range="5d", owner_id="ada")

    assert (found.differences, found.prometheus_series) == (0, 0)
