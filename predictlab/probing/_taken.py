"""Which runs of an open store this process trains now: a store's own claims tell processes apart, not threads."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Iterable

from predictlab.runs import RunStore

_OF_STORES: weakref.WeakKeyDictionary[RunStore, Taken] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


class Taken:
    """Runs of one store object, and who trains them; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owners: dict[tuple[str, str], int] = {}
        self._given_back: Counter[int] = Counter()

    @classmethod
    def of(cls, store: RunStore) -> Taken:
        """The one of this store object."""
        with _LOCK:
            return _OF_STORES.setdefault(store, cls())

    def take(self, who: object, task: str, runs: Iterable[str]) -> list[str]:
        """Those of `runs` that nobody else holds; they are held by `who` now."""
        with self._lock:
            return [run for run in runs if self._owners.setdefault((task, run), id(who)) == id(who)]

    def give_back(self, who: object, task: str, runs: Iterable[str]) -> None:
        """Let go of those of `runs` that `who` holds."""
        with self._lock:
            for run in runs:
                if self._owners.get((task, run)) == id(who):
                    del self._owners[task, run]
                    self._given_back[id(who)] += 1

    def leave(self, who: object) -> None:
        """Let go of all that `who` still holds."""
        with self._lock:
            self._owners = {run: owner for run, owner in self._owners.items() if owner != id(who)}
            self._given_back[id(who)] += 1

    def by_others(self, who: object) -> int:
        """A number that changes whenever someone else gives back a run, which may have been trained meanwhile."""
        with self._lock:
            return self._given_back.total() - self._given_back[id(who)]
