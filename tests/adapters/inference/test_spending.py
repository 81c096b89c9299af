"""What models use is charged to the work they run for: all of it, to nobody else, divided fairly in a batch."""

import asyncio
import ctypes
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from chassis.core.errors import UpstreamUnavailable
from chassis.io.spending import Spending, metered, spending_on
from inference_svc.adapters.model_meter import Accelerator, ModelMeter
from inference_svc.adapters.model_worker import ModelWorker
from inference_svc.adapters.nvml import energy_counter
from inference_svc.adapters.onnx_session import has_cuda
from inference_svc.domain.batching import BatchPolicy
from tests.support.inference_models import keyframes, local_engine
from tests.support.shared import MEDIA, needs_shared

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell the CPU of threads")
REEL = MEDIA / "derived/speech_reel.mp4"
MILLISECOND = 1_000_000


def burn(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(100))


def worker(
    run: Callable[[Sequence[float]], list[float]], *, meter: ModelMeter | None = None
) -> ModelWorker[float, float]:
    return ModelWorker("m", lambda: run, policy=BatchPolicy(8), max_waiting_items=99, meter=meter)


def each(items: Sequence[float]) -> list[float]:
    """A model whose items are the seconds of CPU they need."""
    for item in items:
        burn(item)
    return list(items)


async def ask(model: ModelWorker[float, float], items: list[float]) -> Spending:
    spending = Spending()
    with spending_on(spending):
        await model.run(items, timeout_seconds=30)
    return spending


async def test_a_call_pays_for_the_thread_of_the_model_and_counts_its_items() -> None:
    """R-AD3-01."""
    model = worker(each)
    spending = await ask(model, [0.02, 0.03])
    model.close()

    assert spending.cpu_ns is not None
    assert 50 * MILLISECOND <= spending.cpu_ns < 80 * MILLISECOND
    assert (spending.model_calls, spending.gpu_ns, spending.energy_uj) == (2, None, None)


async def test_those_who_share_a_batch_share_its_cost_by_their_items() -> None:
    """R-AD3-01: three items of one, one of another, in one run of the model."""
    gate, started = threading.Event(), threading.Event()
    sizes: list[int] = []

    def run(items: Sequence[float]) -> list[float]:
        sizes.append(len(items))
        started.set()
        gate.wait(10)
        return each(items)

    model = worker(run)
    first = asyncio.ensure_future(ask(model, [0.0]))
    await asyncio.to_thread(started.wait, 10)
    together = [asyncio.ensure_future(ask(model, [0.01] * count)) for count in (3, 1)]
    await asyncio.sleep(0)
    gate.set()
    await first
    many, one = [(await task).cpu_ns or 0 for task in together]
    model.close()

    assert sizes == [1, 4]
    assert abs(many - 3 * one) <= 3
    assert many + one >= 40 * MILLISECOND


async def test_a_failed_call_has_cost_what_it_cost() -> None:
    def fail(items: Sequence[float]) -> list[float]:
        each(items)
        raise UpstreamUnavailable("no memory")

    model = worker(fail)
    spending = Spending()
    with spending_on(spending), pytest.raises(UpstreamUnavailable):
        await model.run([0.02], timeout_seconds=5)
    model.close()

    assert (spending.cpu_ns or 0) >= 20 * MILLISECOND
    assert spending.model_calls == 1


async def test_who_leaves_while_the_model_runs_does_not_know_what_it_used() -> None:
    """R-STG-11: a part of the truth is not told as the whole."""
    gate, started = threading.Event(), threading.Event()

    def run(items: Sequence[float]) -> list[float]:
        started.set()
        gate.wait(10)
        return list(items)

    model, spending = worker(run), Spending()
    with spending_on(spending):
        leaving = asyncio.ensure_future(metered(model.run([1.0], timeout_seconds=5)))
        await asyncio.to_thread(started.wait, 10)
        waiting = asyncio.ensure_future(ask(model, [2.0]))
        await asyncio.sleep(0)
        leaving.cancel()
        waiting.cancel()
        await asyncio.wait([leaving, waiting])
    gate.set()
    model.close()

    assert (spending.cpu_ns, spending.model_calls) == (None, 1)


async def test_models_that_hold_the_accelerator_together_share_its_time_and_energy() -> None:
    """R-AD3-01: the device was busy once, however many used it: the sum of the parts is the whole."""
    drawn = [1_000]
    accelerator = Accelerator(lambda: lambda: drawn[0])
    both = threading.Barrier(3)

    def hold(items: Sequence[float]) -> list[float]:
        both.wait(10)
        both.wait(10)
        return list(items)

    meters = [ModelMeter(name, accelerator) for name in "ab"]
    for meter in meters:
        meter.is_accelerated = True
    models = [worker(hold, meter=meter) for meter in meters]
    began = time.monotonic_ns()
    asked = [asyncio.ensure_future(ask(model, [1.0])) for model in models]
    await asyncio.to_thread(both.wait, 10)
    drawn[0] += 5_001
    await asyncio.to_thread(both.wait, 10)
    shares = [await one for one in asked]
    took = time.monotonic_ns() - began
    for model in models:
        model.close()

    assert sorted(share.energy_uj or 0 for share in shares) == [2_500, 2_501]
    assert all(share.gpu_ns for share in shares)
    assert sum(share.gpu_ns or 0 for share in shares) <= took


async def test_an_accelerator_that_reports_nothing_leaves_the_energy_unknown() -> None:
    """R-STG-11: not that of the processors alone either."""
    meter = ModelMeter("m", Accelerator(lambda: lambda: None))
    meter.is_accelerated = True
    model = worker(each, meter=meter)
    spending = await ask(model, [0.001])
    model.close()

    assert (spending.gpu_ns or 0) >= MILLISECOND
    assert (spending.energy_uj, spending.energy_with(77)) == (None, None)


@needs_shared
async def test_a_speech_model_pays_for_the_threads_its_library_computes_in(tmp_path: Path) -> None:
    """R-AD3-01: the thread that calls it only waits most of the time."""
    engine = local_engine(tmp_path, threads=2)
    await engine.transcribe(REEL)  # loads it: that is nobody's
    spending = Spending()
    before_ns, own_ns = time.process_time_ns(), time.thread_time_ns()
    with spending_on(spending):
        await metered(engine.transcribe(REEL))
    used_ns, loop_ns = time.process_time_ns() - before_ns, time.thread_time_ns() - own_ns
    await engine.close()

    assert spending.cpu_ns is not None
    assert 0.6 * used_ns <= spending.cpu_ns <= used_ns  # threads of other tests may still be there
    assert loop_ns < 0.5 * spending.cpu_ns
    assert spending.model_calls == 1


@needs_shared
async def test_a_look_counts_every_picture_that_a_model_was_given(tmp_path: Path) -> None:
    engine = local_engine(tmp_path)
    pictures = keyframes(REEL, (1.0, 8.0))
    spending = Spending()
    with spending_on(spending):
        look = await metered(engine.look(pictures))
    await engine.close()
    models = 3 - len({"image_tags", "object_detection", "ocr"} & look.skipped.keys())

    assert spending.model_calls == models * len(pictures)
    assert (spending.cpu_ns or 0) > MILLISECOND


class Driver:
    """Speaks the five calls of the driver's library."""

    def __init__(self, *, devices: int = 1, millijoules: int = 42, code: int = 0) -> None:
        self.devices, self.millijoules, self.code, self.asked = devices, millijoules, code, ""

    def nvmlInit_v2(self) -> int:  # noqa: N802 - its names
        return self.code

    def nvmlDeviceGetCount_v2(self, count: "ctypes._Pointer[ctypes.c_uint]") -> int:  # noqa: N802 - its names
        count._obj.value = self.devices  # type: ignore[attr-defined]
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, _handle: object) -> int:  # noqa: N802 - its names
        self.asked = str(index)
        return 0 if index < self.devices else 2

    def nvmlDeviceGetHandleByUUID(self, name: bytes, _handle: object) -> int:  # noqa: N802 - its names
        self.asked = name.decode()
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, _device: object, used: "ctypes._Pointer[ctypes.c_ulonglong]") -> int:  # noqa: N802 - its names
        used._obj.value = self.millijoules  # type: ignore[attr-defined]
        return 0


@pytest.mark.parametrize(
    ("environ", "driver", "asked", "microjoules"),
    [
        ({}, Driver(), "0", 42_000),
        ({"CUDA_VISIBLE_DEVICES": "GPU-7f,GPU-8a"}, Driver(devices=4), "GPU-7f", 42_000),
        ({"CUDA_VISIBLE_DEVICES": "3", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, Driver(devices=4), "3", 42_000),
        ({"CUDA_VISIBLE_DEVICES": "3"}, Driver(devices=4), "", None),
        ({"CUDA_VISIBLE_DEVICES": "MIG-7f"}, Driver(), "", None),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, Driver(), "", None),
        ({"CUDA_VISIBLE_DEVICES": "9", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, Driver(), "9", None),
        ({}, Driver(code=9), "", None),
    ],
)
def test_the_energy_is_that_of_the_device_in_use_or_nobodys(
    environ: dict[str, str], driver: Driver, asked: str, microjoules: int | None
) -> None:
    assert energy_counter(environ, library=driver)() == microjoules
    assert driver.asked == asked


@pytest.mark.gpu
@pytest.mark.skipif(not has_cuda(), reason="this onnxruntime has no CUDA")
async def test_on_a_gpu_the_time_it_was_held_and_its_energy_are_told(tmp_path: Path) -> None:
    """R-AD3-01."""
    engine = local_engine(tmp_path, device="cuda")
    await engine.embed_texts(["warm"])
    spending, began = Spending(), time.monotonic_ns()
    with spending_on(spending):
        for number in range(200):
            await engine.embed_texts([f"a boat in the harbour {number}"])
    took_ns = time.monotonic_ns() - began
    devices = {status.device for status in engine.pool.statuses() if status.device}
    await engine.close()

    assert devices == {"cuda"}
    assert 0 < (spending.gpu_ns or 0) <= took_ns
    assert spending.energy_uj is None or spending.energy_uj > 0
