"""A descriptor set becomes a table of HTTP routes.

Rules are read from the options of each method: the pattern, its additional bindings, body and response_body. A rule
that can not work stops the start of the gateway with every fault listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2

from gateway.domain.binding import HTTP_BODY, Binding, BindingRuleError, resolve_binding
from gateway.domain.http_template import HttpTemplate, TemplateError, parse_template
from gateway.tables import Renderer, Renderers

__all__ = ["Route", "RouteTable", "RouteTableError", "load_routes", "read_descriptor_set"]


class RouteTableError(ValueError):
    """The descriptor set can not be served; the message lists every fault."""


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP binding of one RPC.

    Attributes:
        http_method: Upper-case; `*` for any.
        template: Path.
        rpc: What is called.
        binding: How its request is filled.
        response_body: Field that is the answer; None for the whole message.
        raw_response: The answer is a google.api.HttpBody and leaves as it is.
        renderer: Makes files of the answer; None when nothing does.
    """

    http_method: str
    template: HttpTemplate
    rpc: MethodDescriptor
    binding: Binding
    response_body: FieldDescriptor | None
    raw_response: bool
    renderer: Renderer | None


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Everything the gateway knows about the services.

    Attributes:
        pool: All descriptors of the set.
        routes: In order of appearance.
        packages: Packages that define services.
    """

    pool: DescriptorPool
    routes: tuple[Route, ...]
    packages: tuple[str, ...]

    def find_rpc(self, service: str, method: str) -> MethodDescriptor | None:
        """Find an RPC by the full name of its service; None when the set has none."""
        try:
            descriptor = self.pool.FindServiceByName(service)
        except KeyError:
            return None
        return descriptor.methods_by_name.get(method)


def read_descriptor_set(path: Path) -> descriptor_pb2.FileDescriptorSet:
    """Read a serialised FileDescriptorSet.

    Raises:
        RouteTableError: The file is missing or is something else.
    """
    try:
        return descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise RouteTableError(f"descriptor set {path}: {error}") from error


def load_routes(files: descriptor_pb2.FileDescriptorSet) -> RouteTable:
    """Build the route table.

    Raises:
        RouteTableError: A file lacks an import, or rules are broken.
    """
    pool = _build_pool(files)
    renderers = Renderers(pool)
    routes: list[Route] = []
    faults: list[str] = []
    packages: dict[str, None] = {}
    for file in files.file:
        for service in file.service:
            packages[file.package] = None
            full_name = f"{file.package}.{service.name}" if file.package else service.name
            descriptor = pool.FindServiceByName(full_name)
            for method in service.method:
                rpc = descriptor.methods_by_name[method.name]
                for rule in _rules(method):
                    try:
                        routes.append(_route(rule, rpc, pool, renderers.find(method, rpc)))
                    except (TemplateError, BindingRuleError) as error:
                        faults.append(f"{full_name}/{method.name}: {error}")
    if faults:
        raise RouteTableError("\n".join(faults))
    return RouteTable(pool, tuple(routes), tuple(packages))


def _rules(method: descriptor_pb2.MethodDescriptorProto) -> Iterator[http_pb2.HttpRule]:
    if method.options.HasExtension(annotations_pb2.http):
        rule = method.options.Extensions[annotations_pb2.http]
        yield rule
        yield from rule.additional_bindings


def _route(rule: http_pb2.HttpRule, rpc: MethodDescriptor, pool: DescriptorPool, renderer: Renderer | None) -> Route:
    pattern = rule.WhichOneof("pattern")
    if pattern is None:
        raise BindingRuleError("the rule has no path")
    method, path = (rule.custom.kind, rule.custom.path) if pattern == "custom" else (pattern, getattr(rule, pattern))
    template = parse_template(path)
    paths = tuple(variable.field_path for variable in template.variables)
    binding = resolve_binding(rpc.input_type, pool, body=rule.body, paths=paths)
    response_body = _response_body(rpc.output_type, rule.response_body)
    answer = rpc.output_type if response_body is None else response_body.message_type
    raw = answer is not None and answer.full_name == HTTP_BODY and not (response_body and response_body.is_repeated)
    return Route(method.upper(), template, rpc, binding, response_body, raw, renderer)


def _response_body(output: Descriptor, name: str) -> FieldDescriptor | None:
    if not name:
        return None
    field = output.fields_by_name.get(name)
    if field is None:
        raise BindingRuleError(f"response_body: {output.full_name} has no field {name!r}")
    return field


def _build_pool(files: descriptor_pb2.FileDescriptorSet) -> DescriptorPool:
    """Add all files, imports first; google's own files may be absent from the set."""
    by_name = {file.name: file for file in files.file}
    pool = DescriptorPool()
    done: set[str] = set()

    def add(name: str, importer: str) -> None:
        if name in done:
            return
        done.add(name)
        file = by_name.get(name) or _well_known(name, importer)
        for dependency in file.dependency:
            add(dependency, name)
        try:
            pool.Add(file)
        except TypeError as error:
            raise RouteTableError(f"{name}: {error}") from error

    # Statuses travel with these inside of Any, whatever the set itself imports.
    for name in (*by_name, error_details_pb2.DESCRIPTOR.name):
        add(name, name)
    return pool


def _well_known(name: str, importer: str) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto()
    try:
        descriptor_pool.Default().FindFileByName(name).CopyToProto(file)
    except KeyError as error:
        raise RouteTableError(
            f"{importer} imports {name}, which is not in the set; build it with --include_imports"
        ) from error
    return file
