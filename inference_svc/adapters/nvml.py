"""The energy counter of an NVIDIA device, asked of the driver's own library; the only file that loads it.

A device reports what all its users drew together, so a neighbour on the same device is in the figure.
"""

import ctypes
import os
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["energy_counter"]

_LIBRARY = "libnvidia-ml.so.1"
_MICROJOULES = 1_000
"""The driver counts millijoules."""


def energy_counter(environ: Mapping[str, str] = os.environ, *, library: Any = None) -> Callable[[], int | None]:
    """Return a function that reads the energy of the device this process computes on, in microjoules since some start.

    It returns None where nobody tells: no driver, no counter (before Volta), a part of a device, or several devices of
    which the driver's order does not say which one is meant.
    """
    driver = library or _load()
    device = _device(driver, environ) if driver is not None and driver.nvmlInit_v2() == 0 else None

    def read() -> int | None:
        used = ctypes.c_ulonglong()
        if device is None or driver.nvmlDeviceGetTotalEnergyConsumption(device, ctypes.byref(used)) != 0:
            return None
        return used.value * _MICROJOULES

    return read


def _load() -> Any:
    try:
        return ctypes.CDLL(_LIBRARY)
    except OSError:
        return None


def _device(driver: Any, environ: Mapping[str, str]) -> ctypes.c_void_p | None:
    """Return the handle of the first visible device."""
    handle, visible = ctypes.c_void_p(), environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip()
    if visible.startswith("GPU-"):
        found = driver.nvmlDeviceGetHandleByUUID(visible.encode(), ctypes.byref(handle))
    elif visible.isdecimal() or not visible:
        count = ctypes.c_uint()
        known = driver.nvmlDeviceGetCount_v2(ctypes.byref(count)) == 0
        if not known or (count.value > 1 and environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID"):
            return None  # CUDA counts the fastest first, the driver by place on the bus
        found = driver.nvmlDeviceGetHandleByIndex_v2(int(visible or 0), ctypes.byref(handle))
    else:
        return None
    return handle if found == 0 else None
