"""Where the messages of the logger ``"predictlab"`` go, and how many of them are shown."""

from __future__ import annotations

import logging
import sys

from predictlab.errors import bad_argument

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
logger = logging.getLogger("predictlab")


class LastResort(logging.NullHandler):
    """Nothing where the program has set up logging; else standard error, between the progress bars."""

    def handle(self, record: logging.LogRecord) -> bool:
        """Write the record if no other handler will."""
        if all(handler is self for handler in (*logger.handlers, *logging.getLogger().handlers)):
            from tqdm import tqdm

            tqdm.write(self.format(record), file=sys.stderr)
        return True


logger.addHandler(LastResort())


def set_verbosity(level: str | int) -> None:
    """Choose how much predictlab says of what it does.

    Messages go to the logger ``"predictlab"`` of Python's `logging`, and from there to the handlers that the program
    has set up, or to standard error where it has none.

    Parameters
    ----------
    level : {"debug", "info", "warning", "error"} or int
        The least important messages that are shown; at first those from "warning" up. A number is a level of `logging`.

    Raises
    ------
    ArgumentError
        Another word.

    Examples
    --------
    >>> import logging
    >>> import predictlab as pl
    >>> pl.set_verbosity("info")
    >>> logging.getLogger("predictlab").isEnabledFor(logging.INFO)
    True
    >>> pl.set_verbosity("warning")
    """
    number = LEVELS.get(level) if isinstance(level, str) else level
    if not isinstance(number, int) or isinstance(number, bool):
        raise bad_argument("level", level, f"one of {', '.join(map(repr, LEVELS))}, or a level of logging")
    logger.setLevel(number)
