"""AdminService over gRPC, in groups of methods; every method asks for an administrator first."""

import grpc

from heimdex.metrics.v1 import admin_service_pb2 as admin
from heimdex.metrics.v1 import admin_service_pb2_grpc
from metrics_svc.grpc_api.alerts import AlertsApi
from metrics_svc.grpc_api.answers import AnswersApi
from metrics_svc.grpc_api.audit import AuditApi
from metrics_svc.grpc_api.backfill import BackfillApi
from metrics_svc.grpc_api.capacity import CapacityApi
from metrics_svc.grpc_api.cost import CostApi
from metrics_svc.grpc_api.library import LibraryApi
from metrics_svc.grpc_api.parts import AdminParts
from metrics_svc.grpc_api.tables import TablesApi
from metrics_svc.grpc_api.timing import TimingApi

__all__ = ["AdminParts", "AdminServicer", "register"]

SERVICE_NAME = admin.DESCRIPTOR.services_by_name["AdminService"].full_name


class AdminServicer(
    AnswersApi,
    TimingApi,
    LibraryApi,
    CostApi,
    CapacityApi,
    AlertsApi,
    BackfillApi,
    AuditApi,
    TablesApi,
    admin_service_pb2_grpc.AdminServiceServicer,
):
    """Every method of the service; each group decodes, asks its handlers, and encodes."""


def register(server: grpc.aio.Server, servicer: AdminServicer) -> tuple[str, ...]:
    """Add the service to a server and return the full names of what it serves."""
    admin_service_pb2_grpc.add_AdminServiceServicer_to_server(servicer, server)
    return (SERVICE_NAME,)
