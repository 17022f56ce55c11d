"""The typical duration of each class and how unsure it is, learned together.

    log typical duration = log guess(class) + pace + offset(class)

*Pace* is how much longer everything takes than guessed, as of now: one number for all classes, and the larger, the
slower. An *offset* is how much longer still one class takes. All are logarithms, for these add up where factors
multiply: 0.1 is about 10% longer, 0.7 twice as long.

How unsure a value is shows in its *spread*, the standard deviation: two times in three the truth lies no further off.
A *variance* is its square: variances of separate causes add up. At first the pace has variance 0.49, an offset 0.04. So
of what a first job is slower than guessed, 0.49 / 0.53 = 92% is put down to the pace, and expected of all classes, the
rest to its class. As pace and offsets are only ever seen together, how far they would be wrong together is kept, too:
the covariance of each pair. (In the language of statistics: one normal distribution, updated as in Kalman's filter.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..job import JobClass

PACE_VAR, CLASS_VAR = 0.7**2, 0.2**2
"""How good the guesses are at first: within a factor of 2, and within 20% when one class is compared with another."""
MOST_VAR = PACE_VAR + CLASS_VAR
"""A class's typical duration is never less sure than before anything is known."""
LEAST_VAR = 1e-6
"""Nothing is ever known better than within a thousandth."""
_MOST_CLASSES = 24
"""The work of an answer grows with their square. One more class, and the one known longest begins anew."""


class Typical:
    """Pace and offsets; `guess` is the logarithm of the seconds guessed for a class."""

    def __init__(self, guess: Callable[[JobClass], float]) -> None:
        self._guess = guess
        self._classes: list[JobClass] = []
        """The classes seen, in the order of their first answers; the k-th one's offset is value k + 1."""
        self._values = [0.0]
        """The pace, then the offsets."""
        self._vars = [[PACE_VAR]]
        """Of each pair of values the covariance; of a value and itself that is the variance."""

    @property
    def pace(self) -> float:
        """The logarithm of how much slower than the guess the service is."""
        return self._values[0]

    def of(self, job_class: JobClass) -> tuple[float, float]:
        """The logarithm of the class's typical duration, and its variance."""
        mean, var = self._guess(job_class) + self._values[0], self._vars[0][0]
        if job_class not in self._classes:
            return mean, var + CLASS_VAR
        k = self._classes.index(job_class) + 1
        return mean + self._values[k], var + 2.0 * self._vars[0][k] + self._vars[k][k]

    def drift(self, var: float) -> None:
        """Time has passed, and the pace is less sure by this variance."""
        self._vars[0][0] += var

    def shift(self, by: float, var: float) -> None:
        """The pace has changed, by so much, and is less sure by this variance."""
        self._values[0] += by
        self.drift(var)

    def learn(self, job_class: JobClass, mean: float, var: float) -> None:
        """The class's typical duration is now believed to be this: its pace and offset follow, and so all others."""
        k = self._index(job_class)
        old_mean, old_var = self.of(job_class)
        # The part of the move that falls to each value: 0.92 to the pace and 0.08 to the offset in the example above.
        gains = [(row[0] + row[k]) / old_var for row in self._vars]
        moved, var_change = mean - old_mean, max(LEAST_VAR, var) - old_var
        self._values = [x + gain * moved for x, gain in zip(self._values, gains, strict=True)]
        self._vars = [
            [x + gain * other * var_change for x, other in zip(row, gains, strict=True)]
            for row, gain in zip(self._vars, gains, strict=True)
        ]

    def _index(self, job_class: JobClass) -> int:
        if job_class not in self._classes:
            if len(self._classes) == _MOST_CLASSES:
                self._forget_oldest()
            self._add(job_class, 0.0, CLASS_VAR)
        return self._classes.index(job_class) + 1

    def _add(self, job_class: JobClass, offset: float, var: float) -> None:
        self._classes.append(job_class)
        self._values.append(offset)
        for row in self._vars:
            row.append(0.0)
        self._vars.append([0.0] * len(self._classes) + [var])

    def _forget_oldest(self) -> None:
        """What it has taught the others stays."""
        del self._classes[0], self._values[1], self._vars[1]
        for row in self._vars:
            del row[1]

    # -- from run to run

    def offsets(self) -> dict[JobClass, tuple[float, float]]:
        """Each class's offset, and the variance that it would have if the pace were known."""
        pace = self._vars[0]
        return {
            c: (self._values[k], self._vars[k][k] - pace[k] ** 2 / pace[0]) for k, c in enumerate(self._classes, 1)
        }

    def recall(self, pace: float, doubt: float, offsets: Mapping[JobClass, tuple[float, float]]) -> None:
        """Begin with what an earlier run knew; `doubt`: how far the pace may be off by now, as a spread."""
        self._classes, self._values, self._vars = [], [pace], [[doubt**2]]
        for job_class, (offset, var) in list(offsets.items())[:_MOST_CLASSES]:
            self._add(job_class, offset, min(CLASS_VAR, max(LEAST_VAR, var)))
