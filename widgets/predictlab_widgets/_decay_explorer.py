"""`DecayExplorer`: one decay fit under the hands, with everything that is there to criticise it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any, TypeAlias

import pandas as pd
import traitlets

from predictlab.decay import INTERVALS, METHODS, PARAMETERS, DecayResults, PosteriorResults
from predictlab.errors import bad_argument
from predictlab.risk import ESTIMATORS, QUESTIONS, RiskCurve
from predictlab.runs import RunStore
from predictlab_widgets._arguments import Scale, Setting
from predictlab_widgets._background import LatestJobRunner
from predictlab_widgets._base import STATIC, Chart, Summary, Widget, rounded, to_jsonable, with_interval
from predictlab_widgets._decay_study import NAMES, Settings, Study

Source: TypeAlias = (
    "pd.DataFrame | RunStore | str | PathLike[str] | DecayResults | RiskCurve | Mapping[str, DecayResults | RiskCurve]"
)
_SYMBOLS = {"intrinsic_limit": "L_int", "scale": "K", "decay_rate": "α"}


class DecayExplorer(Widget):
    """The decay fit of a task under every setting: estimator, method, intervals, burn-in.

    Shows the estimates with their own intervals, the fitted law with its band, the profile of alpha, residuals, rival
    laws, and what changed since the last setting. Every number comes from the library.

    Parameters
    ----------
    source : runs or fits
        A tidy frame of runs, a RunStore or the path of one; or a DecayResults, a RiskCurve, or a mapping of task names
        to either. Fits start as they were made.
    task : str, optional
        Task shown first; default the first.
    estimator : {"spread", "branch", "residual"}, optional
        What the risk is; fits and curves have only their own.
    method : {"posterior", "gamma", "gee", "loglog"}, optional
        As for ``DecayModel.fit``.
    interval : {"posterior", "profile", "wald", "bootstrap", "gee"}, optional
        As for ``DecayResults.conf_int``; default that of the method.
    burn_in : "auto" or float, optional
        First depth of the fit, steps. The posterior has the rise before the law in it, and starts at the first depth.
    scale : {"log", "linear"}
        Both axes.
    metric : str, optional
        Of runs: which metric; default as for ``pl.risk_curve``.
    resamples, seed : int
        Of the bootstrap.
    **options
        ``layout``, as every ipywidget takes it; any other is refused, with the known ones.

    Attributes
    ----------
    task, estimator, method, interval, burn_in, scale
        Traits that can be read, set and observed. A setting that another one does not go with falls back: a depth that
        the new task does not have to ``"auto"``, an interval that the new method does not have to the method's own.
    params : dict of str to float
        Trait, read-only: ``intrinsic_limit``, ``scale``, ``decay_rate`` (NaN where nothing decays).
    param_intervals : dict of str to (float, float)
        Trait, read-only: their 95 % intervals.
    before : dict
        Trait, read-only: ``settings``, ``params`` and ``param_intervals`` before the last change; empty at first.
    fit : DecayResults
        The fit shown; ``fit.summary()``, ``fit.draws()`` and so on.

    Raises
    ------
    predictlab.errors.ArgumentError, predictlab.errors.DataError
        A value that is not offered, an unknown keyword, or runs that no curve can be made of.

    Examples
    --------
    >>> import predictlab as pl
    >>> from predictlab_widgets import DecayExplorer
    >>> curve = pl.worlds.MartingaleWorld(1e-5, 0.02, 0.8).spread(16, (8, 16, 32, 64, 128), seed=0)
    >>> explorer = DecayExplorer({"verbs": curve})
    >>> round(explorer.params["decay_rate"], 2)
    0.64
    >>> explorer.method = "loglog"
    >>> explorer.interval
    'wald'
    """

    _esm = STATIC / "decay_explorer.js"
    _css = STATIC / "decay_explorer.css"

    task = Setting().tag(sync=True)
    estimator = Setting().tag(sync=True)
    method = Setting().tag(sync=True)
    interval = Setting().tag(sync=True)
    burn_in = Setting().tag(sync=True)
    scale = Scale().tag(sync=True)
    params = traitlets.Dict(read_only=True)
    param_intervals = traitlets.Dict(read_only=True)
    before = traitlets.Dict(read_only=True)

    # Three messages, each when it is known; "request" names the one of the page that they answer, or the kernel's own.
    _fitted = traitlets.Dict().tag(sync=True)
    _intervals = traitlets.Dict().tag(sync=True)
    _criticism = traitlets.Dict().tag(sync=True)
    _refused = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        source: Source,
        *,
        task: str | None = None,
        estimator: str | None = None,
        method: str | None = None,
        interval: str | None = None,
        burn_in: str | float | None = None,
        scale: str = "log",
        metric: str | None = None,
        resamples: int = 1000,
        seed: int = 0,
        **options: object,
    ) -> None:
        if isinstance(resamples, bool) or not isinstance(resamples, int) or resamples < 1:
            raise bad_argument("resamples", resamples, "a whole number >= 1")
        asked = {"task": task, "estimator": estimator, "method": method, "interval": interval, "burn_in": burn_in}
        self._study = Study(source, metric, resamples, seed)
        self._jobs = LatestJobRunner()
        self._settings = self._study.start({name: value for name, value in asked.items() if value is not None})
        self.scale = scale
        for name, value in self._settings._asdict().items():
            setattr(self, name, value)
        self._show()
        self.observe(self._moved, names=list(NAMES))
        super().__init__(**options)
        self.on_msg(self._on_request)

    @property
    def task_names(self) -> list[str]:
        """Names of the tasks."""
        return self._study.tasks

    @property
    def curve(self) -> RiskCurve:
        """The risk curve shown, burn-in included."""
        return self._study.curve(self._settings.task, self._settings.estimator)

    @property
    def fit(self) -> DecayResults:
        """The fit shown."""
        return self._study.fit(self._settings)

    def options(self) -> dict[str, list[str | float]]:
        """List the values that each setting can take now, the others being what they are.

        Returns
        -------
        dict of str to list
        """
        return self._study.options(self._settings)

    def table(self) -> pd.DataFrame:
        """Tabulate parameters with standard errors and intervals, and as they were before the last change.

        Returns
        -------
        DataFrame
        """
        table = pd.DataFrame({"estimate": self.fit.params, "std err": self.fit.bse})
        table = table.join(self._study.conf_int(self._settings))
        if self.before:
            table["before"] = pd.Series(self.before["params"])
            ends = pd.DataFrame(self.before["param_intervals"], index=["lower before", "upper before"]).T
            table = table.join(ends)
        return table

    # -- settings ------------------------------------------------------------------------------------------------

    def _checked(self, name: str, value: Any) -> Any:
        """The value as it is kept; all that can go wrong with it goes wrong here, before anything has changed."""
        if value == getattr(self._settings, name):
            return getattr(self._settings, name)
        settings = self._study.changed(self._settings, {name: value})
        self._study.conf_int(settings)
        return getattr(settings, name)

    def _moved(self, change: Any) -> None:
        """A trait was set in Python: parameters and intervals follow at once."""
        wanted = {name: getattr(self, name) for name in NAMES}
        if Settings(**wanted) != self._settings:
            steps = self._steps(self._study.changed(self._settings, wanted), self._own_request())
            for _ in range(3):
                next(steps)
            self._jobs.start(steps)

    def _show(self) -> None:
        """Everything about the settings, at once."""
        for _ in self._steps(self._settings, self._own_request()):
            pass

    def _steps(self, settings: Settings, request: str) -> Iterator[None]:
        """Tell all about `settings`; the traits change, all together, once the intervals are known."""
        self._send_fit(settings, request)
        yield
        self._study.conf_int(settings)
        yield
        self._commit(settings, request)
        yield
        self._send_criticism(settings, request)

    def _on_request(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        """The page asks for a setting."""
        self._jobs.start(self._answer(str(content["request"]), content["settings"]))

    def _answer(self, request: str, wanted: dict[str, Any]) -> Iterator[None]:
        try:
            yield from self._steps(self._study.changed(self._settings, wanted), request)
        except Exception as error:  # nothing else would tell the reader: there is no cell that could fail
            self._show()
            self._refused = {"request": request, "text": str(error) or type(error).__name__}

    def _commit(self, settings: Settings, request: str) -> None:
        """Make `settings` the state, with its parameters and intervals."""
        params = {name: float(value) for name, value in self._study.fit(settings).params.items()}
        table = self._study.conf_int(settings)
        ends = {str(name): (float(lower), float(upper)) for name, lower, upper in table.itertuples()}
        values = {"params": params, "param_intervals": ends}
        if self.params and settings != self._settings:
            values["before"] = self._snapshot()
        self._settings = settings
        self._set_traits(**settings._asdict(), **values)
        self._send_intervals(settings, request)

    def _snapshot(self) -> dict[str, Any]:
        return {"settings": self._settings._asdict(), "params": self.params, "param_intervals": self.param_intervals}

    # -- what the page is told -----------------------------------------------------------------------------------

    def _send_fit(self, settings: Settings, request: str) -> None:
        """The fit itself, which is known first."""
        fit = self._study.fit(settings)
        points = fit.curve.frame()[["depth", "risk", "lower", "upper", "df"]]
        depths, risk = self._study.drawn(settings)
        before = dict(self._snapshot() if self.params and settings != self._settings else self.before)
        if before:
            old = Settings(**before["settings"])
            before["depths"], before["curve"] = self._study.drawn(old)
            before["same_points"] = (old.task, old.estimator) == (settings.task, settings.estimator)
        runs = "" if fit.curve.n_runs is None else f" of {fit.curve.n_runs} runs"
        message = {
            "request": request,
            "settings": settings._asdict(),
            "options": self._study.options(settings),
            "metric": fit.curve.metric,
            "about": f"{settings.estimator}{runs}: {ESTIMATORS[settings.estimator]}. "
            f"Speaks to {QUESTIONS[fit.question]}.",
            "points": points.to_numpy(float).T,
            "first": fit.known_from,  # first depth of the model
            "law_first": float(fit.fitted.depth[0]),  # of the law alone: behind the peak
            "rising": fit.rising if isinstance(fit, PosteriorResults) else 0.0,
            "chosen": fit.burn_in.chosen,
            "p_value": fit.burn_in.p_value,
            "depths": depths,
            "curve": risk,
            "params": fit.params,
            "residuals": fit.residuals["residual"],
            "before": before,
        }
        self._fitted = to_jsonable(message)

    def _send_intervals(self, settings: Settings, request: str) -> None:
        fit = self._study.fit(settings)
        lower, upper = self._study.band(settings)
        message = {
            "request": request,
            "ends": self._study.conf_int(settings).to_numpy(),
            "bse": fit.bse,
            "lower": lower,
            "upper": upper,
            "words": "least squares" if settings.method == "loglog" else INTERVALS[settings.interval],
        }
        self._intervals = to_jsonable(message)

    def _send_criticism(self, settings: Settings, request: str) -> None:
        fit = self._study.fit(settings)
        laws, profile = fit.compare_laws(), fit.profile().rename(columns={"decay_rate": "rate"})
        message = {
            "request": request,
            "profile": profile.to_dict("list") | {"cut": float(profile["cut"].iloc[0])},
            "laws": laws[["law", "formula", "delta", "weight", "estimate"]].to_dict("records"),
            "cautions": fit.cautions(),
        }
        self._criticism = to_jsonable(message)

    # -- how it is shown -----------------------------------------------------------------------------------------

    def chart(self) -> Chart:
        """Static altair chart of the current state: the fit, the profile of alpha, the residuals.

        Returns
        -------
        altair chart
        """
        from predictlab import charts

        rate = with_interval(self.params["decay_rate"], self.param_intervals["decay_rate"])
        return charts.decay_diagnostics_chart(
            self.fit,
            scale=self.scale,
            title=f"{self.task}: {self.estimator}",
            subtitle=f"α = {rate}, {self.method}, {self.interval}",
        )

    def __repr__(self) -> str:
        s = self._settings
        return (
            f"DecayExplorer({s.task}: estimator={s.estimator!r}, method={s.method!r}, interval={s.interval!r}, "
            f"burn_in={s.burn_in!r})"
        )

    def _summary(self) -> Summary:
        fit, s = self.fit, self._settings
        depth = fit.fitted.depth
        bse = fit.bse
        rows = [
            [f"{_SYMBOLS[name]} ({name.replace('_', ' ')})",
             *map(rounded, (self.params[name], bse[name], *self.param_intervals[name]))]
            for name in PARAMETERS
        ]  # fmt: skip
        state = (
            f"of {s.task} ({fit.curve.metric or 'metric'}): {s.estimator}, {METHODS[s.method].description}, intervals: "
            f"{INTERVALS[s.interval]}; law from {depth[0]:g} to {depth[-1]:g} steps "
            f"(burn-in {fit.burn_in.chosen}), lack of fit p = {rounded(fit.burn_in.p_value, 3)}. "
            f"{' '.join(fit.cautions())}"
        )
        columns = ("parameter", "estimate", "std err", "95 % lower", "95 % upper")
        return Summary("Decay law L(c) = L_int + K c^-α", state, columns, rows)
