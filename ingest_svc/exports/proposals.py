"""ProposeShorts: from what is kept of a video to stretches of it that would make shorts."""

import asyncio
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from chassis.core.clock import Clock
from chassis.core.errors import FieldViolation, HeimdexError, InvalidInput, NotFound, NotReady
from chassis.core.mediatime import TimeSpan, ns_from_seconds, seconds_from_ns
from heimdex.ingest.v1 import export_pb2, video_pb2
from heimdex.ingest.v1 import export_service_pb2 as api
from ingest_svc.adapters.library_store import LibraryStore
from ingest_svc.domain.exports.proposing.moments import Material, Searched, Sentence, Shot, sentences_of
from ingest_svc.domain.exports.proposing.proposals import Proposal, Wish, propose
from ingest_svc.domain.video import VideoState
from ingest_svc.exports.faces import FacesOfScenes
from ingest_svc.exports.speech import spoken_words
from ingest_svc.ports import SceneRow, VideoRow

__all__ = ["Proposer", "SearchHistory"]

_SHORTEST_S, _LONGEST_S, _PROPOSALS = 15.0, 60.0, 5
_LEAST_S, _MOST_S, _MOST_PROPOSALS = 1.0, 180.0, 20
_MOST_SCENES = 20_000
_SEARCHED_WITHIN = timedelta(days=90)


class SearchHistory(Protocol):
    """Knows what people searched for."""

    async def searched(self, owner_id: str, since: datetime) -> tuple[Searched, ...]:
        """Return what an owner searched for, the most frequent first.

        Raises:
            HeimdexError: it can not be known now.
        """
        ...


class Proposer:
    """Proposes stretches of the videos of one library.

    `history` is None where nobody keeps searches, `faces` where nobody sees any.
    """

    def __init__(
        self, library: LibraryStore, history: SearchHistory | None, clock: Clock, faces: FacesOfScenes | None = None
    ) -> None:
        self._library = library
        self._history = history
        self._clock = clock
        self._faces = faces

    async def propose(self, owner_id: str, request: api.ProposeShortsRequest) -> api.ProposeShortsResponse:
        """Return the best stretches of a video of an owner, and what would have helped to find better ones.

        Raises:
            InvalidInput: a number is out of its range.
            NotFound: there is no such video, or it is not the owner's.
            NotReady: the video is not ready; its reason says in which state it is.
        """
        wish = wish_of(request)
        video = await self._library.get_video(owner_id, request.video)
        if video.state is not VideoState.READY:
            raise _not_ready(video)
        missing: list[str] = []
        scenes = await self._library.list_scenes(video.id, from_index=0, limit=_MOST_SCENES)
        shots = await self._shots(scenes, missing)
        material = Material(
            length_ns=video.duration_ns or max((shot.span.end_ns for shot in shots), default=0),
            shots=shots,
            sentences=await self._sentences(owner_id, video, missing),
            searched=await self._searched(owner_id, missing),
        )
        # Ranking is pure and may take a second for a video of hours: other calls go on meanwhile.
        proposals, notes = await asyncio.to_thread(propose, material, wish)
        return api.ProposeShortsResponse(proposals=map(_message, proposals), missing=(*notes, *missing))

    async def _shots(self, rows: Sequence[SceneRow], missing: list[str]) -> tuple[Shot, ...]:
        if not rows:
            missing.append("no cuts: NO_SCENES: the video has sound alone")
            return ()
        scenes = [video_pb2.Scene.FromString(row.message) for row in rows]
        faces: dict[str, float] = {}
        if self._faces is None:
            missing.append("no faces: NOT_LOOKED_FOR: nobody told where inference_svc is; set HEIMDEX_INFERENCE_ADDR")
        else:
            pictures = {row.id: one.thumbnail_key for row, one in zip(rows, scenes, strict=True) if one.thumbnail_key}
            faces = await self._faces.look(pictures, missing)
        return tuple(
            Shot(row.id, _span_of(scene), tuple(scene.ocr_lines), faces.get(row.id))
            for row, scene in zip(rows, scenes, strict=True)
        )

    async def _sentences(self, owner_id: str, video: VideoRow, missing: list[str]) -> tuple[Sentence, ...] | None:
        try:
            stored = await self._library.get_transcript(owner_id, video.id)
        except NotFound as error:
            missing.append(f"no words: {error.reason}: {error.message}")
            return None
        transcript = video_pb2.Transcript.FromString(stored)
        words = spoken_words(transcript)
        if words:
            return sentences_of(words)
        if transcript.skipped_reason:
            missing.append(f"no words: {transcript.skipped_reason}")
        elif transcript.segments:
            missing.append("no words: NOT_TRUSTED: the recogniser marked all that it heard")
        else:
            missing.append("no words: NOTHING_SAID")
        return None

    async def _searched(self, owner_id: str, missing: list[str]) -> tuple[Searched, ...] | None:
        if self._history is None:
            missing.append("no searches: METRICS_UNKNOWN: nobody told where metrics_svc is; set HEIMDEX_METRICS_ADDR")
            return None
        try:
            return await self._history.searched(owner_id, self._clock.now() - _SEARCHED_WITHIN)
        except HeimdexError as error:
            missing.append(f"no searches: {error.reason}: metrics_svc did not answer")
            return None


def wish_of(request: api.ProposeShortsRequest) -> Wish:
    """Return what a request asks for; 0 means the default.

    Raises:
        InvalidInput: a number is out of its range, or the shortest is longer than the longest; the field is named.
    """
    shortest = _seconds("min_duration_s", request.min_duration_s) or _SHORTEST_S
    longest = _seconds("max_duration_s", request.max_duration_s) or _LONGEST_S
    if shortest > longest:
        field = "min_duration_s" if request.min_duration_s else "max_duration_s"
        raise _wrong(field, f"the shortest stretch, {shortest:g} s, must not be longer than the longest, {longest:g} s")
    if not 0 <= request.limit <= _MOST_PROPOSALS:
        raise _wrong("limit", f"must be between 0 and {_MOST_PROPOSALS}")
    return Wish(ns_from_seconds(shortest), ns_from_seconds(longest), request.limit or _PROPOSALS)


def _seconds(field: str, value: float) -> float:
    if value and not (math.isfinite(value) and _LEAST_S <= value <= _MOST_S):
        raise _wrong(field, f"must be between {_LEAST_S:g} and {_MOST_S:g} seconds, or 0")
    return value


def _wrong(field: str, text: str) -> InvalidInput:
    return InvalidInput(f"{field}: {text}", violations=(FieldViolation(field, text),))


def _not_ready(video: VideoRow) -> NotReady:
    advice = {
        VideoState.FAILED: "it failed; see why with: heimdex video get VIDEO, and run it again",
        VideoState.CANCELLED: "it was cancelled; run it again",
    }.get(video.state, f"it is {video.state}; wait until it is ready")
    return NotReady(
        f"shorts can be proposed once a video is ready; {advice}",
        reason="VIDEO_NOT_READY",
        metadata={"video": video.id, "state": str(video.state)},
    )


def _span_of(scene: video_pb2.Scene) -> TimeSpan:
    return TimeSpan(ns_from_seconds(scene.start_s), ns_from_seconds(max(scene.start_s, scene.end_s)))


def _message(proposal: Proposal) -> export_pb2.ShortProposal:
    return export_pb2.ShortProposal(
        start_s=seconds_from_ns(proposal.span.start_ns),
        end_s=seconds_from_ns(proposal.span.end_ns),
        score=proposal.score,
        reasons=[
            export_pb2.ShortReason(kind=one.kind, strength=round(one.strength, 6), message=one.message)
            for one in proposal.reasons
        ],
        text=proposal.text,
        scene_ids=proposal.scene_ids,
    )
