"""The watch over alert rules on a real database and carrier, a clock to turn, and somebody real to tell."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from chassis.io.jetstream import Bus
from chassis.io.postgres import Database
from metrics_svc.adapters.alert_data_store import PostgresAlertData
from metrics_svc.adapters.alert_store import PostgresAlertStore
from metrics_svc.adapters.delivery_store import PostgresDeliveryStore
from metrics_svc.adapters.event_store import PostgresEventStore
from metrics_svc.adapters.webhook import HttpWebhook
from metrics_svc.domain.alerts.changes import RuleChange, etag_of
from metrics_svc.domain.alerts.pages import AlertQuestion
from metrics_svc.domain.alerts.webhook import read_receivers
from metrics_svc.handlers.alert_deliveries import Courier
from metrics_svc.handlers.alert_looks import Senses
from metrics_svc.handlers.alerts import list_alerts, update_rule
from metrics_svc.watch import Watcher
from tests.support.metrics_samples import NOW, samples_of

__all__ = ["SECRET", "AlertLab", "Post", "Receiver", "TurnedClock", "alert_lab", "receiving"]

SECRET = b"between us"


@dataclass
class TurnedClock:
    """A wall clock that goes when it is told to."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic_ns(self) -> int:
        raise AssertionError("nothing here measures lengths")


@dataclass(frozen=True)
class Post:
    """What arrived."""

    headers: Any
    body: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    def is_signed_with(self, secret: bytes) -> bool:
        """Check the signature as a receiver does: by the standard, from what arrived alone."""
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        return any(
            hmac.compare_digest(one, f"v1,{expected}") for one in self.headers.get("webhook-signature", "").split()
        )


@dataclass
class Receiver:
    """A web server that is told of alerts.

    `answers` are what its first responses are made of, one for each request; after those it takes everything. It says
    nothing while `hold` is clear.
    """

    url: str = ""
    answers: list[dict[str, Any]] = field(default_factory=list)
    tried: list[Post] = field(default_factory=list)
    taken: list[Post] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        post = Post(request.headers.copy(), await request.read())
        self.tried.append(post)
        await self.hold.wait()
        if self.answers:
            return web.Response(**self.answers.pop(0))
        self.taken.append(post)
        return web.Response(status=204)

    @property
    def heard(self) -> list[tuple[str, str]]:
        """What was taken: type and rule."""
        return [(post.said["type"], post.said["data"]["rule_id"]) for post in self.taken]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Run a receiver until the block ends."""
    receiver = Receiver()
    receiver.hold.set()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/hooks/T0KEN"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@dataclass
class AlertLab:
    """One replica's watch, taken a step at a time."""

    database: Database
    bus: Bus
    clock: TurnedClock
    webhook: HttpWebhook
    urls: str

    def __post_init__(self) -> None:
        self.store = PostgresAlertStore(self.database)
        self.deliveries = PostgresDeliveryStore(self.database)
        self.events = PostgresEventStore(self.database)
        self.start_again()

    def start_again(self) -> None:
        """What a restart leaves: nothing but the database."""
        receivers = read_receivers(self.urls)
        self.watcher = Watcher(
            store=self.store,
            senses=Senses(PostgresAlertData(self.database), self.bus),
            receivers=receivers,
            clock=self.clock,
            period_seconds=15.0,
            keep_days=400,
        )
        self.courier = Courier(self.deliveries, self.webhook, self.clock, receivers, (SECRET,))

    async def look(self, *, after: timedelta = timedelta(seconds=150), times: int = 1) -> None:
        """Turn the clock and look, some times; send what is due each time."""
        for _ in range(times):
            self.clock.at += after
            await self.watcher.look()
            await self.send()

    async def send(self) -> None:
        while await self.courier.deliver_due():
            pass

    async def tell(self, *events: Any) -> None:
        """Take events in as metrics_svc does."""
        await self.events.add(samples_of(*events, now=self.clock.at))

    async def execute(self, statement: str, *values: object) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement, *values)

    async def change(self, rule_id: str, **numbers: Any) -> None:
        """Change a rule, as an administrator does."""
        rule = next(one.rule for one in await self.store.situations() if one.rule.rule_id == rule_id)
        change = RuleChange(rule_id=rule_id, etag=etag_of(rule), **numbers)
        await update_rule(change, store=self.store, now=self.clock.at, by="ada")

    async def alerts(self) -> list[tuple[str, str]]:
        """All alerts there ever were, the oldest first: rule, and whether it is open."""
        page = await list_alerts(AlertQuestion(), store=self.store, now=self.clock.at)
        return [(one.rule_id, "open" if one.resolved_at is None else "over") for one in reversed(page.alerts)]

    async def phases(self) -> dict[str, str]:
        """Where each rule stands that does not stand still."""
        found = {one.rule.rule_id: one.watchpoint for one in await self.store.situations()}
        return {rule: seen.phase for rule, seen in found.items() if seen.phase != "inactive"}


@asynccontextmanager
async def alert_lab(database: Database, bus_url: str, *urls: str) -> AsyncIterator[AlertLab]:
    """Open a carrier and a door to receivers until the block ends."""
    async with Bus.open(bus_url, name="alert lab") as bus, HttpWebhook.open() as webhook:
        yield AlertLab(database, bus, TurnedClock(), webhook, ",".join(urls))
