"""How many calls at once: more while that gives more answers a second, fewer where the server lets them wait."""

from __future__ import annotations

_START = 4
_GROWTH, _GAIN = 1.5, 1.1  # of the number at once; of answers a second, below which more at once was no use
_LEAST_ANSWERS = 8
_PATIENCE, _MOST_PATIENCE = 2, 64  # answers in time, for each call at once, before one more is tried again


class Concurrency:
    """Finds the number of calls in flight by what it brings; a server that tells its slots is not tried out."""

    def __init__(self, most: int) -> None:
        """Start with a few, ``most`` at the highest."""
        self._most = most
        self._best, self._best_rate = min(most, _START), 0.0
        self._settled = most <= _START
        self._since: float | None = None
        self._answers = 0
        self._patience = _PATIENCE
        self.now = self._best  # calls that may be in flight

    def fix(self, slots: int) -> None:
        """Take the number of slots that the server has told: a call beyond them would only wait."""
        self._settled = True
        self._best = self.now = min(self._most, max(1, slots))

    def shrink(self) -> None:
        """Halve the number: the server asked to wait, or did not answer in time. Each time it grows again more slowly."""
        self._settled = True
        self._patience = min(_MOST_PATIENCE, 2 * self._patience)
        self._answers = 0
        self.now = max(1, self.now // 2)

    def answered(self, at: float) -> None:
        """Count an answer at a time in seconds."""
        self._answers += 1
        if self._settled:
            self._regrow()
            return
        if self._since is None:
            self._since, self._answers = at, 0  # the first answers had no others beside them
            return
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

    def _regrow(self) -> None:
        """After it has shrunk, let one call more be in flight where the server is in time again, up to the best number."""
        if self.now < self._best and self._answers >= self._patience * self.now:
            self.now, self._answers = self.now + 1, 0
