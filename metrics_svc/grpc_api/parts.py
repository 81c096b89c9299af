"""What the methods of the service work with."""

from dataclasses import dataclass
from typing import Any

import grpc

from chassis.core.clock import Clock
from metrics_svc.ports.samples import SampleStore

__all__ = ["AdminParts", "Api", "Context"]

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminParts:
    """The ports behind the methods; the composition root fills them in."""

    clock: Clock
    samples: SampleStore


class Api:
    """A group of methods; the service is all groups together."""

    def __init__(self, parts: AdminParts) -> None:
        self.parts = parts
