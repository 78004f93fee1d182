"""Labels of static charts: they do not cover each other or the points, and stay inside, whatever the points."""

import json

import numpy as np
import pytest

import predictlab as pl
from predictlab.charts._labels import leaders, overlap, place_labels, text_size

BOUNDS = (0.0, 0.0, 330.0, 290.0)
RADIUS = 7.0


def pairs(rectangles):
    i, j = np.triu_indices(len(rectangles), 1)
    return overlap(rectangles[i], rectangles[j])


def inside(rectangles, bounds=BOUNDS):
    return (rectangles[:, :2] >= np.array(bounds[:2]) - 1e-9).all() and (
        rectangles[:, 2:] <= np.array(bounds[2:]) + 1e-9
    ).all()


def test_a_text_is_as_wide_as_its_letters():
    assert text_size("")[0] == 0
    assert text_size("iii")[0] < text_size("aaa")[0] < text_size("WWW")[0]
    assert text_size("ab", 22)[0] == pytest.approx(2 * text_size("ab", 11)[0])
    # measured in a rendered chart at font size 11: 183 px
    assert 183 <= text_size("old reviews, flipped, with a long name")[0] < 200


def test_overlap_is_the_common_area():
    assert overlap([0, 0, 2, 3], [1, 1, 5, 5]) == 2
    assert overlap([0, 0, 2, 3], [2, 0, 4, 3]) == 0


def test_a_point_alone_has_its_label_right_above():
    (box,) = place_labels([[100, 100]], [[40, 12]], BOUNDS)
    assert box[0] > 100
    assert box[3] < 100
    assert np.isnan(leaders([[100, 100]], [box])).all()


@pytest.mark.parametrize("seed", range(20))
def test_where_there_is_room_nothing_overlaps_and_all_is_inside(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform([0, 0], [330, 290], size=(8, 2))
    sizes = np.column_stack([rng.uniform(20, 90, 8), np.full(8, 12.0)])
    boxes = place_labels(points, sizes, BOUNDS)
    assert inside(boxes)
    assert pairs(boxes).max() == 0
    marks = np.concatenate([points - 4, points + 4], axis=1)
    assert overlap(boxes[:, None], marks).max() == 0


@pytest.mark.parametrize("corner", [(0, 0), (330, 0), (0, 290), (330, 290)])
def test_points_that_coincide_in_a_corner(corner):
    points = np.array([corner, corner, corner, corner], dtype=float)
    boxes = place_labels(points, [[60, 12]] * 4, BOUNDS)
    assert inside(boxes)
    assert pairs(boxes).max() == 0


def test_a_long_name_at_the_right_edge_is_not_cut_off():
    boxes = place_labels([[325, 150]], [[200, 12]], BOUNDS)
    assert inside(boxes)
    assert overlap(boxes[0], [321, 146, 329, 154]) == 0


def test_words_are_left_free():
    words = [[105, 80, 200, 98]]  # where the label would be
    (box,) = place_labels([[100, 100]], [[40, 12]], BOUNDS, words)
    assert overlap(box, words[0]) == 0


def test_same_points_same_places():
    rng = np.random.default_rng(3)
    points, sizes = rng.uniform(0, 290, size=(12, 2)), [[50, 12]] * 12
    np.testing.assert_array_equal(place_labels(points, sizes, BOUNDS), place_labels(points, sizes, BOUNDS))


def test_a_label_further_off_is_joined_to_its_point():
    points = np.array([[150.0, 150.0]] * 12)
    boxes = place_labels(points, [[80, 12]] * 12, BOUNDS)
    lines = leaders(points, boxes)
    led = np.isfinite(lines).all(axis=1)
    assert 0 < led.sum() < 12
    # from the edge of the mark to the edge of the label
    np.testing.assert_allclose(np.linalg.norm(lines[led, :2] - points[led], axis=1), RADIUS)
    ends, box = lines[led, 2:], boxes[led]
    np.testing.assert_allclose(ends, np.clip(ends, box[:, :2], box[:, 2:]))


def test_no_points_no_labels():
    assert place_labels([], [], BOUNDS).shape == (0, 4)


def fit_of(limit, scale, rate):
    depths = (8, 16, 32, 64, 128, 192)
    return pl.DecayModel(pl.RiskCurve(depth=depths, risk=[limit + scale * c**-rate for c in depths], df=15)).fit()


def test_names_in_the_phase_diagram():
    """The names that Vega draws: apart, and inside their plane, though tasks coincide and one stands at the edge."""
    vl_convert = pytest.importorskip("vl_convert")
    same, edge = fit_of(2e-5, 0.02, 0.95), fit_of(9e-4, 0.01, 0.5)
    fits = {"reviews": same, "reviews again": same, "old reviews": edge, "old reviews, with a long name": edge}
    scene = vl_convert.vegalite_to_scenegraph(pl.charts.phase_diagram(fits, tolerance=2e-4, budget=64).to_dict())
    names = []

    def walk(node, x, y):
        if isinstance(node, dict):
            if node.get("marktype") == "text":
                for item in node["items"]:
                    if item.get("text") in fits:
                        width, height = text_size(item["text"])
                        left, middle = x + item["x"] + item.get("dx", 0), y + item["y"]
                        names.append((left, middle - height / 2, left + width, middle + height / 2))
            else:
                for item in node.get("items", []):
                    walk(item, x + item.get("x", 0), y + item.get("y", 0))

    walk(scene["scenegraph"], 0, 0)
    boxes = np.array(names)
    assert len(boxes) == 8, json.dumps(scene)[:500]
    budget, theory = boxes[boxes[:, 0] < 330], boxes[boxes[:, 0] >= 330]
    for plane, left in ((budget, 0), (theory, theory[:, 0].min() - theory[:, 0].min() % 1)):
        assert len(plane) == 4
        assert pairs(plane).max() == 0
        assert plane[:, 2].max() - left <= 330
