"""transformers, without its progress bars and load reports."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Switch off transformers' progress bars and load reports, and restore what the caller had."""
    from transformers.utils import logging as hf

    verbosity, bars = hf.get_verbosity(), hf.is_progress_bar_enabled()
    hub = logging.getLogger("huggingface_hub")
    hub_level = hub.level
    hf.set_verbosity_error()
    hf.disable_progress_bar()
    hub.setLevel(logging.ERROR)
    try:
        yield
    finally:
        hf.set_verbosity(verbosity)
        hub.setLevel(hub_level)
        if bars:
            hf.enable_progress_bar()
