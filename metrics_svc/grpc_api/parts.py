"""What the methods of the service work with."""

from dataclasses import dataclass
from typing import Any

import grpc

from chassis.core.clock import Clock
from metrics_svc.ports.alerts import AlertParts
from metrics_svc.ports.answers import AnswerStore
from metrics_svc.ports.audit import AuditParts
from metrics_svc.ports.backfill import BackfillParts
from metrics_svc.ports.capacity import CapacityStore
from metrics_svc.ports.cost import CostStore
from metrics_svc.ports.library import LibraryStore, StorageStore, WaterfallStore

__all__ = ["AdminParts", "Api", "Context"]

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminParts:
    """The ports behind the methods; the composition root fills them in."""

    clock: Clock
    answers: AnswerStore
    costs: CostStore
    library: LibraryStore
    storage: StorageStore
    waterfalls: WaterfallStore
    capacity: CapacityStore
    alerts: AlertParts
    audit: AuditParts
    backfills: BackfillParts


class Api:
    """A group of methods; the service is all groups together."""

    def __init__(self, parts: AdminParts) -> None:
        self.parts = parts
