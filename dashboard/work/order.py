"""The order in which jobs wait: visitors have equal shares of the worker, so that short jobs come first.

This is fair queueing (Demers, Keshav and Shenker 1989): the next job is the one that would end first if all who wait
were served side by side, each at an equal pace. The clock of that service stands in `Order.clock`; a job's *tag* is
the time on it at which the job would end. Nobody waits longer than in such a service, but for one turn; a job of
seconds passes jobs of minutes, and no job is passed for ever, since the clock goes on.

Background work has tags of its own: visitors take turns, whatever their jobs cost. It comes after all that somebody
looks at.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from dashboard.work.job import Job

_Key = tuple[bool, float, int]


class Order:
    """Jobs that wait. A job is found in O(log n); the lists are short enough that moving what stands behind it is free.

    Attributes
    ----------
    clock : float
        Seconds of work that everybody who waited all the time would have had.
    """

    def __init__(self) -> None:
        self.clock = 0.0
        self._turns: dict[str, float] = {}  # the last background tag of each visitor who has background work waiting
        self._background_clock = 0.0
        self._numbered = 0
        self._keys: dict[Job, tuple[_Key, bool]] = {}  # where each stands, and whether among the watched
        # Those that somebody looks at, and those that give way: in order; and the watched again, the shortest first.
        self._watched: list[tuple[_Key, Job]] = []
        self._yielding: list[tuple[_Key, Job]] = []
        self._by_length: list[tuple[float, int, Job]] = []

    def __contains__(self, job: Job) -> bool:
        return job in self._keys

    @property
    def watched(self) -> int:
        """How many wait that somebody looks at."""
        return len(self._watched)

    def serve(self, seconds: float, visitors: int) -> None:
        """Let so many seconds of work be shared by so many jobs of visitors."""
        self.clock += seconds / max(visitors, 1)

    def give_tag(self, job: Job, visitor: str) -> None:
        """Give a job the tag of one that this visitor asks for now."""
        if job.background:
            job.tag = self._turns[visitor] = max(self._background_clock, self._turns.get(visitor, 0.0)) + 1.0
        else:
            job.tag = self.clock + job.seconds

    def add(self, job: Job) -> None:
        """Let a job wait at the place that its tag gives it."""
        self._numbered += 1
        self._insert(job, (job.background, job.tag, self._numbered))

    def remove(self, job: Job) -> None:
        """Take a job out; one that does not wait is no fault."""
        if job not in self._keys:
            return
        key, watched = self._keys.pop(job)
        rows = self._watched if watched else self._yielding
        del rows[_place(rows, key)]
        if watched:
            del self._by_length[bisect_left(self._by_length, (job.seconds, key[2]), key=lambda row: row[:2])]

    def refresh(self, job: Job) -> None:
        """Put a job that waits where it belongs, after somebody looked at it again or its tag changed."""
        if job in self._keys:
            number = self._keys[job][0][2]
            self.remove(job)
            self._insert(job, (job.background, job.tag, number))

    def first_watched(self) -> Job | None:
        """The next of those that somebody looks at."""
        while self._watched:
            job = self._watched[0][1]
            if not job.yields():
                return job
            self.refresh(job)  # nobody has looked for a while
        return None

    def shortest_watched(self) -> Job | None:
        """The one that takes least of those that somebody looks at."""
        while self._by_length:
            job = self._by_length[0][2]
            if not job.yields():
                return job
            self.refresh(job)
        return None

    def take(self, preferred: Job | None = None) -> Job | None:
        """Take out the next job: ``preferred`` if it still waits and is watched; None if none waits."""
        job = preferred if preferred in self._keys and preferred is not None and not preferred.yields() else None
        job = job or self.first_watched() or (self._yielding[0][1] if self._yielding else None)
        if job is not None:
            self.remove(job)
            if job.background:
                self._background_clock = max(self._background_clock, job.tag)
                # A visitor whose turn has passed needs no note of it.
                self._turns = {name: tag for name, tag in self._turns.items() if tag > self._background_clock}
        return job

    def ahead(self, job: Job) -> int:
        """How many wait before a job."""
        if job not in self._keys:
            return 0
        key, watched = self._keys[job]
        return _place(self._watched, key) if watched else len(self._watched) + _place(self._yielding, key)

    def _insert(self, job: Job, key: _Key) -> None:
        watched = not job.yields()
        self._keys[job] = key, watched
        insort(self._watched if watched else self._yielding, (key, job), key=lambda row: row[0])
        if watched:
            insort(self._by_length, (job.seconds, key[2], job), key=lambda row: row[:2])


def _place(rows: list[tuple[_Key, Job]], key: _Key) -> int:
    return bisect_left(rows, key, key=lambda row: row[0])
