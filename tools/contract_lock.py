"""The contract as readable text, and what must never change in it.

`contract.lock` lists every message, field, enum value, RPC and HTTP route. Additions are welcome; `breaking_changes`
names what would break a client that speaks the locked contract (the WIRE_JSON rules: number, type, label, JSON name,
route).
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from google.api import annotations_pb2
from google.protobuf import descriptor_pb2

__all__ = ["LOCK", "breaking_changes", "describe", "read_descriptors"]

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "protos" / "contract.lock"
DESCRIPTORS = ROOT / "gen" / "heimdex" / "descriptors.binpb"
_HTTP_VERBS = ("get", "put", "post", "delete", "patch")
_Field = descriptor_pb2.FieldDescriptorProto


def read_descriptors(path: Path = DESCRIPTORS) -> descriptor_pb2.FileDescriptorSet:
    """Return the generated descriptor set."""
    return descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())


def _field_line(prefix: str, field: descriptor_pb2.FieldDescriptorProto) -> str:
    kind = field.type_name.lstrip(".") or _Field.Type.Name(field.type).removeprefix("TYPE_").lower()
    label = "repeated " if field.label == _Field.LABEL_REPEATED else "optional " if field.proto3_optional else ""
    return f"field {prefix}.{field.name} = {field.number} : {label}{kind} json {field.json_name or field.name}"


def _message_lines(prefix: str, message: descriptor_pb2.DescriptorProto) -> Iterator[str]:
    name = f"{prefix}.{message.name}"
    yield f"message {name}"
    for field in message.field:
        yield _field_line(name, field)
    for inner in message.nested_type:
        yield from _message_lines(name, inner)
    for enum in message.enum_type:
        yield from _enum_lines(name, enum)


def _enum_lines(prefix: str, enum: descriptor_pb2.EnumDescriptorProto) -> Iterator[str]:
    yield f"enum {prefix}.{enum.name}"
    for value in enum.value:
        yield f"value {prefix}.{enum.name}.{value.name} = {value.number}"


def _route_lines(name: str, method: descriptor_pb2.MethodDescriptorProto) -> Iterator[str]:
    rule = method.options.Extensions[annotations_pb2.http]
    for one in (rule, *rule.additional_bindings):
        verb = one.WhichOneof("pattern")
        if verb in _HTTP_VERBS:
            path, body, response = getattr(one, verb), one.body or "-", one.response_body or "-"
            yield f"route {name} {verb.upper()} {path} body {body} response {response}"


def _service_lines(prefix: str, service: descriptor_pb2.ServiceDescriptorProto) -> Iterator[str]:
    for method in service.method:
        name = f"{prefix}.{service.name}/{method.name}"
        into = "stream " if method.client_streaming else ""
        out = "stream " if method.server_streaming else ""
        yield f"rpc {name} ({into}{method.input_type.lstrip('.')}) -> {out}{method.output_type.lstrip('.')}"
        yield from _route_lines(name, method)


def describe(descriptors: descriptor_pb2.FileDescriptorSet) -> list[str]:
    """Return one line per thing of our own packages, in the order of the files."""
    lines: list[str] = []
    for file in sorted((f for f in descriptors.file if f.package.startswith("heimdex.")), key=lambda f: f.name):
        lines.append(f"file {file.name}")
        for message in file.message_type:
            lines += _message_lines(file.package, message)
        for enum in file.enum_type:
            lines += _enum_lines(file.package, enum)
        for service in file.service:
            lines += _service_lines(file.package, service)
    return lines


def breaking_changes(locked: list[str], present: list[str]) -> list[str]:
    """Return what a client of the locked contract would miss: every locked line must still be there, word for word.

    One change is no loss: a field may learn to say that it is absent (buf's WIRE_JSON allows it too). Bytes and names
    stay, and a zero that was a claim becomes the truth that nothing was measured.
    """
    there = {*present, *(line.replace(" : optional ", " : ", 1) for line in present)}
    return [line for line in locked if line and not line.startswith("file ") and line not in there]


def main() -> int:
    """Check the lock, or write it with --write; exit 1 when the contract broke."""
    present = describe(read_descriptors())
    if "--write" in sys.argv[1:]:
        LOCK.write_text("\n".join(present) + "\n", encoding="utf-8")
        return 0
    broken = breaking_changes(LOCK.read_text(encoding="utf-8").splitlines(), present)
    print("\n".join(broken) or "the contract is kept")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
