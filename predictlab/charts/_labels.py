"""Where the names beside the points of a static chart go: apart from each other, off the points, inside the picture.

Pixels throughout, x to the right and y down. No random numbers: the same points give the same picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

# Directions in which a label may stand off its point, best first: right and left above, right and left below, beside.
_DIRECTIONS = ((1, -1), (-1, -1), (1, 1), (-1, 1), (1, 0), (-1, 0), (0, -1), (0, 1))
_RINGS = (0.0, 12.0, 26.0, 42.0)  # px further out than right beside the point
_RADIUS = 7.0  # of the points' marks, px
_LED = 6.0  # px between a mark and its label, from which on a line has to join them
_PASSES = 20  # a guard; in practice two or three settle it
# Costs of a square pixel of overlap, and of being nearer to another point; a pixel of distance costs 1.
_OUTSIDE, _ON_LABEL, _ON_POINT, _ON_OBSTACLE, _ASTRAY = 1000.0, 50.0, 20.0, 2.0, 25.0

# Widths of letters, thousandths of the font size: Helvetica's, which the common sans-serifs share or come near to.
_WIDTHS = {
    222: "ijl'|", 278: "ft,.:;!/\\[]I ", 333: "r()-`", 500: "ckJsvxyz", 611: "FTZ", 667: "ABEKPSVXY&",
    722: "wCDHNRU", 778: "GOQ", 833: "mM", 889: "%", 944: "W", 1015: "@",
}  # fmt: skip
_WIDTH = {letter: width for width, letters in _WIDTHS.items() for letter in letters}
_OTHER, _BEYOND_LATIN = 556, 1000
_SAFETY = 1.06  # the reader's font may be a little wider


def text_size(text: str, font_size: float = 11.0) -> tuple[float, float]:
    """Width and height of a line of text, px; an estimate on the safe side."""
    width = sum(_WIDTH.get(c, _OTHER if c < "\u0250" else _BEYOND_LATIN) for c in text) / 1000
    return _SAFETY * font_size * width, 1.15 * font_size


def overlap(a: ArrayLike, b: ArrayLike) -> Array:
    """Area that rectangles have in common, px²; ``(left, top, right, bottom)`` on the last axis, broadcast."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return np.asarray(np.prod(np.maximum(sides, 0.0), axis=-1))


def place_labels(points: ArrayLike, sizes: ArrayLike, bounds: ArrayLike, obstacles: ArrayLike = ()) -> Array:
    """Rectangle of each label.

    Each label has the same candidates around its point, near ones first. In turn, each takes the one that is best given
    where the others are, until none moves. Overlap is symmetric, so the sum of the costs falls with each move, and the
    turns come to an end.

    Parameters
    ----------
    points : array_like, shape (n, 2)
        Where the points are, px.
    sizes : array_like, shape (n, 2)
        Widths and heights of the labels, px, such as `text_size` gives.
    bounds : (left, top, right, bottom)
        The plot area, px. A label that fits into it stays inside.
    obstacles : array_like, shape (m, 4)
        Rectangles ``(left, top, right, bottom)`` that are better left free: lines, words.

    Returns
    -------
    ndarray, shape (n, 4)
        ``(left, top, right, bottom)``, px.
    """
    at, half = np.reshape(points, (-1, 2)).astype(float), np.reshape(sizes, (-1, 1, 2)) / 2.0
    frame, blocked = np.asarray(bounds, dtype=float), np.reshape(obstacles, (-1, 4)).astype(float)
    if len(at) == 0:
        return np.empty((0, 4))
    direction, out = np.tile(_DIRECTIONS, (len(_RINGS), 1)), np.repeat(_RINGS, len(_DIRECTIONS))
    # the nearest corner of a diagonal label stands off by less than a side would: the mark is round
    gap = np.where(direction.all(axis=1), 0.6, 1.0) * _RADIUS + 2.0 + out
    centre = np.clip(
        at[:, None] + direction * (half + gap[:, None]),
        frame[:2] + half,
        np.maximum(frame[2:], frame[:2] + 2 * half) - half,
    )
    boxes = np.concatenate([centre - half, centre + half], axis=-1)
    marks = np.concatenate([at - 0.8 * _RADIUS, at + 0.8 * _RADIUS], axis=1)
    from_points = np.linalg.norm(np.clip(at, boxes[:, :, None, :2], boxes[:, :, None, 2:]) - at, axis=-1)
    everyone = np.arange(len(at))
    cost = (
        out + np.tile(np.arange(len(_DIRECTIONS)), len(_RINGS))
        + _OUTSIDE * (4 * half.prod(axis=-1) - overlap(boxes, frame))
        + _ON_POINT * overlap(boxes[:, :, None], marks).sum(-1)
        + _ON_OBSTACLE * overlap(boxes[:, :, None], blocked).sum(-1)
        + _ASTRAY * (from_points.min(axis=-1) < from_points[everyone, :, everyone] - 1e-9)
    )  # fmt: skip
    chosen = np.argmin(cost, axis=1)
    for _ in range(_PASSES):
        before = chosen.copy()
        for i in everyone:
            others = boxes[everyone, chosen][everyone != i]
            now = cost[i] + _ON_LABEL * overlap(boxes[i][:, None], others).sum(-1)
            if now.min() < now[chosen[i]] - 1e-9:
                chosen[i] = np.argmin(now)
        if (chosen == before).all():
            break
    return np.asarray(boxes[everyone, chosen])


def leaders(points: ArrayLike, rectangles: ArrayLike) -> Array:
    """Lines that join points to labels further off, from the mark to the nearest place of the label's edge.

    Parameters
    ----------
    points : array_like, shape (n, 2)
    rectangles : array_like, shape (n, 4)
        As `place_labels` gives them.

    Returns
    -------
    ndarray, shape (n, 4)
        ``(x, y, x2, y2)``, px; NaN for labels that stand beside their point.
    """
    at, box = np.reshape(points, (-1, 2)), np.reshape(rectangles, (-1, 4))
    to = np.clip(at, box[:, :2], box[:, 2:])
    distance = np.linalg.norm(to - at, axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        start = at + (to - at) * _RADIUS / distance
    return np.where(distance > _RADIUS + _LED, np.concatenate([start, to], axis=1), np.nan)
