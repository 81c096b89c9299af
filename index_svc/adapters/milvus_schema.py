"""How a moment lies in Milvus: one collection, one row per scene, and the way there and back.

A vector that is missing is stored as zeros: Milvus brings missing vectors as hits with score 0 anyway, and zeros mean
the same on every version. The metric is the inner product, which is the cosine because every vector has length one.
"""

import base64
import json
import zlib
from typing import Any

import numpy as np
from pymilvus import CollectionSchema, DataType, Function, FunctionType, MilvusClient
from pymilvus.milvus_client import IndexParams

from chassis.core.errors import InvalidInput
from chassis.core.ids import derived_id
from chassis.core.mediatime import TimeSpan
from index_svc.domain.filters import Column
from index_svc.domain.moment import TEXT_DIMENSIONS, Moment, MomentText, Record, VectorField
from index_svc.domain.words import tokens

__all__ = [
    "INDEXED_FIELDS",
    "OUTPUT_COLUMNS",
    "WORDS_INDEX",
    "build_index_params",
    "build_schema",
    "collection_name",
    "from_row",
    "primary_key",
    "recipe_id",
    "to_row",
]

WORDS_INDEX = "words_bm25"
INDEXED_FIELDS = frozenset({WORDS_INDEX, *(field.value for field in VectorField)})
OUTPUT_COLUMNS = ("pk", Column.OWNER.value, Column.VIDEO.value, "generation", "card", "payload")

_VERSION = 1
_MAX_VARCHAR_BYTES = 65_535
_MAX_KEY_BYTES = 160
_MAX_ID_BYTES = 64


def collection_name(image_dimensions: int) -> str:
    """Return the name of the collection; another shape has another name, so no old row is ever read as a new one."""
    return f"moments_v{_VERSION}_t{TEXT_DIMENSIONS}_i{image_dimensions}"


def build_schema(image_dimensions: int) -> CollectionSchema:
    """Return the schema: identity, filters, words with BM25, vectors, and the answer."""
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("pk", DataType.VARCHAR, is_primary=True, max_length=_MAX_KEY_BYTES)
    for column in Column:
        schema.add_field(column.value, DataType.VARCHAR, max_length=_MAX_ID_BYTES)
    schema.add_field("generation", DataType.INT64)
    # Texts are cut into words before they come here, so the plainest analyser is the right one.
    analyzer = {"tokenizer": "standard"}
    schema.add_field(
        "words", DataType.VARCHAR, max_length=_MAX_VARCHAR_BYTES, enable_analyzer=True, analyzer_params=analyzer
    )
    schema.add_field("card", DataType.VARCHAR, max_length=_MAX_VARCHAR_BYTES)
    schema.add_field("payload", DataType.VARCHAR, max_length=_MAX_VARCHAR_BYTES)
    for field in VectorField:
        schema.add_field(field.value, DataType.FLOAT_VECTOR, dim=_dimensions(field, image_dimensions))
    schema.add_field(WORDS_INDEX, DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(
        Function(
            name="bm25",
            function_type=FunctionType.BM25,
            input_field_names=["words"],
            output_field_names=[WORDS_INDEX],
        )
    )
    return schema


def build_index_params(fields: frozenset[str], *, is_embedded: bool) -> IndexParams:
    """Return the indexes of these fields.

    Exact search in one process, where it is fast enough; the server's own choice beyond.
    """
    params = MilvusClient.prepare_index_params()
    for field in VectorField:
        if field.value in fields:
            kind = "FLAT" if is_embedded else "AUTOINDEX"
            params.add_index(field.value, index_type=kind, index_name=field.value, metric_type="IP")
    if WORDS_INDEX in fields:
        params.add_index(WORDS_INDEX, index_type="SPARSE_INVERTED_INDEX", index_name=WORDS_INDEX, metric_type="BM25")
    return params


def primary_key(owner_id: str, scene_id: str) -> str:
    """Return the key of a row. It holds the owner, so no write of one owner can replace a row of another."""
    return f"{owner_id}/{scene_id}"


def recipe_id(recipe: str) -> str:
    """Return a recipe in the shape of an id, for filters; empty for none."""
    return derived_id("r", recipe) if recipe else ""


def to_row(moment: Moment, *, image_dimensions: int) -> dict[str, Any]:
    """Return the row of a moment.

    Raises:
        InvalidInput: its texts or its payload are too large for the index, or the picture's vector has another size.
    """
    record = moment.record
    if moment.image_vector is not None and moment.image_vector.size != image_dimensions:
        raise InvalidInput(f"The picture's vector has {moment.image_vector.size} dimensions, not {image_dimensions}.")
    text = record.text
    card = [
        record.scene_id,
        record.index,
        record.span.start_ns,
        record.span.end_ns,
        [text.speech, text.on_screen, list(text.tags), text.title, text.filename],
    ]
    row: dict[str, Any] = {
        "pk": primary_key(record.owner_id, record.scene_id),
        Column.OWNER.value: record.owner_id,
        Column.VIDEO.value: record.video_id,
        Column.TEXT_RECIPE.value: recipe_id(moment.text_recipe),
        Column.IMAGE_RECIPE.value: recipe_id(moment.image_recipe),
        "generation": record.generation,
        "words": _words(text),
        "card": _pack(json.dumps(card, ensure_ascii=False).encode("utf-8", "surrogatepass")),
        "payload": _pack(record.payload),
    }
    for field in VectorField:
        vector = moment.vector(field)
        row[field.value] = np.zeros(_dimensions(field, image_dimensions), np.float32) if vector is None else vector
    return row


def from_row(row: dict[str, Any]) -> Record:
    """Return the record of a row that came with OUTPUT_COLUMNS.

    Raises:
        ValueError, KeyError, TypeError, zlib.error: the row is not one of ours.
    """
    scene_id, index, start_ns, end_ns, texts = json.loads(_unpack(row["card"]))
    speech, on_screen, tags, title, filename = texts
    return Record(
        scene_id=scene_id,
        video_id=row[Column.VIDEO.value],
        owner_id=row[Column.OWNER.value],
        generation=int(row["generation"]),
        index=index,
        span=TimeSpan(start_ns, end_ns),
        text=MomentText(speech, on_screen, tuple(tags), title, filename),
        payload=_unpack(row["payload"]),
    )


def _dimensions(field: VectorField, image_dimensions: int) -> int:
    return image_dimensions if field is VectorField.IMAGE else TEXT_DIMENSIONS


def _words(text: MomentText) -> str:
    """Return all words of a moment, folded, those of a very long speech cut off last (after some 10,000 words)."""
    parts = (text.title, text.filename, *text.tags, text.on_screen, text.speech)
    words = " ".join(token.word for part in parts for token in tokens(part))
    encoded = words.encode()
    if len(encoded) <= _MAX_VARCHAR_BYTES:
        return words
    return encoded[:_MAX_VARCHAR_BYTES].decode(errors="ignore").rpartition(" ")[0]


def _pack(plain: bytes) -> str:
    packed = base64.b64encode(zlib.compress(plain, 1)).decode()
    if len(packed) > _MAX_VARCHAR_BYTES:
        raise InvalidInput("The moment is too large for the index.", reason="MOMENT_TOO_LARGE")
    return packed


def _unpack(packed: str) -> bytes:
    return zlib.decompress(base64.b64decode(packed))
