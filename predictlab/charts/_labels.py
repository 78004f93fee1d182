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
_PASSES = 20  # a guard; in practice two or three settle it
# Costs of a square pixel of overlap, and of moving away from the best place: being unreadable is worse than being far.
_OUTSIDE, _ON_LABEL, _ON_POINT = 1000.0, 50.0, 20.0
_PER_DIRECTION, _PER_PIXEL, _ASTRAY = 1.0, 1.0, 25.0
_SQUARE = 0.8  # of the radius: half the side of the square that a round mark is taken for
_LED = 6.0  # px between a mark and its label, from which on a line has to join them

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


def place_labels(
    points: ArrayLike,
    sizes: ArrayLike,
    bounds: tuple[float, float, float, float],
    obstacles: ArrayLike = (),
    weights: ArrayLike = 1.0,
    radius: float = 7.0,
) -> Array:
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
    weights : float or array_like, shape (m,)
        Cost of a square pixel of each; one pixel of distance costs 1.
    radius : float
        Of the points' own marks, px.

    Returns
    -------
    ndarray, shape (n, 4)
        ``(left, top, right, bottom)``, px.
    """
    at, size = np.asarray(points, dtype=float).reshape(-1, 2), np.asarray(sizes, dtype=float).reshape(-1, 2)
    blocked = np.asarray(obstacles, dtype=float).reshape(-1, 4)
    if len(at) == 0:
        return np.empty((0, 4))
    rectangles, effort = _candidates(at, size, np.asarray(bounds, dtype=float), radius)
    marks = np.concatenate([at - _SQUARE * radius, at + _SQUARE * radius], axis=1)
    area = np.prod(size, axis=1)[:, None]
    alone = (
        effort
        + _OUTSIDE * (area - overlap(rectangles, np.asarray(bounds)))
        + _ON_POINT * overlap(rectangles[:, :, None], marks).sum(-1)
        + (np.broadcast_to(weights, len(blocked)) * overlap(rectangles[:, :, None], blocked)).sum(-1)
        + _ASTRAY * _nearer_to_another(rectangles, at)
    )
    everyone = np.arange(len(at))
    chosen = np.argmin(alone, axis=1)
    for _ in range(_PASSES):
        before = chosen.copy()
        for i in everyone:
            others = rectangles[everyone, chosen][everyone != i]
            cost = alone[i] + _ON_LABEL * overlap(rectangles[i][:, None], others).sum(-1)
            best = int(np.argmin(cost))
            if cost[best] < cost[chosen[i]] - 1e-9:
                chosen[i] = best
        if (chosen == before).all():
            break
    return np.asarray(rectangles[everyone, chosen])


def leaders(points: ArrayLike, rectangles: ArrayLike, radius: float = 7.0) -> Array:
    """Lines that join points to labels further off, from the mark to the nearest place of the label's edge.

    Parameters
    ----------
    points : array_like, shape (n, 2)
    rectangles : array_like, shape (n, 4)
        As `place_labels` gives them.
    radius : float
        Of the marks, px.

    Returns
    -------
    ndarray, shape (n, 4)
        ``(x, y, x2, y2)``, px; NaN for labels that stand beside their point.
    """
    at, box = np.asarray(points, dtype=float).reshape(-1, 2), np.asarray(rectangles, dtype=float).reshape(-1, 4)
    to = np.clip(at, box[:, :2], box[:, 2:])
    distance = np.linalg.norm(to - at, axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        start = at + (to - at) * radius / distance
    return np.where(distance > radius + _LED, np.concatenate([start, to], axis=1), np.nan)


def _nearer_to_another(rectangles: Array, at: Array) -> NDArray[np.bool_]:
    """Whether a candidate (n, m) is nearer to another point than to its own."""
    nearest = np.clip(at, rectangles[:, :, None, :2], rectangles[:, :, None, 2:])
    distance = np.linalg.norm(nearest - at, axis=-1)
    own = distance[np.arange(len(at)), :, np.arange(len(at))]
    return np.asarray(distance.min(axis=-1) < own - 1e-9)


def _candidates(at: Array, size: Array, bounds: Array, radius: float) -> tuple[Array, Array]:
    """Rectangles (n, m, 4) around each point, moved into the bounds as far as they go, and what each costs (m,)."""
    directions = np.array([d for _ in _RINGS for d in _DIRECTIONS], dtype=float)
    out = np.repeat(_RINGS, len(_DIRECTIONS))
    diagonal = np.all(directions != 0, axis=1)
    # the nearest corner of a diagonal label stands off by less than a side would: the mark is round
    gap = np.where(diagonal, 0.6, 1.0) * radius + 2.0 + out
    half = size[:, None, :] / 2
    centre = at[:, None, :] + directions * (half + gap[:, None])
    lowest = bounds[:2] + half
    centre = np.clip(centre, lowest, np.maximum(bounds[2:] - half, lowest))
    effort = _PER_DIRECTION * np.tile(np.arange(len(_DIRECTIONS)), len(_RINGS)) + _PER_PIXEL * out
    return np.concatenate([centre - half, centre + half], axis=-1), effort
