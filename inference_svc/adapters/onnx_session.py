"""One ONNX Runtime session, owned by one thread; the only file that imports `onnxruntime`."""

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort
from numpy.typing import NDArray

from chassis.core.errors import Corruption, UpstreamUnavailable

__all__ = ["OnnxSession", "has_cuda"]

_log = logging.getLogger(__name__)
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_ERRORS_ONLY = 3

# Missing CUDA libraries are said once, by `device`, and not by C++ lines on stderr.
ort.set_default_logger_severity(_ERRORS_ONLY)


def has_cuda() -> bool:
    """Tell whether this ONNX Runtime was built with CUDA; whether a device answers shows when a session opens."""
    return _CUDA in ort.get_available_providers()


class OnnxSession:
    """A loaded graph. The thread that opens it is the only one that may run it.

    Attributes:
        device: `cpu` or `cuda`, as it came out.
        fallback_reason: Why it is `cpu` although CUDA was asked for; empty otherwise.
    """

    def __init__(self, model: Path | bytes, *, threads: int, device: str = "auto") -> None:
        """Load a graph from a file or from its serialised bytes; `threads` bounds the cores of one run.

        Raises:
            Corruption: It is not an ONNX graph that this runtime can load.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # The arena keeps the largest batch's memory for ever; on a CPU plain allocation costs little.
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._owner = threading.get_ident()
        self.fallback_reason = ""
        wanted = [_CUDA, _CPU] if device != "cpu" and has_cuda() else [_CPU]
        if device == "cuda" and not has_cuda():
            self.fallback_reason = "this onnxruntime has no CUDA; install the [gpu] extra"
        source = model if isinstance(model, bytes) else str(model)
        try:
            self._session = ort.InferenceSession(source, options, providers=wanted)
        except Exception as cause:  # onnxruntime raises a dozen unrelated classes
            name = "a built graph" if isinstance(model, bytes) else model.name
            raise Corruption(f"{name} can not be loaded by ONNX Runtime", reason="MODEL_UNLOADABLE") from cause
        self.device = "cuda" if self._session.get_providers()[0] == _CUDA else "cpu"
        if _CUDA in wanted and self.device == "cpu":
            self.fallback_reason = "CUDA did not open; running on the CPU"
        if self.fallback_reason:
            _log.warning("a model runs on the CPU instead of CUDA", extra={"reason": self.fallback_reason})

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the graph's inputs."""
        return tuple(value.name for value in self._session.get_inputs())

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> list[NDArray[Any]]:
        """Run once; shapes and dtypes are those of the graph.

        Raises:
            RuntimeError: Another thread than the owner called.
            UpstreamUnavailable: The runtime failed (most often: no memory).
        """
        if threading.get_ident() != self._owner:
            raise RuntimeError("an ONNX session belongs to the thread that opened it")
        try:
            return list(self._session.run(list(outputs), dict(inputs)))
        except Exception as cause:  # as above
            raise UpstreamUnavailable("ONNX Runtime failed to run a model", reason="MODEL_RUN_FAILED") from cause
