"""Which parts of what people say about a video a request changes, and to what."""

from collections.abc import Callable
from typing import Any

from google.protobuf.json_format import MessageToDict

from chassis.core.errors import FieldViolation, InvalidInput
from heimdex.ingest.v1 import video_pb2
from ingest_svc.ports import VideoRow

__all__ = ["metadata_change"]

_EDITABLE = ("title", "description", "tags", "attributes")
_MAX_TITLE = 255
_MAX_DESCRIPTION = 10_000
_MAX_TAGS = 64


def metadata_change(metadata: video_pb2.VideoMetadata, paths: tuple[str, ...]) -> Callable[[VideoRow], dict[str, Any]]:
    """Return the function that changes metadata: the masked parts, or those that are set."""
    new = {
        "title": metadata.title,
        "description": metadata.description,
        "tags": list(metadata.tags),
        "attributes": _attributes(metadata),
    }
    wanted = [path.removeprefix("metadata.") for path in paths] or [name for name in _EDITABLE if new[name]]
    faults = [FieldViolation("update_mask", f"`{path}` can not be changed") for path in wanted if path not in _EDITABLE]
    if len(metadata.title) > _MAX_TITLE:
        faults.append(FieldViolation("metadata.title", "must have at most 255 characters"))
    if len(metadata.description) > _MAX_DESCRIPTION:
        faults.append(FieldViolation("metadata.description", "must have at most 10000 characters"))
    if len(metadata.tags) > _MAX_TAGS or any(len(tag) > _MAX_TAGS for tag in metadata.tags):
        faults.append(FieldViolation("metadata.tags", "at most 64 tags of at most 64 characters"))
    if _holds_nul(new):
        faults.append(FieldViolation("metadata", "must not hold the character NUL"))
    if faults:
        raise InvalidInput("the metadata can not be changed like this", violations=tuple(faults))

    def change(row: VideoRow) -> dict[str, Any]:
        old = {
            "title": row.title,
            "description": row.description,
            "tags": list(row.tags),
            "attributes": dict(row.attributes),
        }
        return {**old, **{name: new[name] for name in wanted}}

    return change


def _attributes(metadata: video_pb2.VideoMetadata) -> dict[str, Any]:
    try:
        return MessageToDict(metadata.attributes)
    except ValueError as error:
        violation = FieldViolation("metadata.attributes", "must not hold NaN or infinity")
        raise InvalidInput("the metadata can not be changed like this", violations=(violation,)) from error


def _holds_nul(value: object) -> bool:
    """Tell whether a string in a JSON value holds the one character that PostgreSQL can not store."""
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(_holds_nul(one) for pair in value.items() for one in pair)
        case list():
            return any(map(_holds_nul, value))
        case _:
            return False
