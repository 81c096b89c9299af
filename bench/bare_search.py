"""`python -m bench.bare_search FOLDER OWNER`: the same search without a mesh, over a copy of the same Milvus folder.

`milvus`: MiniLM in this process, then BM25, text vectors and tag vectors with pymilvus, one after the other, with the
same filters, limits and columns as index_svc, and ranks added up. `exact`: MiniLM, then one matrix product in numpy
over all text vectors, the fastest that exact dense search gets here, without words, filters or answers.

Reads one JSON line {"q"} per request; answers {"milvus": {"seconds", "top"}, "exact": {"seconds", "top"}}.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chassis.core.ids import owner_key
from chassis.io.settings import load
from index_svc.adapters import milvus_schema as rows
from index_svc.adapters.milvus_connection import MilvusConnection, connect
from index_svc.domain.filters import Column
from inference_svc.engine import InferenceEngine
from inference_svc.settings import ModelSettings

__all__ = ["BareSearch"]

_WORDS_LIMIT, _VECTOR_LIMIT = 100, 60
_RANK_CONSTANT = 60
_PAGE = 1_000
_IMAGE_DIMENSIONS = 512


@dataclass(frozen=True, slots=True)
class BareSearch:
    """A client of Milvus and the vectors of all rows."""

    connection: MilvusConnection
    """Held: the embedded server ends with it."""
    collection: str
    condition: str
    keys: tuple[str, ...]
    vectors: NDArray[np.float32]
    """float32[rows, 384]."""
    engine: InferenceEngine

    async def milvus(self, text: str) -> str:
        """Return the scene that is best over three signals."""
        vector = (await self.engine.embed_texts([text])).rows[0]
        signals = (
            self._hits(rows.WORDS_INDEX, text, "BM25", _WORDS_LIMIT),
            self._hits("text_vector", vector, "IP", _VECTOR_LIMIT),
            self._hits("tags_vector", vector, "IP", _VECTOR_LIMIT),
        )
        scores: dict[str, float] = {}
        for hits in signals:
            for rank, hit in enumerate(hits, start=1):
                scene = rows.from_row(hit["entity"]).scene_id
                scores[scene] = scores.get(scene, 0.0) + 1 / (_RANK_CONSTANT + rank)
        return max(scores, key=scores.__getitem__)

    async def exact(self, text: str) -> str:
        """Return the scene whose text vector is nearest."""
        vector = (await self.engine.embed_texts([text])).rows[0]
        products = self.vectors @ vector
        best = np.argpartition(products, -_VECTOR_LIMIT)[-_VECTOR_LIMIT:]
        return self.keys[int(best[np.argmax(products[best])])].rpartition("/")[2]

    def _hits(self, field: str, query: Any, metric: str, limit: int) -> Sequence[Any]:
        (hits,) = self.connection.client.search(
            self.collection,
            data=[query],
            anns_field=field,
            limit=limit,
            filter=self.condition,
            output_fields=list(rows.OUTPUT_COLUMNS),
            search_params={"metric_type": metric},
            consistency_level="Strong",
        )
        return list(hits)


def _open(folder: str, owner: str, engine: InferenceEngine) -> BareSearch:
    connection = connect(folder, timeout_seconds=60.0)
    client, collection = connection.client, rows.collection_name(_IMAGE_DIMENSIONS)
    client.load_collection(collection)
    condition = f'{Column.OWNER.value} == "{owner_key(owner)}"'  # an id of ours: letters, digits and one underscore
    pages = client.query_iterator(
        collection, batch_size=_PAGE, filter=condition, output_fields=["pk", "text_vector"], timeout=60.0
    )
    keys: list[str] = []
    vectors: list[Any] = []
    while page := pages.next():
        keys += [row["pk"] for row in page]
        vectors += [np.asarray(row["text_vector"], np.float32) for row in page]
    pages.close()
    return BareSearch(connection, collection, condition, tuple(keys), np.stack(vectors), engine)


async def _serve(folder: str, owner: str) -> None:
    engine = InferenceEngine(load(ModelSettings))
    search = _open(folder, owner, engine)
    _tell({"ready": True, "rows": len(search.keys)})
    while line := await asyncio.to_thread(sys.stdin.readline):
        text = json.loads(line)["q"]
        answer = {}
        for name, find in (("milvus", search.milvus), ("exact", search.exact)):
            began = time.perf_counter()
            top = await find(text)
            answer[name] = {"seconds": time.perf_counter() - began, "top": top}
        _tell(answer)
    search.connection.close()
    await engine.close()


def _tell(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve(str(Path(sys.argv[1])), sys.argv[2]))
