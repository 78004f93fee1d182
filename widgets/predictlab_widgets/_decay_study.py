"""What `DecayExplorer` can be set to on given runs or fits, and the library's answer to each setting."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from predictlab.decay import METHODS, MIN_DEPTHS, DecayModel, DecayResults
from predictlab.errors import DataError, bad_argument
from predictlab.risk import RiskCurve, as_runs_frame, is_fork, risk_curve
from predictlab_widgets._arguments import first_ten

Array: TypeAlias = "NDArray[np.float64]"
_NEEDS_RUNS = "gee"
_OF_ITSELF, _LAW_DEPTHS = "posterior", 4  # all others, as method and as interval, need the law alone at so many depths
_CURVE = 80  # depths that a fit is drawn at
_KEPT = 64  # answers that are at hand when a setting comes back


class Settings(NamedTuple):
    """One position of all controls; `burn_in` is ``"auto"`` or a depth (steps)."""

    task: str
    estimator: str
    method: str
    interval: str
    burn_in: str | float


NAMES = Settings._fields


class Study:
    """Curves, fits and intervals for every setting, made when they are asked for.

    Parameters
    ----------
    source : tidy frame, RunStore, path, DecayResults, RiskCurve, or a mapping of names to either of the last two
    metric : str or None
        Of runs: which metric.
    resamples, seed : int
        Of the bootstrap.
    """

    def __init__(self, source: Any, metric: str | None, resamples: int, seed: int) -> None:
        self.metric, self.resamples, self.seed = metric, resamples, seed
        self._frame: pd.DataFrame | None = None
        self._fits: dict[str, DecayResults] = {}
        self._curves: dict[tuple[str, str], RiskCurve] = {}
        self._fit_of = lru_cache(_KEPT)(self._make_fit)
        self.conf_int = lru_cache(_KEPT)(self._make_conf_int)
        self._drawn = lru_cache(_KEPT)(self._predict)
        if isinstance(source, DecayResults | RiskCurve):
            source = {source.task or "task": source}
        if isinstance(source, Mapping):
            self._estimators = {name: [self._take(name, item)] for name, item in source.items()}
        else:
            frame = self._frame = as_runs_frame(source, None)
            forked = set(frame.loc[is_fork(frame), "task"])
            self._estimators = {
                str(t): ["spread", *(["branch"] if t in forked else []), "residual"] for t in pd.unique(frame["task"])
            }
        if not self._estimators:
            raise bad_argument("source", source, "runs or fits of at least one task")
        self.tasks = list(self._estimators)

    def _take(self, name: str, item: Any) -> str:
        curve = item
        if isinstance(item, DecayResults):
            self._fits[name] = item
            curve = item.curve
        if not isinstance(curve, RiskCurve):
            raise bad_argument(
                f"source[{name!r}]", item, "a DecayResults or a RiskCurve", "Or pass the runs themselves."
            )
        self._curves[name, curve.estimator] = curve
        return curve.estimator

    # -- what is offered -----------------------------------------------------------------------------------------

    def curve(self, task: str, estimator: str) -> RiskCurve:
        """Risk curve of a task, of enough depths for a fit."""
        key = (task, estimator)
        if key not in self._curves:
            self._curves[key] = risk_curve(self._frame, task, estimator=estimator, metric=self.metric)
        curve = self._curves[key]
        found = len(curve.depth)
        if found < MIN_DEPTHS:
            raise DataError(
                f"{estimator} of {task!r}: {found} depths, and the law has three parameters and needs {MIN_DEPTHS}. "
                "Choose another estimator, or probe more depths."
            )
        return curve

    def offered(self, name: str, chosen: Mapping[str, Any]) -> list[Any]:
        """Values of the setting `name`, given those before it in `NAMES`; the first is what it falls back to."""
        if name == "task":
            return self.tasks
        if name == "estimator":
            return self._estimators[chosen["task"]]
        curve = self.curve(chosen["task"], chosen["estimator"])
        if name == "burn_in":
            least = MIN_DEPTHS if chosen["interval"] == _OF_ITSELF else _LAW_DEPTHS
            return ["auto", *(float(c) for c in curve.depth[: 1 - least])]
        of = list(METHODS if name == "method" else METHODS[chosen["method"]].interval_methods)
        if len(curve.depth) < _LAW_DEPTHS:
            of = [_OF_ITSELF]
        return [v for v in of if v != _NEEDS_RUNS or curve.errors is not None]

    def options(self, settings: Settings) -> dict[str, list[Any]]:
        """All values of all settings around `settings`."""
        return {name: self.offered(name, settings._asdict()) for name in NAMES}

    def settled(self, wanted: Mapping[str, Any], insist: set[str]) -> Settings:
        """The settings nearest to `wanted`: what is not offered is refused if in `insist`, else falls back."""
        chosen: dict[str, Any] = {}
        for name in NAMES:
            values = self.offered(name, chosen)
            value = wanted.get(name)
            if name == "burn_in" and isinstance(value, int | float | np.number) and not isinstance(value, bool):
                value = float(value)
            if value is not None and any(type(value) is type(v) and value == v for v in values):
                chosen[name] = value
            elif name in insist:
                where = "" if name == "task" else f"So much does task {chosen['task']!r} offer{_words(chosen)}."
                raise bad_argument(name, wanted.get(name), f"one of {first_ten(list(map(repr, values)))}", where)
            else:
                chosen[name] = values[0]
        return Settings(**chosen)

    def changed(self, now: Settings, changes: Mapping[str, Any]) -> Settings:
        """`now` with `changes`; an interval that was the method's own gives way to that of the new method."""
        new = {name: value for name, value in changes.items() if value != getattr(now, name)}
        wanted = now._asdict() | new
        if "method" in new and "interval" not in new and now.interval == METHODS[now.method].interval_methods[0]:
            wanted["interval"] = None
        return self.settled(wanted, set(new))

    def start(self, given: Mapping[str, Any]) -> Settings:
        """First settings: what is given, else as the fits were made, else the library's defaults."""
        task = given.get("task") or self.tasks[0]
        fit = self._fits.get(task)
        made: dict[str, Any] = {} if fit is None else {"method": fit.method, "burn_in": fit.model.burn_in}
        return self.settled(made | dict(given), set(given))

    # -- the library's answers -----------------------------------------------------------------------------------

    def fit(self, settings: Settings) -> DecayResults:
        """The fit of a setting; the very one that was given, where the setting is how that was made."""
        return self._fit_of(settings._replace(interval=""))

    def _make_fit(self, s: Settings) -> DecayResults:
        given = self._fits.get(s.task)
        if given is None:
            return DecayModel(self.curve(s.task, s.estimator), burn_in=s.burn_in).fit(s.method)
        if (s.method, s.burn_in) == (given.method, given.model.burn_in):
            return given
        floor = given.floor if s.method == given.method else None
        return given.model.replace(burn_in=s.burn_in).fit(s.method, floor=floor)

    def drawn(self, settings: Settings) -> tuple[Array, Array]:
        """Depths (m,) that the fit of a setting is drawn at, its rise among them, and the risk there (m,)."""
        return self._drawn(settings._replace(interval=""))

    def _predict(self, settings: Settings) -> tuple[Array, Array]:
        fit = self.fit(settings)
        depths = np.geomspace(fit.known_from, fit.curve.depth[-1], _CURVE)
        return depths, fit.predict(depths)

    def band(self, settings: Settings) -> Array:
        """95 % band (2, m) at the same depths."""
        risk = self.fit(settings).risk_draws(self.drawn(settings)[0])
        return np.asarray(np.quantile(risk, [0.025, 0.975], axis=0))

    def _make_conf_int(self, settings: Settings) -> pd.DataFrame:
        """95 % intervals of a setting."""
        return self.fit(settings).conf_int(method=settings.interval, draws=self.resamples, rng=self.seed)


def _words(chosen: Mapping[str, Any]) -> str:
    others = ", ".join(f"{name} {value!r}" for name, value in chosen.items() if name != "task")
    return f" with {others}" if others else ""
