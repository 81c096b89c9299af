"""What inference_svc is told beyond what every service is told."""

from dataclasses import dataclass
from pathlib import Path

from chassis.io.service import WorkerSettings
from chassis.io.settings import setting
from inference_svc.adapters.hub import DEFAULT_HUB_URL

__all__ = ["ModelSettings", "Settings"]


# Without slots: Settings below inherits from two classes, and only one of them may bring slots.
@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """Where models come from and how much of the machine they may use."""

    model_dir: Path | None = setting(
        "HEIMDEX_MODEL_DIR", "folder with one folder of weights per model name", default=None
    )
    cache_dir: Path = setting("HEIMDEX_CACHE_DIR", "folder for downloads", default=Path("~/.cache/heimdex"))
    hub_url: str = setting("HEIMDEX_HUB_URL", "address of the model hub", default=DEFAULT_HUB_URL)
    is_offline: bool = setting("HEIMDEX_OFFLINE", "1 never asks the hub", default=False)
    asr_model: str = setting("HEIMDEX_ASR_MODEL", "speech model by name; empty takes the first to be had", default="")
    image_model: str = setting("HEIMDEX_IMAGE_MODEL", "picture vector model by name; likewise", default="")
    disabled_tasks: tuple[str, ...] = setting(
        "HEIMDEX_DISABLED_TASKS", "tasks to leave out, comma separated", default=()
    )
    device: str = setting("HEIMDEX_DEVICE", "auto, cpu or cuda; auto takes CUDA where it opens", default="auto")
    threads: int = setting("HEIMDEX_MODEL_THREADS", "cores one run of a model may use", default=2)
    max_waiting_items: int = setting("HEIMDEX_MODEL_QUEUE", "items that may wait for one model", default=1024)
    timeout_seconds: float = setting("HEIMDEX_MODEL_TIMEOUT", "seconds an item may wait for a model", default=600.0)
    max_audio_seconds: float = setting("HEIMDEX_MAX_AUDIO_SECONDS", "longest sound track", default=21_600.0)


@dataclass(frozen=True, kw_only=True)
class Settings(WorkerSettings, ModelSettings):
    """Settings of inference_svc."""

    transcription_slots: int = setting("HEIMDEX_TRANSCRIPTION_SLOTS", "recordings in hand at once", default=1)
    description_slots: int = setting("HEIMDEX_DESCRIPTION_SLOTS", "videos whose scenes are in hand at once", default=2)
