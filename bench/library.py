"""A made-up library of searchable scenes: the same for the same size, with needles whose best answer is known."""

from dataclasses import dataclass

import numpy as np

from chassis.core.ids import derived_id, owner_key, scene_id
from chassis.core.mediatime import TimeSpan
from heimdex.ingest.v1 import video_pb2
from index_svc.adapters.milvus_store import MilvusStore
from index_svc.domain.moment import TEXT_DIMENSIONS, Moment, MomentText, Record, Vector
from inference_svc.engine import InferenceEngine

__all__ = ["NEEDLES", "OWNER", "Needle", "fill", "phrases"]

OWNER = "bench"
_SCENES_PER_VIDEO = 100
_SCENE_NS = 8_000_000_000
_SEED = 20_261_121
_ROOTS = (
    "time year people way day man thing woman life child world school state family student group country problem hand"
    " part place case week company system program question work night point home water room mother area money story"
    " fact month lot right study book eye job word business issue side kind head house service friend father power"
    " hour game line end member law car city community name president team minute idea body information back parent"
    " face others level office door health person art war history party result change morning reason research girl"
    " guy moment air teacher force education foot boy age policy process music market sense nation plan college"
    " interest death experience effect use class control field development role effort rate heart drug show leader"
    " light voice wife police mind price report decision son view relationship town road arm difference value building"
    " action season society tax director position player record paper space ground form event official matter centre"
    " couple site project activity star table need court oil situation cost industry figure street image phone data"
    " picture practice piece land product doctor wall patient worker news test movie north love support technology"
)
_TAGS = ("street", "office", "beach", "kitchen", "stage", "forest", "crowd", "portrait", "map", "screen", "night")


@dataclass(frozen=True, slots=True)
class Needle:
    """A scene that no other resembles, and two queries for which it is the best answer, neither its own words alone."""

    speech: str
    queries: tuple[str, str]


NEEDLES = (
    Needle("the lighthouse keeper counts wooden ships before sunrise", ("lighthouse keeper at dawn", "counting ships")),
    Needle("a violin maker varnishes spruce in cremona", ("violin maker", "varnish on spruce wood")),
    Needle("penguins waddle across antarctic ice", ("penguins on ice", "antarctic birds waddle")),
    Needle("the astronaut repairs a telescope in orbit", ("astronaut repairs telescope", "spacewalk in orbit")),
    Needle("the sourdough needs twelve hours to rise", ("sourdough bread", "dough must rise")),
    Needle("chess grandmasters adjourn after the sicilian opening", ("chess grandmasters", "sicilian opening")),
    Needle("volcanic ash grounded every aeroplane in iceland", ("volcanic ash", "aeroplanes in iceland")),
    Needle("beekeepers collect lavender honey in provence", ("beekeepers honey", "lavender in provence")),
    Needle("the archaeologist brushes sand from a roman mosaic", ("archaeologist sand", "roman mosaic")),
    Needle("salmon leap upstream past hungry grizzlies", ("salmon upstream", "hungry grizzlies")),
)


def phrases(count: int, *, seed: int) -> tuple[str, ...]:
    """Return different queries of two to four words that are common in the library."""
    generator = np.random.default_rng(seed)
    words = np.array(_ROOTS.split())
    made: dict[str, None] = {}
    while len(made) < count:
        chosen = generator.choice(words, size=int(generator.integers(2, 5)), replace=False)
        made[" ".join(chosen)] = None
    return tuple(made)


async def fill(folder: str, scenes: int, engine: InferenceEngine) -> dict[str, str]:
    """Write a library of that many scenes, needles among them; return the scene id of each needle's speech.

    Texts are drawn from a vocabulary with Zipf's law, 12 to 40 words a scene. Their vectors are random directions,
    which cost a search what real ones do; only the needles have their real ones.
    """
    generator = np.random.default_rng(_SEED)
    embedded = await engine.embed_texts([needle.speech for needle in NEEDLES])
    recipe = derived_id("r", embedded.recipe)
    places = dict(zip(generator.choice(scenes, len(NEEDLES), replace=False).tolist(), range(len(NEEDLES)), strict=True))
    needles: dict[str, str] = {}
    store = MilvusStore(folder)
    await store.open()
    try:
        for first in range(0, scenes, _SCENES_PER_VIDEO):
            video = derived_id("v", OWNER, str(first))
            moments = []
            for number in range(first, min(first + _SCENES_PER_VIDEO, scenes)):
                speech, vector = _speech(generator), _direction(generator)
                if number in places:
                    speech, vector = NEEDLES[places[number]].speech, embedded.rows[places[number]]
                moment = _moment(video, number - first, speech, vector, _direction(generator), recipe)
                if number in places:
                    needles[speech] = moment.record.scene_id
                moments.append(moment)
            await store.upsert_video(owner_key(OWNER), video, 1, tuple(moments))
    finally:
        await store.close()
    return needles


def _moment(  # noqa: PLR0917  # the six parts of a moment
    video: str, index: int, speech: str, vector: Vector, tags_vector: Vector, recipe: str
) -> Moment:
    span = TimeSpan(index * _SCENE_NS, (index + 1) * _SCENE_NS)
    tags = (_TAGS[index % len(_TAGS)], _TAGS[(index * 7 + 3) % len(_TAGS)])
    scene = video_pb2.Scene(
        id=scene_id(video, "1", span.start_ns),
        video_id=video,
        index=index,
        start_s=span.start_ns / 1e9,
        end_s=span.end_ns / 1e9,
        transcript_segment=speech,
        combined_text=speech,
        tags=tags,
    )
    record = Record(
        scene_id=scene.id,
        video_id=video,
        owner_id=owner_key(OWNER),
        generation=1,
        index=index,
        span=span,
        text=MomentText(speech=speech, tags=tags, title=f"recording {index % 17}", filename="recording.mp4"),
        payload=scene.SerializeToString(),
    )
    return Moment(record, text_vector=vector, tags_vector=tags_vector, text_recipe=recipe)


def _speech(generator: np.random.Generator) -> str:
    words = _ROOTS.split()
    ranks = np.minimum(generator.zipf(1.3, size=int(generator.integers(12, 41))), len(words)) - 1
    return " ".join(words[rank] for rank in ranks)


def _direction(generator: np.random.Generator) -> Vector:
    """Return float32[384] of length one."""
    vector = generator.standard_normal(TEXT_DIMENSIONS).astype(np.float32)
    unit: Vector = vector / np.float32(np.linalg.norm(vector))
    return unit
