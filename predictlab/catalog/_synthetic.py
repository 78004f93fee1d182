"""Tasks made here, with a truth that is known: nothing is fetched."""

from __future__ import annotations

import operator

import pandas as pd

from predictlab._validation import option, whole_number

_OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def modular_arithmetic(modulus: int = 13, *, operation: str = "+") -> pd.DataFrame:
    """All problems of arithmetic modulo a number, as prompts and completions: a task that is slow to learn.

    Every pair ``a, b`` of numbers below `modulus` occurs once, so evaluation rows that ``load_dataset`` sets aside are
    problems whose answer was never seen: memory alone answers ``1 / modulus`` of them.

    Parameters
    ----------
    modulus : int
        From 2 to 1000; there are ``modulus ** 2`` rows.
    operation : {"+", "-", "*"}

    Returns
    -------
    pandas.DataFrame
        Columns ``prompt`` (``"7 + 9 ="``) and ``completion`` (``" 3"``), ordered by a, then b.

    Raises
    ------
    ArgumentError
        Another `modulus` or `operation`.

    Examples
    --------
    >>> import predictlab as pl
    >>> table = pl.catalog.modular_arithmetic(13)
    >>> data = pl.load_dataset(table, eval_size=60, name="mod13")
    >>> len(data.train)
    109

    Notes
    -----
    Source of the task: Power et al., *Grokking* (2022), arXiv 2201.02177.
    """
    modulus = whole_number("modulus", modulus, 2, most=1000)
    answer = _OPERATIONS[option("operation", operation, _OPERATIONS)]
    rows = [(f"{a} {operation} {b} =", f" {answer(a, b) % modulus}") for a in range(modulus) for b in range(modulus)]
    return pd.DataFrame(rows, columns=["prompt", "completion"], dtype=object)
