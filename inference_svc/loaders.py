"""From a model's name to a function that runs it: the one table of which adapter serves which model.

Every function returned here is called in the thread of the model's worker, which therefore owns the sessions it opens.
The three heaviest libraries are imported there too: they cost the service over a second before it is ready, and many a
machine never uses them all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from inference_svc.adapters.clip_encoder import ClipEncoder
from inference_svc.adapters.minilm_text import MiniLmEncoder
from inference_svc.adapters.mobilenet_tags import MobileNetTagger
from inference_svc.adapters.onnx_session import OnnxSession
from inference_svc.adapters.yolox_objects import YoloxDetector
from inference_svc.adapters.yunet_faces import YunetDetector
from inference_svc.domain.batching import BatchPolicy

__all__ = ["Loaded", "ModelLoader", "batch_policy", "has_loader", "load_model"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory."""

    run: Callable[[Sequence[Any]], Sequence[Any]]
    """Items to results, in order."""
    device: str
    """`cpu` or `cuda`."""


@dataclass(frozen=True, slots=True)
class ModelLoader:
    """What a loader may use."""

    folder: Path
    threads: int
    device: str
    """`auto`, `cpu` or `cuda`."""

    def session(self, model: str | bytes) -> OnnxSession:
        """Open a graph of the folder, or one that was just built."""
        source = model if isinstance(model, bytes) else self.folder / model
        return OnnxSession(source, threads=self.threads, device=self.device)


def has_loader(name: str) -> bool:
    """Tell whether this service can run a model (vectors of faces can be fetched, and run in a later version)."""
    return name in _LOADERS


def load_model(name: str, loader: ModelLoader) -> Loaded:
    """Open a model.

    Raises:
        Corruption: Its files are not what they must be.
        KeyError: No adapter serves it.
    """
    return _LOADERS[name](loader)


def batch_policy(name: str) -> BatchPolicy:
    """Return how requests for a model are put together; recordings and pages of text go one at a time."""
    return BatchPolicy(max_items=_MAX_ITEMS.get(name, 1))


def _whisper(loader: ModelLoader) -> Loaded:
    from inference_svc.adapters.whisper_asr import WhisperRecogniser  # noqa: PLC0415 - see above

    model = WhisperRecogniser(loader.folder, threads=loader.threads, device=loader.device)
    return Loaded(lambda jobs: [model.recognise(job) for job in jobs], model.device)


def _minilm(loader: ModelLoader) -> Loaded:
    from inference_svc.adapters.minilm_graph import build_minilm_graph  # noqa: PLC0415 - see above

    session = loader.session(build_minilm_graph(loader.folder / "model.safetensors"))
    model = MiniLmEncoder(session, loader.folder / "tokenizer.json")
    return Loaded(lambda texts: list(model.encode(texts)), model.device)


def _mobilenet(loader: ModelLoader) -> Loaded:
    model = MobileNetTagger(loader.session("model.onnx"), loader.folder / "labels.txt")
    return Loaded(model.classify, model.device)


def _yolox(loader: ModelLoader) -> Loaded:
    model = YoloxDetector(loader.session("model.onnx"), loader.folder / "labels.txt")
    return Loaded(model.detect, model.device)


def _yunet(loader: ModelLoader) -> Loaded:
    model = YunetDetector(loader.session("yunet_s_dynamic.onnx"))
    return Loaded(model.detect, model.device)


def _clip(loader: ModelLoader) -> Loaded:
    model = ClipEncoder(
        loader.session("onnx/vision_model.onnx"),
        loader.session("onnx/text_model_quantized.onnx"),
        loader.folder / "tokenizer.json",
    )

    def run(items: Sequence[Any]) -> list[Any]:
        return [(model.encode_texts([i]) if isinstance(i, str) else model.encode_images([i]))[0] for i in items]

    return Loaded(run, model.device)


def _rapidocr(loader: ModelLoader) -> Loaded:
    from inference_svc.adapters.rapid_ocr import RapidTextReader  # noqa: PLC0415 - see above

    model = RapidTextReader(loader.folder, threads=loader.threads)
    return Loaded(model.read, model.device)


_LOADERS: Mapping[str, Callable[[ModelLoader], Loaded]] = MappingProxyType(
    {
        "faster-whisper-base": _whisper,
        "whisper-fixture": _whisper,
        "all-minilm-l6-v2": _minilm,
        "clip-vit-base-patch32": _clip,
        "mobilenet_v2_imagenet": _mobilenet,
        "yolox_nano_coco": _yolox,
        "yunet_face": _yunet,
        "rapidocr-ppocrv6-small": _rapidocr,
    }
)
_MAX_ITEMS: Mapping[str, int] = MappingProxyType(
    {
        "all-minilm-l6-v2": 32,
        "clip-vit-base-patch32": 8,
        "mobilenet_v2_imagenet": 8,
        "yolox_nano_coco": 8,
        "yunet_face": 8,
    }
)
