"""Raw numbers of YuNet become boxes."""

import numpy as np
import pytest

from inference_svc.domain.detections import suppress
from inference_svc.domain.faces import FACE_STRIDES, OUTPUTS, decode_yunet, padded_side

WIDTH, HEIGHT = 96, 64


def silence() -> dict[str, np.ndarray]:
    outputs = {}
    for stride in FACE_STRIDES:
        cells = (WIDTH // stride) * (HEIGHT // stride)
        outputs |= {f"{part}_{stride}": np.zeros((cells, 1), np.float32) for part in ("cls", "obj")}
        outputs[f"bbox_{stride}"] = np.zeros((cells, 4), np.float32)
    return outputs


@pytest.mark.parametrize(("pixels", "side"), [(0, 32), (1, 32), (32, 32), (33, 64), (360, 384), (640, 640)])
def test_a_side_is_padded_to_the_coarsest_grid(pixels, side):
    assert padded_side(pixels) == side


def test_only_what_is_decoded_is_asked_of_the_graph():
    assert set(OUTPUTS) == set(silence())


def test_a_cell_says_where_its_face_is_in_units_of_its_stride():
    outputs = silence()
    row, column = 1, 4  # of the grid of stride 16, which has 6 columns
    cell = row * 6 + column
    outputs["cls_16"][cell], outputs["obj_16"][cell] = 0.9, 0.4
    outputs["bbox_16"][cell] = 0.5, 0.25, np.log(2), np.log(3)
    boxes, scores = decode_yunet(outputs, width=WIDTH, height=HEIGHT)
    place = (WIDTH // 8) * (HEIGHT // 8) + cell

    assert scores.shape == (len(boxes), 1)
    assert scores[place, 0] == pytest.approx(0.6)
    assert boxes[place] == pytest.approx([72 - 16, 20 - 24, 72 + 16, 20 + 24])
    assert np.count_nonzero(scores) == 1


def test_one_face_in_two_grids_is_one_face():
    outputs = silence()
    outputs["cls_8"][13], outputs["obj_8"][13] = 1.0, 0.64  # row 1, column 1: centre (12, 12) with the half below
    outputs["bbox_8"][13] = 0.5, 0.5, np.log(2), np.log(2)
    outputs["cls_16"][0], outputs["obj_16"][0] = 1.0, 0.81
    outputs["bbox_16"][0] = 0.75, 0.75, 0, 0
    boxes, scores = decode_yunet(outputs, width=WIDTH, height=HEIGHT)
    kept = suppress(boxes, scores, labels=("face",), min_score=0.6, max_overlap=0.3)

    assert [(label, round(score, 3)) for _, label, score in kept] == [("face", 0.9)]


def test_numbers_beyond_reason_stay_finite():
    outputs = silence()
    outputs["cls_32"][:], outputs["obj_32"][:] = 3.0, -1.0
    outputs["bbox_32"][:] = 1e6
    boxes, scores = decode_yunet(outputs, width=WIDTH, height=HEIGHT)

    assert np.isfinite(boxes).all()
    assert ((scores >= 0) & (scores <= 1)).all()
