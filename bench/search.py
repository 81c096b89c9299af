"""Over 10,000 scenes a search through the mesh takes at most 1.5 times what its parts take in one bare process (p50).

Measured from the client: through gRPC at index_svc, and through HTTP at the gateway, tokens and all. Every query is
new to the mesh, so each is embedded by inference_svc. The peers (`bench/bare_search.py`) embed in their own process
and search a copy of the same folder: with pymilvus, and exactly with numpy.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.harness import Aim, Gate, Measured, Run, Stopwatch, quantile, spread
from bench.library import NEEDLES, OWNER, fill, phrases
from bench.mesh import Door, environment, open_door, running_mesh, token_for
from bench.peer import Peer, start_peer
from chassis.io.grpc_client import GrpcClient
from chassis.io.settings import load
from deploy.local import LocalMesh
from heimdex.index.v1 import search_service_pb2, search_service_pb2_grpc
from inference_svc.engine import InferenceEngine
from inference_svc.settings import ModelSettings

__all__ = ["measure"]

_PEER = "pymilvus and MiniLM in one process, the same three searches one after the other"
_PAGE_SIZE = 10
_SEED = 7
# As index_svc is started (deploy.local.services): threads of numeric libraries only fight over few cores.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_INDEX = "moments.db"


@dataclass(slots=True)
class _Samples:
    grpc: list[float] = field(default_factory=list)
    http: list[float] = field(default_factory=list)
    milvus: list[float] = field(default_factory=list)
    exact: list[float] = field(default_factory=list)
    inside: list[float] = field(default_factory=list)
    """What index_svc says it took."""


async def measure(run: Run) -> Measured:
    """Fill a library, then query it through every way in turn."""
    scenes, queries = run.count(10_000, 500), run.count(300, 20)
    data_dir = run.folder("mesh")
    needles = await _fill(run, data_dir, scenes)
    copy = run.folder("copy")
    shutil.copytree(data_dir / "milvus" / _INDEX, copy / _INDEX)
    peer = await start_peer("bench.bare_search", copy / _INDEX, OWNER, variables=_ONE_THREAD)
    try:
        async with (
            running_mesh(data_dir) as mesh,
            open_door(mesh, OWNER) as door,
            _grpc(mesh, data_dir) as stub,
        ):
            problems = await _check_needles(needles, door, stub, peer)
            samples = await _alternate(run, queries, door, stub, peer)
    finally:
        await peer.stop()
    return Measured(
        values={
            **spread("grpc", samples.grpc, 50, 99),
            **spread("http", samples.http, 50, 99),
            **spread("inside_index_svc", samples.inside, 50, 99),
            **spread("bare_milvus", samples.milvus, 50, 99),
            **spread("numpy_exact", samples.exact, 50, 99),
        },
        ratio=quantile(samples.grpc, 50) / quantile(samples.milvus, 50),
        peer=_PEER,
        gates=(
            Gate(
                "every planted scene is the first answer, by every way",
                not problems,
                "; ".join(problems[:5]) or f"{len(needles)} scenes among {scenes}, two queries each, four ways",
            ),
        ),
        aims=(Aim("ratio", 1.5),),
        inputs=(str(scenes).encode(), *(needle.speech.encode() for needle in NEEDLES), *_encoded(queries)),
    )


async def _fill(run: Run, data_dir: Path, scenes: int) -> dict[str, str]:
    run.say(f"writing {scenes} scenes")
    engine = InferenceEngine(load(ModelSettings, environment(data_dir)))
    try:
        return await fill(str(data_dir / "milvus" / _INDEX), scenes, engine)
    finally:
        await engine.close()


class _Grpc:
    """SearchService as a user, over one channel."""

    def __init__(self, client: GrpcClient) -> None:
        self._client = client
        self._stub = client.stub(search_service_pb2_grpc.SearchServiceStub)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def search(self, text: str) -> search_service_pb2.SearchResponse:
        request = search_service_pb2.SearchRequest(q=text, page_size=_PAGE_SIZE)
        answer = await self._client.call(self._stub.Search, request, timeout_seconds=30.0)
        if not isinstance(answer, search_service_pb2.SearchResponse):
            raise TypeError(type(answer).__name__)
        return answer


def _grpc(mesh: LocalMesh, data_dir: Path) -> _Grpc:
    return _Grpc(GrpcClient(str(mesh.book["HEIMDEX_INDEX_ADDR"]), token=token_for(data_dir, OWNER)))


async def _check_needles(needles: dict[str, str], door: Door, stub: _Grpc, peer: Peer) -> list[str]:
    """Ask for every needle by every way."""
    problems = []
    for needle in NEEDLES:
        wanted = needles[needle.speech]
        for text in needle.queries:
            by_grpc = (await stub.search(text)).results
            by_http = (await door.search(text, page_size=_PAGE_SIZE)).get("results", [])
            bare = await peer.ask(q=text)
            tops = {
                "grpc": by_grpc[0].scene.id if by_grpc else "",
                "http": by_http[0]["scene"]["id"] if by_http else "",
                "milvus": bare["milvus"]["top"],
                "exact": bare["exact"]["top"],
            }
            problems += [f"{way}: {text!r} found {top or 'nothing'}" for way, top in tops.items() if top != wanted]
    return problems


async def _alternate(run: Run, queries: int, door: Door, stub: _Grpc, peer: Peer) -> _Samples:
    samples = _Samples()
    warm = phrases(20, seed=_SEED + 1)
    for text in warm:
        await stub.search(text)
        await door.search(text, page_size=_PAGE_SIZE)
        await peer.ask(q=text)
    # Each way has queries of its own: what one has asked, the mesh would remember for the other.
    for number, (for_grpc, for_http) in enumerate(_pairs(queries)):
        if number % 50 == 0:
            run.say(f"query {number} of {queries}")
        for way in ("grpc", "http") if number % 2 == 0 else ("http", "grpc"):
            watch = Stopwatch()
            if way == "grpc":
                answer = await stub.search(for_grpc)
                samples.grpc.append(watch.seconds)
                samples.inside.append(answer.latency_ms / 1000)
            else:
                await door.search(for_http, page_size=_PAGE_SIZE)
                samples.http.append(watch.seconds)
        bare = await peer.ask(q=for_grpc)
        samples.milvus.append(bare["milvus"]["seconds"])
        samples.exact.append(bare["exact"]["seconds"])
    return samples


def _pairs(queries: int) -> Iterator[tuple[str, str]]:
    texts = iter(phrases(2 * queries, seed=_SEED))
    return zip(texts, texts, strict=True)


def _encoded(queries: int) -> Iterator[bytes]:
    return (text.encode() for text in phrases(2 * queries, seed=_SEED))
