"""A subject that moves across the frame, from the file to the path: sandbox, models and planning as they run."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest

from chassis.core.mediatime import TimeSpan
from chassis.io.grpc_client import GrpcClient
from chassis.io.grpc_server import serve_grpc
from chassis.io.health import Health
from chassis.io.identity import TokenVerifier, generate_key_pair, mint_token
from heimdex.inference.v1.inference_service_pb2_grpc import add_InferenceServiceServicer_to_server
from inference_svc.domain.model_registry import Task
from inference_svc.grpc_api import InferenceApi
from ingest_svc.adapters.media_sandbox import MediaSandbox
from ingest_svc.adapters.sampler import SandboxSampler
from ingest_svc.adapters.subject_client import SubjectClient
from ingest_svc.domain.exports.camera.camera import MAX_ACCELERATION, MAX_SPEED, CameraPlan, Seen, plan_camera
from ingest_svc.domain.exports.values import Ratio
from tests.support.camera_lab import NS, changes, frame_at
from tests.support.inference_models import local_engine
from tests.support.moving_clip import FPS, draw_clip
from tests.support.shared import MEDIA, needs_shared

pytestmark = needs_shared
KEYS = generate_key_pair()
WIDE = 16 / 9


def walk(at_s: float) -> float:
    """Stands, goes right, stands, goes back, stands: as parts of the picture."""
    return float(np.interp(at_s, [0, 1, 3, 4, 6, 7], [0.2, 0.2, 0.78, 0.78, 0.3, 0.3]))


@asynccontextmanager
async def finder(folder: Path, **changed: object) -> AsyncIterator[SubjectClient]:
    engine = local_engine(folder, **changed)

    def register(server: grpc.aio.Server) -> tuple[str, ...]:
        add_InferenceServiceServicer_to_server(InferenceApi(engine), server)
        return ("heimdex.inference.v1.InferenceService",)

    async with serve_grpc(
        "127.0.0.1:0", verifier=TokenVerifier(KEYS.public_pem), health=Health(), register=register
    ) as port:
        client = GrpcClient(f"127.0.0.1:{port}", token=mint_token(KEYS.private_pem, subject="ingest_svc"))
        yield SubjectClient(client)
        await client.close()
    await engine.close()


async def look(clip: Path, folder: Path, seconds: float, **changed: object) -> CameraPlan:
    """Do what an export does before it cuts."""
    async with MediaSandbox(keeps_spares=False) as sandbox, finder(folder, **changed) as subjects:
        probe = await sandbox.probe(clip, folder)
        video = probe.facts.video
        assert video is not None
        sampled = await SandboxSampler(sandbox).sample(clip, probe.facts, TimeSpan(0, round(seconds * NS)), folder)
        found = await subjects.find(sampled)
    seen = Seen(
        length_ns=round(seconds * NS),
        width=video.width,
        height=video.height,
        sightings=found.sightings,
        at_ns=sampled.at_ns,
        motion=sampled.motion,
        shot_starts_ns=sampled.shot_starts_ns,
        models=found.models,
        missing=found.missing,
    )
    return plan_camera(seen, Ratio.R_9_16)


def share_inside(plan: CameraPlan, left_of: Callable[[float], float], width: float, seconds: float) -> float:
    """Part of the frames of the clip in which a stretch of the picture is wholly inside."""
    assert plan.path is not None
    held = []
    for number in range(round(seconds * FPS)):
        left, _, right, _ = frame_at(plan.path, number / FPS)
        held.append(left <= left_of(number / FPS) and left_of(number / FPS) + width <= right)
    return float(np.mean(held))


@pytest.mark.parametrize(
    ("photo", "photo_height", "basis", "core"),
    [("obama.jpg", 240, "face", (0.41, 0.68)), ("cat.jpg", 150, "living", (0.15, 0.65))],
)
async def test_a_subject_that_walks_stands_and_turns_back_is_inside(
    tmp_path: Path, photo: str, photo_height: int, basis: str, core: tuple[float, float]
) -> None:
    """R-EXP-05: in at least 98 % of the frames; jitter under the bound, the bound of the speed held exactly.

    `core` is where the face, or the body of the cat, stands in the photo, as parts of its width.
    """
    clip = tmp_path / "walk.mp4"
    width = draw_clip(clip, MEDIA / "images" / photo, walk, seconds=7, photo_height=photo_height)
    plan = await look(clip, tmp_path, 7)

    assert plan.basis == (basis,)
    assert share_inside(plan, lambda t: walk(t) + (core[0] - 0.5) * width, (core[1] - core[0]) * width, 7) >= 0.98
    assert plan.path is not None
    speed, acceleration = changes(plan.path.pieces[0], plan.path, WIDE)

    assert np.abs(speed).max() <= MAX_SPEED * (1 + 1e-9)
    assert np.percentile(np.abs(acceleration), 95) <= MAX_ACCELERATION


async def test_the_frame_jumps_with_the_cut_and_stands_still_else(tmp_path: Path) -> None:
    """R-EXP-05: cuts are allowed at cuts alone."""
    clip = tmp_path / "two.mp4"
    draw_clip(
        clip,
        MEDIA / "images/obama.jpg",
        lambda t: 0.2 if t < 1 else 0.8,
        seconds=2.2,
        ground=lambda t: 40 if t < 1 else 200,
    )
    plan = await look(clip, tmp_path, 2.2)

    assert plan.path is not None
    assert [piece.span.start_ns for piece in plan.path.pieces] == [0, NS]
    assert [len(set(piece.x)) for piece in plan.path.pieces] == [1, 1]
    assert plan.path.pieces[1].x[0] - plan.path.pieces[0].x[0] > 0.5


async def test_without_models_there_is_no_camera_and_a_note(tmp_path: Path) -> None:
    """R-EXP-05: SMART says why it is none."""
    clip = tmp_path / "walk.mp4"
    draw_clip(clip, MEDIA / "images/obama.jpg", walk, seconds=1.2)
    off = (Task.FACE_DETECTION, Task.OBJECT_DETECTION)
    plan = await look(clip, tmp_path, 1.2, disabled_tasks=off)

    assert plan.path is None
    assert plan.note.startswith("SMART_WITHOUT_MODEL: ")
    assert "face_detection" in plan.note
