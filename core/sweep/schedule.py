"""Which task is next: captures before all else, tasks of a model that is loaded before those of another."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from core.sweep.tasks import KINDS, Task


class Schedule:
    """The tasks that are to be done, and what has become of the others.

    Parameters
    ----------
    tasks : sequence of Task
        Each after those that it needs; what is needed and not among them is done.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = {task.key: task for task in tasks}
        self._number = {key: number for number, key in enumerate(self.tasks)}
        self._open = {task.key: {need for need in task.needs if need in self.tasks} for task in tasks}
        self._after: dict[str, list[str]] = {}
        for key, needs in self._open.items():
            for need in needs:
                self._after.setdefault(need, []).append(key)
        self._ready: dict[str, list[tuple[int, int, str]]] = {}  # by model, a heap each
        self.running: dict[str, Task] = {}
        self.done: set[str] = set()
        self.failed: dict[str, str] = {}
        for task in tasks:
            if not self._open[task.key]:
                self._make_ready(task)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return len(self.done) + len(self.failed) == len(self.tasks)

    def left(self) -> Iterable[Task]:
        """The tasks that are not done and have not failed."""
        return (task for key, task in self.tasks.items() if key not in self.done and key not in self.failed)

    def take(self, model: str | None = None, skip: Collection[str] = ()) -> Task | None:
        """Take out the next task; None if none can begin now.

        Parameters
        ----------
        model : str, optional
            The model that who asks has loaded.
        skip : collection of str
            Keys of tasks that cannot begin at the moment.
        """
        aside: list[tuple[str, tuple[int, int, str]]] = []
        taken = None
        for name in self._order(model):
            heap = self._ready[name]
            while heap and taken is None:
                entry = heapq.heappop(heap)
                if entry[2] in skip:
                    aside.append((name, entry))
                else:
                    taken = self.tasks[entry[2]]
            if taken is not None:
                break
        for name, entry in aside:
            heapq.heappush(self._ready[name], entry)
        if taken is not None:
            self.running[taken.key] = taken
        return taken

    def _order(self, model: str | None) -> list[str]:
        """Models with tasks that could begin: the loaded one first, then those that fewest work on."""
        working = Counter(task.experiment.model for task in self.running.values())
        waiting = [name for name, heap in self._ready.items() if heap]
        return sorted(waiting, key=lambda name: (name != model, working[name]))

    def put_back(self, task: Task) -> None:
        """Let a task that was taken wait again: who did it has died."""
        del self.running[task.key]
        self._make_ready(task)

    def finish(self, task: Task) -> None:
        """Note that a task is done."""
        del self.running[task.key]
        self.done.add(task.key)
        for key in self._after.get(task.key, ()):
            self._open[key].discard(task.key)
            if not self._open[key] and key not in self.failed:
                self._make_ready(self.tasks[key])

    def fail(self, task: Task, why: str) -> list[Task]:
        """Note that a task failed; returns it and the tasks that fail with it, since they need it."""
        self.running.pop(task.key, None)
        found, lost = {task.key: None}, [task.key]
        while lost:
            after = dict.fromkeys(key for gone in lost for key in self._after.get(gone, ()))
            lost = [key for key in after if key not in self.failed and key not in found]
            found.update(dict.fromkeys(lost))
        for key in found:
            self.failed[key] = why
        return [self.tasks[key] for key in found]

    def _make_ready(self, task: Task) -> None:
        entry = (KINDS[task.kind].rank, self._number[task.key], task.key)
        heapq.heappush(self._ready.setdefault(task.experiment.model, []), entry)
