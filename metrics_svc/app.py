"""The composition root: the only file that knows every part of metrics_svc."""

from typing import cast

from chassis.core.clock import SystemClock
from chassis.io.grpc_server import serve_grpc
from chassis.io.jetstream import Bus
from chassis.io.migrate import migrate
from chassis.io.postgres import Database
from chassis.io.service import ServiceContext
from metrics_svc.adapters.sample_store import PostgresSampleStore
from metrics_svc.consumer import EventConsumer
from metrics_svc.grpc_api import AdminParts, AdminServicer, register
from metrics_svc.intake import Intake
from metrics_svc.settings import Settings

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
    store = PostgresSampleStore(database)
    consumer = EventConsumer(bus=bus, intake=Intake(store), clock=clock)
    context.spawn_worker(consumer.run(slots=settings.intake_slots, stopping=context.stopping))
    servicer = AdminServicer(AdminParts(clock=clock, samples=store))
    await context.enter(
        serve_grpc(
            settings.grpc_address,
            verifier=context.verifier(),
            health=context.health,
            register=lambda server: register(server, servicer),
            reflect=settings.reflect,
        )
    )
