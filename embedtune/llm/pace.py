"""How many calls at once: more while that gives more answers a second, fewer where the server lets them wait."""

from __future__ import annotations

_START = 4
_GROWTH, _GAIN = 1.5, 1.1  # of the number at once; of answers a second, below which more at once was no use
_LEAST_ANSWERS = 8


class Concurrency:
    """Finds the number of calls in flight by what it brings; a server that tells its slots is not tried out."""

    def __init__(self, most: int) -> None:
        """Start with a few, ``most`` at the highest."""
        self._most = most
        self._best, self._best_rate = min(most, _START), 0.0
        self._settled = most <= _START
        self._since: float | None = None
        self._answers = 0
        self.now = self._best  # calls that may be in flight

    def fix(self, slots: int) -> None:
        """Take the number of slots that the server has told: a call beyond them would only wait."""
        self._settled = True
        self.now = min(self._most, max(1, slots))

    def shrink(self) -> None:
        """Halve the number: the server asked to wait, or did not answer in time."""
        self._settled = True
        self.now = max(1, self.now // 2)

    def answered(self, at: float) -> None:
        """Count an answer at a time in seconds."""
        if self._settled:
            return
        if self._since is None:
            self._since = at  # the first answers had no others beside them
            return
        self._answers += 1
        if self._answers < max(_LEAST_ANSWERS, 2 * self.now):
            return
        rate = self._answers / max(1e-9, at - self._since)
        self._since, self._answers = at, 0
        if rate < self._best_rate * _GAIN:
            self.now, self._settled = self._best, True
            return
        self._best, self._best_rate = self.now, rate
        self.now = min(self._most, int(self.now * _GROWTH))
        self._settled = self.now == self._best
