"""`NoiseExplorer`: runs and rows in the hand, and what a comparison of two recipes shows with them."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
import traitlets

import predictlab as pl
from predictlab.comparing import Comparison, Comparisons, Noise
from predictlab.errors import bad_argument
from predictlab_widgets._arguments import Number, round3
from predictlab_widgets._base import STATIC, Chart, Summary, Widget, to_jsonable

_NUMBERS = ("seeds", "rows", "difference", "run_sd", "interaction")
_SHOWN = (2, 3, 5, 8, 16)


class Runs(traitlets.TraitType[int, Any]):
    """Runs of each recipe, a whole number from 1 to 64."""

    default_value = 3

    def validate(self, obj: Any, value: Any) -> int:
        if isinstance(value, numbers.Real) and not isinstance(value, bool):
            number = float(value)
            if 1 <= number <= 64 and number.is_integer():
                return int(number)
        raise bad_argument(self.name or "seeds", value, "a whole number of runs from 1 to 64")


class NoiseExplorer(Widget):
    """What so many runs of each recipe on so many evaluation rows can show of a difference.

    How often which difference is observed if two recipes are alike, and if they differ; where a difference is called;
    the smallest one that is seen, against runs of each, on these rows and on all.

    Parameters
    ----------
    source : Noise, Comparison, or whatever ``pl.noise`` takes, optional
        How noisy runs are: of a comparison the mean of both recipes, with the observed difference drawn. Of one run the
        spread over runs is that of the prior that ``pl.compare`` names, for shares; otherwise it has to be given.
    run_sd : float, optional
        ``sigma_run`` >= 0, metric, on the population of rows.
    interaction : float, optional
        ``sigma_int²`` >= 0, metric² a row; 0: the runs' spread is all there is, and rows have no slider.
    seeds : int, optional
        Runs S of each recipe, 1 to 64. Default: those of the source, or 3.
    rows : float, optional
        Evaluation rows n > 0. Default: those of the source, or 1000.
    difference : float, optional
        True difference of the recipes > 0, metric. Default: the one that the start sees in 8 of 10 cases.
    power : float
        Chance to see the smallest difference, in (0, 1).
    **options
        ``layout``, as every ipywidget takes it; any other is refused, with the known ones.

    Attributes
    ----------
    seeds, rows, difference, run_sd, interaction
        Traits that can be read, set and observed; the page follows, and the sliders set them.
    sd : float
        Spread of one run on these rows, metric. Read-only, like all that follow.
    rows_share : float
        Share of its variance that is the evaluation set.
    smallest : float
        The difference that is seen with the chance `power`, metric; inf with one run each.
    chance : float
        To see `difference`.
    seeds_needed, rows_needed : float
        Runs of each that show `difference` on these rows, and rows that show it with these runs; inf where none do.

    Raises
    ------
    predictlab.errors.ArgumentError
        A bad value, an unknown keyword, or nothing that says how runs differ.

    Examples
    --------
    >>> from predictlab_widgets import NoiseExplorer
    >>> explorer = NoiseExplorer(run_sd=0.002, interaction=0.03, seeds=5, rows=2000)
    >>> round(explorer.smallest, 4)
    0.0088
    >>> explorer.rows = 20_000
    >>> round(explorer.smallest, 4)
    0.0047
    """

    _esm = STATIC / "noise_explorer.js"
    _css = STATIC / "noise_explorer.css"

    seeds = Runs().tag(sync=True)
    rows = Number(1000.0, "a finite number of rows > 0", low=0).tag(sync=True)
    difference = Number(0.01, "a finite number > 0 (metric)", low=0).tag(sync=True)
    run_sd = Number(0.005, "a finite number >= 0 (metric)", low=0, closed=True).tag(sync=True)
    interaction = Number(0.0, "a finite number >= 0 (metric² a row)", low=0, closed=True).tag(sync=True)

    sd = traitlets.Float(read_only=True)
    rows_share = traitlets.Float(read_only=True)
    smallest = traitlets.Float(read_only=True)
    chance = traitlets.Float(read_only=True)
    seeds_needed = traitlets.Float(read_only=True)
    rows_needed = traitlets.Float(read_only=True)

    power = traitlets.Float(0.8, read_only=True).tag(sync=True)
    _start = traitlets.Dict().tag(sync=True)  # where the sliders stood at first
    _ranges = traitlets.Dict().tag(sync=True)
    _known = traitlets.Dict().tag(sync=True)  # what the source says beside the numbers
    _title = traitlets.Unicode().tag(sync=True)
    _metric = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        source: object = None,
        *,
        run_sd: float | None = None,
        interaction: float | None = None,
        seeds: int | None = None,
        rows: float | None = None,
        difference: float | None = None,
        power: float = 0.8,
        **options: object,
    ) -> None:
        if not (isinstance(power, numbers.Real) and 0 < power < 1):
            raise bad_argument("power", power, "a chance in (0, 1), such as 0.8")
        known: dict[str, Any] = {"said": ""}
        found: dict[str, float] = {}
        if isinstance(source, Comparisons):
            first = next(iter(source.of))
            raise bad_argument(
                "source", f"{len(source.of)} comparisons", "one comparison", f"Pass one: found.of[{first!r}]."
            )
        if source is not None:
            told = source if isinstance(source, Noise | Comparison) else pl.noise(source)
            found, known = _of_noise(told) if isinstance(told, Noise) else _of_comparison(told)
            self._title, self._metric = known.pop("title"), known.pop("metric")
        values = (seeds, rows, difference, run_sd, interaction)
        given = {name: value for name, value in zip(_NUMBERS, values, strict=True) if value is not None}
        if "run_sd" not in {**found, **given}:
            raise bad_argument("run_sd", None, "a standard deviation over runs, or a source that says how runs differ",
                               known["said"])  # fmt: skip
        for name, value in (found | given).items():
            setattr(self, name, value)
        if not self.run_sd > 0 and not self.interaction > 0:
            raise bad_argument("run_sd", self.run_sd, "runs or rows that differ at all: both spreads are 0")
        self.set_trait("power", float(power))
        if "difference" not in given and "difference" not in found:
            seen = pl.compare_design(**self._spread(), seeds=max(self.seeds, 2), rows=self.rows, power=power)
            self.difference = round3(seen.difference)
        self._start = {name: getattr(self, name) for name in _NUMBERS}
        self._known = to_jsonable(known)
        self._ranges = {name: self._range(name) for name in _NUMBERS}
        self._refresh()
        self.observe(lambda change: self._refresh(), names=list(_NUMBERS))
        super().__init__(**options)

    # -- what is computed ----------------------------------------------------------------------------------------

    def _spread(self) -> dict[str, Any]:
        # compare_design takes a spread over runs > 0: 0 is far below what any rows say
        return {"run_sd": max(self.run_sd, 1e-9 * math.sqrt(self.interaction)), "interaction": self.interaction}

    def design(self) -> pl.Design:
        """Make the design that the sliders stand for.

        Returns
        -------
        Design
        """
        return pl.compare_design(**self._spread(), seeds=self.seeds, rows=self.rows, power=self.power)

    def _refresh(self) -> None:
        of_rows = self.interaction / self.rows
        variance = self.run_sd**2 + of_rows
        design, at = self.design(), {**self._spread(), "rows": self.rows}
        seen = pl.compare_design(**at, seeds=self.seeds, difference=self.difference).power
        needed = pl.compare_design(**at, difference=self.difference, power=self.power).seeds
        unit = design.difference / math.sqrt(variance)
        room = (self.difference / unit) ** 2 - self.run_sd**2 if self.seeds > 1 else 0.0
        self._set_traits(
            sd=math.sqrt(variance), rows_share=of_rows / variance, smallest=design.difference, chance=seen,
            seeds_needed=float(needed), rows_needed=float(np.ceil(self.interaction / room)) if room > 0 else math.inf,
        )  # fmt: skip

    def _range(self, name: str) -> dict[str, float | bool] | None:
        """Slider of a number; none for rows where nothing says what they do."""
        value = getattr(self, name)
        if name == "seeds":
            return {"low": 1, "high": 64, "zero": False, "step": 1}
        if name in ("rows", "interaction") and not self.interaction > 0:
            return None
        if name == "rows":
            return {"low": min(50.0, value), "high": max(100_000.0, value), "zero": False, "step": 0}
        if value == 0:
            value = math.sqrt(self.interaction / self.rows)
        return {"low": value / 30, "high": value * 30, "zero": name == "run_sd", "step": 0}

    def chart(self) -> Chart:
        """Static altair chart of the current state: the power curve of the design.

        Returns
        -------
        altair chart
        """
        return self.design().plot()

    # -- how it is shown -----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={getattr(self, name):.4g}" for name in _NUMBERS)
        return f"NoiseExplorer({self._title + ': ' if self._title else ''}{numbers})"

    def _summary(self) -> Summary:
        rows = []
        for seeds in sorted({*_SHOWN, self.seeds}):
            sizes = (self.rows, math.inf) if self.interaction > 0 else (self.rows,)
            seen = [
                pl.compare_design(**self._spread(), seeds=seeds, rows=n, power=self.power).difference for n in sizes
            ]
            rows.append([str(seeds), *(f"{v:.3g}" if math.isfinite(v) else "never" for v in seen)])
        on = f" on {self.rows:,.0f} rows" if self.interaction > 0 else " on these rows"
        of = f"of {self._title}, " if self._title else ""
        smallest = f"{self.smallest:.3g}" if math.isfinite(self.smallest) else "never seen"
        state = (
            f"{of}{self.seeds} runs of each{on}: smallest difference that is seen {smallest}; one of "
            f"{self.difference:.3g} is seen in {100 * self.chance:.0f} of 100 cases. {self._known['said']}"
        )
        columns = ["runs of each", f"smallest difference{on}"] + ["on all rows"] * (self.interaction > 0)
        return Summary("Noise explorer", state, columns, rows)


def _of_noise(noise: Noise) -> tuple[dict[str, float], dict[str, Any]]:
    """Numbers to start from, and what else is known, of the noise of one recipe."""
    evidence = noise.evidence
    known: dict[str, Any] = {"title": evidence.task, "metric": evidence.metric}
    found: dict[str, float] = {}
    each = noise.interaction()
    if noise.rows is not None and math.isfinite(each) and each > 0:
        found |= {"rows": float(noise.rows), "interaction": each}
    if noise.runs > 1:
        rounding = noise.run_variance <= 1e-24 * evidence.mean**2
        found |= {"run_sd": 0.0 if rounding else math.sqrt(noise.run_variance), "seeds": min(noise.runs, 64)}
        ends = noise.conf_int()
        at = ends.iloc[1] if noise.parts is not None else ends.iloc[0]
        known["said"] = f"of {noise.runs} runs; the band is what they leave open of σ_run"
        if not noise.from_prior:
            known["run_sd"] = [float(at["lower"]), float(at["upper"])]
        else:
            known["said"] = f"of {noise.runs} runs; what of their spread is rows is a prior"
        return found, known
    prior = pl.comparing.run_sd_prior(evidence.mean) if evidence.is_share else None
    known["said"] = "One run says nothing of how runs differ."
    if prior is not None:
        sd, low, high = prior
        known |= {"run_sd": [low, high], "said": "σ_run is a prior: one run says nothing of how runs differ"}
        found |= {"run_sd": sd, "seeds": 1}
    return found, known


def _of_comparison(found: Comparison) -> tuple[dict[str, float], dict[str, Any]]:
    """The same of two recipes: the mean of their variances, and the difference that was observed."""
    sides = [Noise(side, found.confidence) for side in (found.a, found.b)]
    told = [_of_noise(side) for side in sides]
    several = [k for k, side in enumerate(sides) if side.runs > 1] or [0, 1]
    numbers: dict[str, float] = {"seeds": min(side.runs for side in sides)}
    for name, mean in (("run_sd", lambda v: math.sqrt(np.mean(np.square(v)))), ("interaction", np.mean)):
        values = [told[k][0][name] for k in several if name in told[k][0]]
        if values:
            numbers[name] = float(mean(values))
    if "interaction" in numbers:
        numbers["rows"] = float(min(side.rows or math.inf for side in sides))
    if abs(found.difference) > 0:
        numbers["difference"] = abs(found.difference)
    said = told[several[0]][1]["said"] if len(several) == 1 or sides[0].runs == 1 else "mean of both recipes"
    known = {"title": f"{found.a.name} against {found.b.name}", "metric": found.a.metric, "said": said,
             "observed": found.difference}  # fmt: skip
    if max(side.runs for side in sides) == 1 and "run_sd" in told[0][1]:
        known["run_sd"] = told[0][1]["run_sd"]
    return numbers, known
