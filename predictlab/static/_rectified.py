"""Where training on all examples would end, from losses after training on a few of them: the rectified law."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import optimize, special, stats

from predictlab._summary import Summarised, Summary
from predictlab._validation import Rng, confidence_level, generator, positive, whole_number
from predictlab.errors import DataError, bad_argument

LEAST_SIZES = 3
SHAPES = 2048  # of the cloud: transition, beta and the share of the loss that stays
BELOW, ABOVE = 3, 6  # doublings that a transition may lie below the smallest and above the largest size
PLAIN = 1 / 3  # of the shapes: power laws, D_l = 0, whose transition is below all sizes
# Relative error of a loss, and what it is worth in observations: single fine-tunes scatter by about a hundredth.
NOISE, NOISE_DF = 0.01, 4
# Variance of the law's own error over that of noise, per cubed e-fold of size: an integrated Brownian motion, which
# lets the slope drift. Without it, and with these values or others, see benchmarks/rectified.py.
DRIFTS: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0, 100.0)
PARAMETERS = ("B", "D_l", "beta", "E")


@dataclass(frozen=True, repr=False)
class RectifiedLaw(Summarised):
    """The law ``L(D) = B / (D_l + D^beta) + E`` as a posterior; made by `rectified_law`.

    Parameters
    ----------
    sizes, losses : ndarray (n,)
        What it was fitted to.
    confidence : float
        Of intervals, unless another is asked for.
    members : DataFrame
        The posterior: a row per shape and drift, with ``weight``, ``transition`` (log of the size ``D_l^(1/beta)``;
        minus infinity for a power law), ``beta``, ``stays`` (E over the law's loss at the smallest size), ``level``
        (log of that loss), ``drift`` and ``spread`` (the sum of squares behind the noise).

    Examples
    --------
    >>> import predictlab as pl
    >>> law = pl.static.rectified_law([200, 400, 800, 1600], [3.1, 2.9, 2.6, 2.3])
    >>> bool(law.predict(3200)["lower"] < 2.05 < law.predict(3200)["upper"])
    True
    """

    sizes: np.ndarray
    losses: np.ndarray
    confidence: float
    members: pd.DataFrame = field(repr=False)

    def predict(self, size: float, *, confidence: float | None = None) -> pd.Series:
        """Loss of one training run on `size` examples.

        Parameters
        ----------
        size : float
            Examples, > 0.
        confidence : float in (0, 1), optional
            None: as of the law.

        Returns
        -------
        Series
            ``estimate`` (the median), ``lower``, ``upper``; in the losses' unit. The interval is for a run's loss, its
            noise included, and the law's own error grows with the distance from the sizes that were tried.

        Raises
        ------
        ArgumentError
            A size that is not positive.
        """
        level = self.confidence if confidence is None else confidence_level(confidence)
        location, scale = self._at(np.log(positive("size", size, " (examples)")))
        weight, df = self.members["weight"].to_numpy(), NOISE_DF + len(self.sizes) - 1

        def quantile(share: float) -> float:
            def above(value: float) -> float:
                return float(weight @ special.stdtr(df, (value - location) / scale)) - share

            # No member has more than `share` below the first, nor less below the second.
            each = location + scale * special.stdtrit(df, share)
            low, high = float(each.min()), float(each.max())
            return float(np.exp(optimize.brentq(above, low - 1e-6, high + 1e-6, xtol=1e-6)))

        tail = (1 - level) / 2
        return pd.Series({"estimate": quantile(0.5), "lower": quantile(tail), "upper": quantile(1 - tail)})

    def curve(self, sizes: ArrayLike, *, confidence: float | None = None) -> pd.DataFrame:
        """`predict` at several sizes.

        Parameters
        ----------
        sizes : array_like of float
        confidence : float in (0, 1), optional
            Of each interval by itself.

        Returns
        -------
        DataFrame
            ``size, estimate, lower, upper``.

        Raises
        ------
        ArgumentError
            A size that is not positive.
        """
        found = [{"size": float(s), **self.predict(s, confidence=confidence)} for s in np.atleast_1d(np.asarray(sizes))]
        return pd.DataFrame(found)

    def draws(self, draws: int = 1000, *, rng: Rng = None) -> pd.DataFrame:
        """Draws of the law's parameters.

        Parameters
        ----------
        draws : int
        rng : None, int or numpy.random.Generator
            None is seed 0.

        Returns
        -------
        DataFrame
            ``B, D_l, beta, E``, and ``transition``, the size ``D_l^(1/beta)`` at which half of ``B / D_l`` has gone; 0
            of a power law.
        """
        whole_number("draws", draws, 1)
        generate = generator(rng)
        member = self.members.iloc[
            generate.choice(len(self.members), size=draws, p=self.members["weight"].to_numpy())
        ].reset_index(drop=True)
        df = NOISE_DF + len(self.sizes) - 1
        scale = np.sqrt(member["spread"] / df * member["level_variance"])
        first = np.exp(member["level"] + scale * generate.standard_t(df, draws))
        d_l = np.exp(member["beta"] * member["transition"])
        b = first * (1 - member["stays"]) * (d_l + self.sizes.min() ** member["beta"])
        made = {"B": b, "D_l": d_l, "beta": member["beta"], "E": first * member["stays"],
                "transition": np.exp(member["transition"])}  # fmt: skip
        return pd.DataFrame(made)

    @property
    def params(self) -> pd.Series:
        """Medians of ``B, D_l, beta, E``; each by itself, so that they need not lie on one curve."""
        return self.draws(4000)[list(PARAMETERS)].median()

    def conf_int(self, *, confidence: float | None = None) -> pd.DataFrame:
        """Intervals of the parameters.

        Parameters
        ----------
        confidence : float in (0, 1), optional
            None: as of the law.

        Returns
        -------
        DataFrame
            ``lower`` and ``upper`` for ``B, D_l, beta, E`` and ``transition``. From three to five sizes they are mostly
            wide: of the four parameters only what is predicted near the sizes is known.
        """
        level = self.confidence if confidence is None else confidence_level(confidence)
        tail = (1 - level) / 2
        ends = self.draws(4000).quantile([tail, 1 - tail]).T
        return ends.set_axis(["lower", "upper"], axis=1)

    def summary(self) -> Summary:
        """Parameters, their intervals, and the losses expected at sizes beyond.

        Returns
        -------
        Summary
        """
        table = self.conf_int()
        table.insert(0, "median", self.draws(4000).median())
        beyond = self.curve(self.sizes.max() * np.array([2.0, 8.0, 32.0]))
        return Summary(
            "Rectified law L(D) = B / (D_l + D^beta) + E",
            f"from {len(self.sizes)} losses, {self.sizes.min():g} to {self.sizes.max():g} examples; "
            f"{self.confidence:.0%} intervals of a posterior",
            table, "Losses of a run on more examples:", beyond,
        )  # fmt: skip

    def _at(self, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Location and scale of the log loss at log size `x` by each member."""
        members, known, y = self.members, np.log(self.sizes), np.log(self.losses)
        df = NOISE_DF + len(y) - 1
        shape = members[["transition", "beta", "stays"]].to_numpy().T
        law, there = (_log_law(at, known[0], *shape) for at in (known, np.array([x])))
        there = there[:, 0]
        location, variance = np.empty(len(members)), np.empty(len(members))
        for drift in members["drift"].unique():
            rows = (members["drift"] == drift).to_numpy()
            inverse, ones = _inverse(known, drift), np.ones(len(y))
            across = drift * _integrated(np.array([x]) - known.min(), known - known.min())[0]
            own = 1 + drift * _integrated(*[np.array([x]) - known.min()] * 2)[0, 0]
            level = members["level"].to_numpy()[rows]
            left = y - law[rows] - level[:, None]
            gain = inverse @ across
            location[rows] = level + there[rows] + left @ gain
            variance[rows] = own - across @ gain + (1 - ones @ gain) ** 2 / (ones @ inverse @ ones)
        return location, np.sqrt(members["spread"].to_numpy() / df * variance)


def rectified_law(sizes: ArrayLike, losses: ArrayLike, *, confidence: float = 0.95, rng: Rng = None) -> RectifiedLaw:
    """Fit the rectified law ``L(D) = B / (D_l + D^beta) + E`` to losses after training on a few sizes of data.

    Three to five losses do not tell four parameters: the answer is a posterior, and its intervals are as wide as that
    makes them. On a logarithmic scale the loss is level, shape and noise; level and noise are integrated exactly, the
    shape (transition, beta, the share that stays) over a fixed cloud, a third of it power laws (``D_l = 0``). The law
    may be wrong by itself: an integrated Brownian motion on the logarithm of the size is part of the model.

    Parameters
    ----------
    sizes : array_like of float (n,)
        Training examples, > 0, at least three different ones. Not 0: before training a model does not know what an
        answer looks like, and that loss lies on no curve with the others.
    losses : array_like of float (n,)
        Loss on evaluation rows after training on so many, > 0. Several runs of one size may be given.
    confidence : float in (0, 1)
        Of intervals.
    rng : None, int or numpy.random.Generator
        Of the cloud's shuffle; None is seed 0.

    Returns
    -------
    RectifiedLaw
        ``predict(size)`` and intervals.

    Raises
    ------
    ArgumentError
        Lengths that differ, or sizes and losses that are not positive.
    DataError
        Fewer than three sizes.

    References
    ----------
    Lin et al., "Selecting Large Language Model to Fine-tune via Rectified Scaling Law", ICML 2024.

    Examples
    --------
    >>> import predictlab as pl
    >>> sizes = [250, 500, 1000, 2000, 4000]
    >>> law = pl.static.rectified_law(sizes, [2.80, 2.61, 2.40, 2.19, 2.01])
    >>> found = law.predict(16000)
    >>> bool(found["lower"] < found["estimate"] < found["upper"])
    True
    """
    confidence_level(confidence)
    x, y = _checked(sizes, losses)
    known, n = np.log(x), len(x)
    unit = stats.qmc.Sobol(3, rng=generator(rng)).random(SHAPES)
    first, last = known.min() - BELOW * np.log(2), known.max() + ABOVE * np.log(2)
    place = (unit[:, 0] - PLAIN) / (1 - PLAIN)
    shape = np.where(place < 0, -np.inf, first + (last - first) * place), unit[:, 1], unit[:, 2]
    left = np.log(y) - _log_law(known, known[0], *shape)
    parts = []
    for drift in DRIFTS:
        inverse, ones = _inverse(known, drift), np.ones(n)
        weight = ones @ inverse @ ones
        level = left @ inverse @ ones / weight
        error = left - level[:, None]
        spread = NOISE_DF * NOISE**2 + np.einsum("ij,jk,ik->i", error, inverse, error)
        evidence = -(NOISE_DF + n - 1) / 2 * np.log(spread) + 0.5 * np.linalg.slogdet(inverse)[1] - 0.5 * np.log(weight)
        columns = {"evidence": evidence, "transition": shape[0], "beta": shape[1], "stays": shape[2], "level": level,
                   "level_variance": 1 / weight, "drift": drift, "spread": spread}  # fmt: skip
        parts.append(pd.DataFrame(columns))
    members = pd.concat(parts, ignore_index=True)
    weights = np.exp(members["evidence"] - members["evidence"].max())
    members = members.assign(weight=weights / weights.sum())[weights > 1e-5 * weights.max()]
    members["weight"] /= members["weight"].sum()
    return RectifiedLaw(x, y, float(confidence), members.drop(columns="evidence").reset_index(drop=True))


def _checked(sizes: ArrayLike, losses: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    found = []
    for name, given, what in (("sizes", sizes, "numbers of training examples"), ("losses", losses, "losses")):
        try:
            values = np.atleast_1d(np.asarray(given, dtype=np.float64))
        except (TypeError, ValueError):
            raise bad_argument(name, given, f"{what}, finite and > 0") from None
        if values.ndim != 1:
            raise bad_argument(name, f"array of shape {values.shape}", f"{what}, shape (n,)")
        if not (np.isfinite(values) & (values > 0)).all():
            hint = "Leave the loss before training out: it lies on no curve with the others." if name == "sizes" else ""
            raise bad_argument(name, given, f"{what}, finite and > 0", hint)
        found.append(values)
    x, y = found
    if len(x) != len(y):
        raise bad_argument("losses", f"{len(y)} losses", f"{len(x)}, one for each size")
    if len(np.unique(x)) < LEAST_SIZES:
        raise DataError(
            f"rectified_law: {len(np.unique(x))} size(s) of data, and a curve needs at least {LEAST_SIZES}. "
            "Train on a further size, such as half of the smallest."
        )
    order = np.argsort(x, kind="stable")
    return x[order], y[order]


def _log_law(x: np.ndarray, start: float, transition: np.ndarray, beta: np.ndarray, stays: np.ndarray) -> np.ndarray:
    """Logarithm of the loss at log sizes `x` over that at log size `start`, (shapes, n)."""
    plain = np.isneginf(transition)
    finite = np.where(plain, start, transition)
    bent = special.log_expit(-beta[:, None] * (x[None, :] - finite[:, None]))
    bent -= special.log_expit(-beta * (start - finite))[:, None]
    left = np.where(plain[:, None], -beta[:, None] * (x[None, :] - start), bent)
    return np.log((1 - stays)[:, None] * np.exp(left) + stays[:, None])


def _integrated(s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Covariance of an integrated Brownian motion that starts at 0, level; flat before."""
    low = np.maximum(np.minimum(s[:, None], t[None, :]), 0)
    high = np.maximum(s[:, None], t[None, :])
    return low**2 * (3 * high - low) / 6


def _inverse(x: np.ndarray, drift: float) -> np.ndarray:
    """Inverse covariance of the losses, in units of the noise's variance."""
    since = x - x.min()
    return np.linalg.inv(np.eye(len(x)) + drift * _integrated(since, since))
