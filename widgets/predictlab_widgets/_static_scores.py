"""`StaticScores`: what scores say before any training, what permuted labels reach, and how fine-tunes ended."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import traitlets

import predictlab as pl
from predictlab.errors import bad_argument
from predictlab_widgets._arguments import Setting, first_ten
from predictlab_widgets._base import MAX_ROWS, STATIC, Chart, Summary, Widget, rounded, to_jsonable, with_interval
from predictlab_widgets._score_tables import MODELS, Scores, about, agreement_of, better_of, scores_from, with_reached

ORDERS = ("score", "reached", "name", "given")
ENOUGH = 0.05  # the chance below which an order is told from one that was dealt at random


class StaticScores(Widget):
    """Static scores of models or tasks, each with its interval, its null and its controls; a map of several data sets.

    A score that is not above what permuted labels reach is shown as saying nothing. With what fine-tunes reached it
    shows whether a score orders models as they ended.

    Parameters
    ----------
    scores : StaticScores, Ranking, sequence or mapping of them
        What ``pl.score`` or ``pl.rank`` returned. Of a list of scores the rows are tasks, by their names, of one with
        several layers these; ``{model: scores}`` are models on one data set, ``{data set: {model: scores}}`` on
        several. Rankings are one a data set and score.
    reached : mapping or Series, optional
        Accuracies that fine-tunes reached, ``{row: accuracy}`` or ``{data set: {row: accuracy}}``; a sequence is one a
        seed.
    method : str, optional
        Score shown first; default the first.
    data : str, optional
        Data set shown first; default the first.
    order : {"score", "reached", "name", "given"}
        Of the rows.
    **options
        ``layout``, as every ipywidget takes it; any other is refused, with the known ones.

    Attributes
    ----------
    method, data, order
        Traits that can be read, set and observed.
    selected : str or None
        Trait that can be set: the row that is told in words.
    scores : DataFrame
        All there is, a row a data set, score and row.

    Raises
    ------
    predictlab.errors.ArgumentError
        Anything else than scores and rankings, a name that is not there, an unknown keyword.

    Examples
    --------
    >>> import pandas as pd
    >>> import predictlab as pl
    >>> from predictlab_widgets import StaticScores
    >>> columns = ["model", "value", "lower", "upper", "null", "says", "apart"]
    >>> rows = [("a", 0.3, 0.2, 0.4, 0.1, "something", False), ("b", 0.1, 0.0, 0.2, 0.1, "nothing", True)]
    >>> ranking = pl.static.Ranking("data", "hscore", pd.DataFrame(rows, columns=columns), 0.95)
    >>> explorer = StaticScores(ranking, {"a": 0.8, "b": [0.71, 0.69]}, order="name")
    >>> explorer.table()[["row", "value", "says", "reached"]].values.tolist()
    [['a', 0.3, 'something', 0.8], ['b', 0.1, 'nothing', 0.7]]
    """

    _esm = STATIC / "static_scores.js"
    _css = STATIC / "static_scores.css"

    method = Setting().tag(sync=True)
    data = Setting().tag(sync=True)
    order = Setting().tag(sync=True)
    selected = Setting(None, allow_none=True).tag(sync=True)

    _all = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        scores: object,
        reached: object = None,
        *,
        method: str | None = None,
        data: str | None = None,
        order: str = "score",
        **options: object,
    ) -> None:
        self._given: Scores = scores_from(scores)
        self.scores = with_reached(self._given, reached)
        if data is not None:
            self.data = data
        if method is not None:
            self.method = method
        meet = self.scores[["data", "method"]].drop_duplicates()
        for name, value in (("data", data), ("method", method)):
            if value is not None:
                meet = meet[meet[name] == value]
        if meet.empty:
            raise bad_argument("method", method, f"a score of the data set {data!r}")
        self.data, self.method = meet.iloc[0]
        self.order = order
        self._all = self._page()
        self.observe(self._moved, names=["data", "method"])
        super().__init__(**options)

    @property
    def data_sets(self) -> list[str]:
        """Names of the data sets; one empty name where scores came without."""
        return list(self.scores["data"].unique())

    @property
    def methods(self) -> list[str]:
        """Names of the scores."""
        return list(self.scores["method"].unique())

    def _checked(self, name: str, value: Any) -> str:
        known = {"method": self.methods, "data": self.data_sets, "order": ORDERS, "selected": self._rows()}[name]
        if value not in known:
            raise bad_argument(name, value, f"one of {first_ten(list(map(repr, known)))}")
        return str(value)

    def _rows(self) -> list[str]:
        return list(self.scores["row"].unique())

    def _moved(self, change: Any) -> None:
        """A score and a data set that do not meet are not both shown: the other one follows."""
        mine, other = ("data", "method") if change["name"] == "data" else ("method", "data")
        there = self.scores.loc[self.scores[mine] == change["new"], other]
        if getattr(self, other) not in set(there):
            setattr(self, other, there.iloc[0])

    def table(self) -> pd.DataFrame:
        """List what is shown: the rows of the data set by the score, in the order.

        Returns
        -------
        DataFrame
            ``row, value, lower, upper, null, says, note``; ``apart``, whether a ranking tells it from the best;
            ``place``, 1 the best; ``reached`` with its ends over seeds, and ``seeds``.
        """
        here = self.scores[(self.scores["data"] == self.data) & (self.scores["method"] == self.method)]
        if self.order == "name":
            here = here.sort_values("row", kind="stable")
        elif self.order != "given":
            key = "value" if self.order == "score" else "reached"
            falling = key == "reached" or better_of(self.method) == "higher"
            here = here.sort_values(key, ascending=not falling, kind="stable")
        return here.drop(columns=["data", "method"]).reset_index(drop=True)

    def agreement(self) -> pd.DataFrame:
        """Say how far each score orders models as they ended.

        Returns
        -------
        DataFrame
            ``data, method, rows`` (of which both are known), ``tau`` (Kendall's tau-b of score and accuracy, turned so
            that 1 is full agreement) and ``p`` (of an order dealt at random). NaN of tasks, whose order by a score has
            no meaning, of layers, and of fewer than two rows.
        """
        return agreement_of(self.scores, self._given.of)

    def _page(self) -> dict[str, Any]:
        """All that the page shows, whatever is chosen there."""
        table = self.scores
        most = table.groupby(["data", "method"])["place"].transform("max")
        controls: dict[tuple[str, str], list[list[Any]]] = {}
        for row in self._given.controls.itertuples():
            controls.setdefault((row.data, row.row), []).append([row.control, row.method, row.value])
        records = table.assign(shade=1 - (table["place"] - 1) / np.maximum(most - 1, 1)).to_dict("records")
        for record in records:
            accuracy = about(record["method"])["accuracy"]
            told = controls.get((record["data"], record["row"]), [])
            record["controls"] = [
                [name, value] for name, of, value in told
                if of == record["method"] or (accuracy and of == "accuracy")
            ]  # fmt: skip
            record["apart"] = bool(record["apart"]) if isinstance(record["apart"], bool | np.bool_) else None
        agreement = [
            {"data": a.data, "method": a.method, "rows": a.rows, "tau": a.tau, "p": a.p, "chance": not a.p < ENOUGH}
            for a in self.agreement().itertuples()
        ]
        return to_jsonable({
            "records": records, "data": self.data_sets, "methods": self.methods, "rows": self._rows(),
            "about": {name: about(name) for name in self.methods}, "of": self._given.of,
            "reached": bool(table["reached"].notna().any()), "agreement": agreement,
        })  # fmt: skip

    def chart(self) -> Chart:
        """Static altair chart of the current state: the score on all data sets as a map, or on one with its nulls.

        Returns
        -------
        altair chart
        """
        from predictlab import charts

        given = [self._given.rankings.get((data, self.method)) for data in self.data_sets]
        rankings = [one for one in given if one is not None]
        if len(rankings) > 1:
            return charts.rankings_chart(rankings)
        shown = self.table().assign(method=self.method).rename(columns={"row": "layer"})
        only = self._given.controls if len(self._rows()) == 1 else pd.DataFrame()
        name = self.data or self._given.of
        return charts.scores_chart(pl.static.StaticScores(name, shown, only))

    def __repr__(self) -> str:
        on = f" on {self.data}" if self.data else ""
        return f"StaticScores({self.method}{on}: {len(self.table())} {self._given.of})"

    def _summary(self) -> Summary:
        table = self.table()
        silent = table.loc[table["says"] == "nothing", "row"].tolist()
        state = f"{self.method}{f' on {self.data}' if self.data else ''}, {len(table)} {self._given.of}. "
        if silent:
            state += f"Says nothing (no better than permuted labels) of {', '.join(silent)}. "
        told = self.agreement()
        here = told[(told["data"] == self.data) & (told["method"] == self.method)].iloc[0]
        if self._given.of == MODELS and not np.isnan(here["tau"]):
            state += (
                f"Kendall's tau with what {here['rows']} fine-tunes reached: {here['tau']:.2f} (p {here['p']:.2g})."
            )
        columns = [self._given.of[:-1], self.method, "permuted labels reach", "says"]
        known = bool(table["reached"].notna().any())
        rows = []
        for row in table.head(MAX_ROWS).itertuples():
            cells = [row.row, with_interval(row.value, (row.lower, row.upper)), rounded(row.null, 3), row.says]
            rows.append(cells + ([rounded(row.reached, 3)] if known else []))
        return Summary("Static scores", state, columns + (["reached"] if known else []), rows)
