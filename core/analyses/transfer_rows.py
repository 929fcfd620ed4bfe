"""The rows of a task: those that a classifier is trained on and tested on, with their classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.corpora.corpus import ParallelSet
from core.corpora.load import load_corpus
from core.errors import SettingError
from core.experiment.plan import Plan
from core.spaces.linear_probe import NO_CLASS
from core.store.files import digest

_INSTEAD = "Name a corpus with labels: embedded, sib200:DIR, or a table with a column 'label'."


@dataclass(frozen=True)
class Task:
    """Rows with classes; the same classes for every language, since a row says the same in all.

    Attributes
    ----------
    train : ParallelSet
        The rows trained on, in all languages that have them: the corpus's probe rows.
    test : ParallelSet
        The rows tested on, in the evaluated languages.
    group : int
        The number of these rows among the groups of the plan.
    classes : tuple of str
        Names of the classes of the training rows, sorted.
    train_classes, test_classes : ndarray of int16, (n_train,) and (n_test,)
        Positions in ``classes``; `core.spaces.linear_probe.NO_CLASS` for a row without a label. A test row of a class
        that no training row has counts, and is never right.
    tested : ndarray of bool, (n_test,)
        Which test rows have a label.
    """

    train: ParallelSet
    test: ParallelSet
    group: int
    classes: tuple[str, ...]
    train_classes: np.ndarray
    test_classes: np.ndarray
    tested: np.ndarray

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages tested on."""
        return self.test.languages

    @property
    def n_train(self) -> int:
        """How many rows are trained on."""
        return int((self.train_classes != NO_CLASS).sum())

    @property
    def n_test(self) -> int:
        """How many rows are tested on."""
        return int(self.tested.sum())

    @property
    def majority(self) -> str:
        """The class that most training rows have; of equal ones the first."""
        return self.classes[int(np.bincount(self.train_classes[self.train_classes != NO_CLASS]).argmax())]

    @property
    def majority_hits(self) -> np.ndarray:
        """Which test rows are right if all are given the most frequent class: ndarray of bool, (n_test,)."""
        right: np.ndarray = self.test_classes == self.classes.index(self.majority)
        return np.asarray(right[self.tested])

    @cached_property
    def digest(self) -> str:
        """Of the labels of all rows, in order."""
        return digest({"train": list(self.train.labels or ()), "test": list(self.test.labels or ())})


def task(plan: Plan) -> Task:
    """Take the rows of an experiment's corpus that have labels.

    Raises
    ------
    SettingError
        Where there is nothing to train on or to test on.
    """
    what = f"transfer on {plan.experiment.corpus}"
    corpus = load_corpus(plan.experiment.corpus)  # a plan's corpus holds no more than the experiment needs
    labelled = [number for number, group in enumerate(plan.groups) if group.labels is not None]
    if not labelled:
        raise SettingError(what, "its rows have no labels, so there is nothing to classify", _INSTEAD)
    if corpus.probe is None or not any(corpus.probe.labels or ()):
        raise SettingError(what, "none of its rows to train on, the probe rows, has a label", _INSTEAD)
    train, test = corpus.probe, plan.groups[labelled[0]]
    classes = tuple(sorted({label for label in train.labels or () if label}))
    if len(classes) < 2:
        raise SettingError(what, f"all of its training rows have the label {classes[0]!r}", _INSTEAD)
    numbers = {label: number for number, label in enumerate(classes)}
    if not set(test.labels or ()) & set(classes):
        raise SettingError(what, "no row to test on has a label that a row to train on has", _INSTEAD)
    train_classes, test_classes = (
        np.array([numbers.get(label, NO_CLASS) for label in rows.labels or ()], dtype=np.int16)
        for rows in (train, test)
    )
    tested = np.array([bool(label) for label in test.labels or ()])
    return Task(train, test, labelled[0], classes, train_classes, test_classes, tested)
