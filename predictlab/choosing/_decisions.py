"""`Decisions`: what to do with each run, what it saves, and how often it will be wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from predictlab._summary import Summary
from predictlab._validation import option

SHOWN = 20  # rows of a summary


@dataclass(frozen=True, eq=False, repr=False)
class Decisions:
    """What `decide` says of each run.

    Parameters
    ----------
    table : pandas.DataFrame
        What `frame` returns.
    metric : str
        Whose end decides.
    threshold : float
        Where a run has to end to be worth it.
    better : {"higher", "lower"}
        Which side of it is good.
    at_depth : float
        Depth of the forecast, steps.
    cost_full, cost_miss : float
        Of training a run to its end, and of stopping a good one.

    Examples
    --------
    >>> import predictlab as pl
    >>> source = pl.worlds.MartingaleWorld(0.0001, 0.01, 1.0, mean=0.8).source(seed=0)
    >>> forecast = pl.forecast(source([4, 8, 16, 32, 64], range(12)), at_depth=16)
    >>> decisions = pl.decide(forecast, 0.8, cost_full=48, better="higher")
    >>> print(decisions.sentence("run-0006"))
    run-0006: go. It ends at 0.8 or above with probability 0.9...; a miss is 0.00 likely, training in vain 0.0...
    """

    table: pd.DataFrame = field(repr=False)
    metric: str
    threshold: float
    better: str
    at_depth: float
    cost_full: float
    cost_miss: float

    def frame(self) -> pd.DataFrame:
        """Return the decisions as a table.

        Returns
        -------
        pandas.DataFrame
            One row a run: ``run``, ``prediction``, ``sd``, ``p_good`` (probability of ending on the good side),
            ``decision`` ("go", "stop", "probe", or "undetermined"), ``depth`` (of the probe, steps), ``p_waste``
            (probability of training it to the end in vain) and ``p_miss`` (of stopping it though it would end well),
            both after the probe where there is one, ``saving`` (cost expected to be saved against training it to its
            end), ``loss`` (expected, of the decision), ``loss_go``, ``loss_stop``, ``loss_probe``, ``final`` and
            ``good`` (None where the end is not known), ``note`` and ``task``.
        """
        return self.table.copy()

    def sentence(self, run: str | None = None) -> str:
        """Say what to do.

        Parameters
        ----------
        run : str, optional
            One run; None: of all together.

        Returns
        -------
        str
        """
        if run is None:
            return self._of_all()
        at = self.table[self.table["run"] == option("run", run, self.table["run"])].iloc[0]
        if pd.isna(at["p_good"]):
            what = f"probe to {at['depth']:g} steps" if at["decision"] == "probe" else "undetermined"
            return f"{run}: {what}, since no probability can be stated: {at['note']}."
        side = "above" if self.better == "higher" else "below"
        likely = f"It ends at {self.threshold:g} or {side} with probability {at['p_good']:.2f}"
        errors = f"a miss is {at['p_miss']:.2f} likely, training in vain {at['p_waste']:.2f}"
        if at["decision"] != "probe":
            return f"{run}: {at['decision']}. {likely}; {errors}."
        saved = f"{at['saving']:.3g} of {self.cost_full:.3g} is expected to be saved"
        return f"{run}: probe to {at['depth']:g} steps. {likely}; after the probe {errors}, and {saved}."

    def _of_all(self) -> str:
        counts = self.table["decision"].value_counts()
        said = ", ".join(f"{counts[d]} {d}" for d in ("go", "stop", "probe", "undetermined") if d in counts)
        decided = self.table[self.table["p_good"].notna()]
        if not len(decided):
            return f"Of {len(self.table)} runs: {said}."
        share = decided["saving"].sum() / (len(decided) * self.cost_full)
        return (
            f"Of {len(self.table)} runs: {said}. Expected of the {len(decided)} with a probability: {share:.0%} of the "
            f"cost saved, {decided['p_waste'].sum():.1f} trained in vain, {decided['p_miss'].sum():.1f} good missed."
        )

    def errors(self) -> pd.DataFrame:
        """Compare what was said with what came, of runs that ended and were decided without a further probe.

        Returns
        -------
        pandas.DataFrame
            Rows ``go`` and ``stop``: ``runs``, ``wrong`` (how many ended on the other side) and ``expected`` (how many
            were expected to).
        """
        known = self.table[self.table["good"].notna()]
        rows = {}
        for decision, error, wrong_if in (("go", "p_waste", False), ("stop", "p_miss", True)):
            some = known[known["decision"] == decision]
            wrong = int((some["good"].astype(bool) == wrong_if).sum())
            rows[decision] = {"runs": len(some), "wrong": wrong, "expected": float(some[error].sum())}
        return pd.DataFrame.from_dict(rows, orient="index")

    def summary(self) -> Summary:
        """Say what to do, what it is expected to save and to get wrong, and show the first runs.

        Returns
        -------
        Summary
            Prints as text, and as tables in a notebook.
        """
        side = "above" if self.better == "higher" else "below"
        title = (
            f"Go, stop or probe at {self.at_depth:g} steps: {self.metric} should end at {self.threshold:g} or {side}"
        )
        lines: list[str | pd.DataFrame] = [self.sentence()]
        if self.table["good"].notna().any():
            lines.append("Runs whose end is known, as if it were not:")
            lines.append(self.errors())
        shown = ["run", "prediction", "sd", "p_good", "decision", "depth", "p_waste", "p_miss", "saving", "note"]
        if len(self.table) > SHOWN:
            lines.append(f"The first {SHOWN} of {len(self.table)} runs; frame() has them all.")
        return Summary(title, *lines, self.table[shown].head(SHOWN))

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()
