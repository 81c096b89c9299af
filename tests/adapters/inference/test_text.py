import random
from pathlib import Path

import numpy as np
import pytest

from chassis.core.errors import Corruption
from inference_svc.adapters.hub import Hub
from inference_svc.adapters.minilm_graph import build_minilm_graph
from inference_svc.adapters.minilm_text import MiniLmEncoder
from inference_svc.adapters.model_files import Available, ModelFiles
from inference_svc.adapters.onnx_session import OnnxSession
from inference_svc.domain.vectors import cosine
from inference_svc.model_pool import load_registry


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = next(spec for spec in load_registry() if spec.name == "all-minilm-l6-v2")
    cache = tmp_path_factory.mktemp("cache")
    found = ModelFiles(model_dir=None, cache_dir=cache, hub=Hub(is_offline=True)).resolve(spec)
    if not isinstance(found, Available):
        pytest.skip(found.reason)
    return found.folder


@pytest.fixture(scope="module")
def encoder(weights: Path) -> MiniLmEncoder:
    session = OnnxSession(build_minilm_graph(weights / "model.safetensors"), threads=1, device="cpu")
    return MiniLmEncoder(session, weights / "tokenizer.json")


def test_meaning_is_near(encoder: MiniLmEncoder) -> None:
    espresso, mug, parrot = encoder.encode(["a cup of espresso", "coffee mug on a table", "red parrot"])

    assert cosine(espresso, mug) > cosine(espresso, parrot) + 0.2


def test_known_similarities_of_the_published_model(encoder: MiniLmEncoder) -> None:
    """A pair of the model's own card, where the published implementation gives 0.6660."""
    first, second = encoder.encode(["The weather is lovely today.", "It's so sunny outside!"])

    assert cosine(first, second) == pytest.approx(0.6660, abs=1e-3)


def test_the_same_text_has_the_same_bytes_whatever_stands_beside_it(encoder: MiniLmEncoder) -> None:
    """R-ING-10."""
    dice = random.Random(3)  # noqa: S311 - a shuffle, no secret
    vocabulary = ["ask", "not", "what", "your", "country", "macaw", "espresso", "東京", "ünïcode"]
    texts = [" ".join(dice.choices(vocabulary, k=dice.randrange(1, 30))) for _ in range(40)]
    alone = [encoder.encode([text])[0].tobytes() for text in texts]
    together = [row.tobytes() for row in encoder.encode(texts)]
    shuffled = dice.sample(texts, len(texts))

    assert together == alone
    assert [row.tobytes() for row in encoder.encode(shuffled)] == [alone[texts.index(text)] for text in shuffled]


def test_vectors_are_float32_and_normalised(encoder: MiniLmEncoder) -> None:
    rows = encoder.encode(["", "x", "word " * 1000])

    assert (rows.shape, rows.dtype.name) == ((3, 384), "float32")
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-6)


def test_words_past_the_limit_do_not_count(encoder: MiniLmEncoder) -> None:
    long, longer = encoder.encode(["word " * 254, "word " * 254 + "macaw"])

    assert long.tobytes() == longer.tobytes()


def test_rubbish_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"rubbish" * 10)
    with pytest.raises(Corruption):
        build_minilm_graph(tmp_path / "model.safetensors")
    with pytest.raises(Corruption):
        OnnxSession(tmp_path / "model.safetensors", threads=1)


async def test_a_session_belongs_to_the_thread_that_opened_it(weights: Path) -> None:
    import asyncio

    session = await asyncio.to_thread(
        lambda: OnnxSession(build_minilm_graph(weights / "model.safetensors"), threads=1, device="cpu")
    )
    with pytest.raises(RuntimeError, match="belongs"):
        session.run({"input_ids": np.ones((1, 4), np.int64)}, ["embedding"])
