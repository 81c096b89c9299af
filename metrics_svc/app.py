"""The composition root: the only file that knows every part of metrics_svc."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from chassis.core.clock import SystemClock
from chassis.io.grpc_client import GrpcClient
from chassis.io.grpc_server import serve_grpc
from chassis.io.jetstream import Bus
from chassis.io.migrate import migrate
from chassis.io.postgres import Database
from chassis.io.service import ServiceContext
from metrics_svc.adapters.alert_data_store import PostgresAlertData
from metrics_svc.adapters.alert_store import PostgresAlertStore
from metrics_svc.adapters.answer_store import PostgresAnswerStore
from metrics_svc.adapters.audit_store import FrozenDatabase, PostgresMoment
from metrics_svc.adapters.backfill_store import PostgresBackfillStore
from metrics_svc.adapters.capacity_store import PostgresCapacityStore
from metrics_svc.adapters.cost_store import PostgresCostStore
from metrics_svc.adapters.delivery_store import PostgresDeliveryStore
from metrics_svc.adapters.event_store import PostgresEventStore
from metrics_svc.adapters.exposition import StoreView
from metrics_svc.adapters.ingest_client import IngestVideoEnds
from metrics_svc.adapters.library_store import PostgresLibraryStore
from metrics_svc.adapters.scrape import OwnScrape
from metrics_svc.adapters.storage_store import PostgresStorageStore
from metrics_svc.adapters.totals_store import PostgresTotalsStore
from metrics_svc.adapters.waterfall_store import PostgresWaterfallStore
from metrics_svc.adapters.webhook import HttpWebhook
from metrics_svc.backfill import BackfillRunner
from metrics_svc.codec.events import DECODERS
from metrics_svc.codec.library import LIBRARY_DECODERS
from metrics_svc.consumer import EventConsumer
from metrics_svc.domain.alerts.webhook import read_receivers, read_secrets
from metrics_svc.domain.events.samples import OperationSample, SearchSample, StageSample, VideoRun
from metrics_svc.domain.library.library import VideoChange
from metrics_svc.domain.library.storage import Store, StoredMeasurement
from metrics_svc.grpc_api import AdminParts, AdminServicer, register
from metrics_svc.grpc_api.search_history import SearchHistoryApi, register_search_history
from metrics_svc.handlers.alert_deliveries import Courier
from metrics_svc.handlers.alert_looks import Senses
from metrics_svc.handlers.view import latest_gauges
from metrics_svc.intake import Intake
from metrics_svc.ports.alerts import AlertParts
from metrics_svc.ports.audit import AuditParts, Hold
from metrics_svc.ports.backfill import BackfillParts
from metrics_svc.ports.events import Sink
from metrics_svc.settings import Settings
from metrics_svc.upkeep import Upkeep
from metrics_svc.view import ViewKeeper
from metrics_svc.warming import warm_up
from metrics_svc.watch import Messenger, Watcher

__all__ = ["build"]


async def build(context: ServiceContext) -> None:
    """Open the database and bring it up to date, take events, and answer questions."""
    settings = cast(Settings, context.settings)
    clock = SystemClock()
    database = await context.enter(Database.open(settings.database_url))
    await migrate(database, package="metrics_svc", schema="metrics")
    context.health.register("postgres", database.ping)
    bus = await context.enter(Bus.open(settings.nats_url, name=context.name, inbox_prefix=settings.nats_inbox_prefix))
    context.health.register("nats", bus.ping)
    library, storage = PostgresLibraryStore(database), PostgresStorageStore(database)
    _take_events(
        context, settings, database, bus, keepers={VideoChange: library, StoredMeasurement: storage, Store: storage}
    )
    answers = PostgresAnswerStore(database, cache_bytes=settings.answers_cache_mib << 20)
    context.spawn(warm_up(store=answers, clock=clock))
    view = ViewKeeper(
        view=context.stack.enter_context(StoreView.open()),
        totals=PostgresTotalsStore(database),
        latest=lambda: latest_gauges(store=answers, library=library, storage=storage, now=clock.now()),
        bus=bus,
        period_seconds=settings.view_seconds,
    )
    context.spawn(view.run())
    parts = AdminParts(
        clock=clock,
        answers=answers,
        costs=PostgresCostStore(database),
        library=library,
        storage=storage,
        waterfalls=PostgresWaterfallStore(database),
        capacity=PostgresCapacityStore(database),
        alerts=await _watch_over(context, settings, database, bus),
        backfills=_work_on_backfills(context, settings, database),
        audit=AuditParts(hold=_holding(database, answers), view=OwnScrape(view.read), keep_days=settings.keep_days),
    )
    servicer, searches = AdminServicer(parts), SearchHistoryApi(library)
    await context.enter(
        serve_grpc(
            settings.grpc_address,
            verifier=context.verifier(),
            health=context.health,
            register=lambda server: (*register(server, servicer), *register_search_history(server, searches)),
            reflect=settings.reflect,
        )
    )


def _take_events(
    context: ServiceContext, settings: Settings, database: Database, bus: Bus, keepers: Mapping[type, Sink]
) -> None:
    """Take events for as long as the service runs, fold what is old, forget what is older; `keepers` keep the rest."""
    clock, events = SystemClock(), PostgresEventStore(database)
    of_events = dict.fromkeys((StageSample, VideoRun, SearchSample, OperationSample), events)
    intake = Intake({**of_events, **keepers})
    consumer = EventConsumer(bus=bus, intake=intake, clock=clock, decoders={**DECODERS, **LIBRARY_DECODERS})

    async def take() -> None:
        await events.sketch_unsketched()
        await consumer.run(slots=settings.intake_slots, max_messages=settings.intake_batch, stopping=context.stopping)

    context.spawn_worker(take())
    upkeep = Upkeep(store=events, clock=clock, keep_days=settings.keep_days, period_seconds=settings.upkeep_seconds)
    context.spawn(upkeep.run())


def _work_on_backfills(context: ServiceContext, settings: Settings, database: Database) -> BackfillParts:
    """Work on the backfill that runs for as long as the service does; return what the methods need."""
    ingest = GrpcClient(settings.ingest_address, token=settings.service_token) if settings.ingest_address else None
    if ingest is not None:
        context.stack.push_async_callback(ingest.close)
    store, ends = PostgresBackfillStore(database), IngestVideoEnds(ingest)
    runner = BackfillRunner(store, ends, SystemClock())
    context.spawn(runner.run())
    return BackfillParts(store, ends, runner.wake, settings.keep_days)


def _holding(database: Database, answers: PostgresAnswerStore) -> Hold:
    """Return what takes hold of the present moment for an audit, with the answers that are made of events."""

    @asynccontextmanager
    async def hold() -> AsyncIterator[tuple[PostgresMoment, Mapping[str, Any]]]:
        async with FrozenDatabase.of(database) as frozen:
            library, costs = PostgresLibraryStore(frozen), PostgresCostStore(frozen)
            yield PostgresMoment(frozen), {"answers": answers.reading(frozen), "costs": costs, "library": library}

    return hold


async def _watch_over(context: ServiceContext, settings: Settings, database: Database, bus: Bus) -> AlertParts:
    """Look at the alert rules and tell receivers for as long as the service runs; return what the methods need."""
    clock, store, deliveries = SystemClock(), PostgresAlertStore(database), PostgresDeliveryStore(database)
    receivers = read_receivers(settings.alert_webhook_url)
    secrets = read_secrets(settings.alert_webhook_secret)
    watcher = Watcher(
        store=store,
        senses=Senses(PostgresAlertData(database), bus),
        receivers=receivers,
        clock=clock,
        period_seconds=settings.alert_period_seconds,
        keep_days=settings.keep_days,
    )
    webhook = await context.enter(HttpWebhook.open())
    messenger = Messenger(Courier(deliveries, webhook, clock, receivers, secrets))
    context.spawn(watcher.run(messenger))
    context.spawn(messenger.run())
    return AlertParts(store, deliveries, receivers)
