"""Find the language-specific neurons of a multilingual language model, hold them, and measure what moves.

What a notebook needs stands here, each name loaded when it is first used, so that ``import core`` is light. ``core``
computes and caches; it knows nothing of the dashboard. Start at :mod:`core.pipeline.run`, which knows the stages; each
stage (:mod:`core.inference.forward`, :mod:`core.neurons.rank_statistics`, :mod:`core.spaces.retrieval`, ...) stands on
its own.
"""

import importlib
import os

from core import location
from core.version import __version__

# Torch reads this once, when its OpenMP runtime starts. Its default, spinning threads, makes a forward pass up to
# fifty times slower as soon as a second process wants the same cores (a browser next to the server, for one).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# But a thread that sleeps at once pays for waking at each of a pass's thousands of small operations. A spin of some ten
# microseconds made a quiet machine of two cores 1.3 times as fast, and one with a busy neighbour 0.87 times.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
location.house_libraries()
if location.is_public():
    os.environ["HF_HUB_OFFLINE"] = "1"  # no visitor of a public server makes it download; its client reads this once

# Where each public name is. `__init__.pyi` says the same to type checkers; a test holds the two together.
_HOMES = {
    "Session": "core.session",
    "run": "core.session",
    "load_corpus": "core.session",
    "load_model": "core.session",
    "Experiment": "core.experiment.settings",
    "Result": "core.pipeline.result",
    "METHODS": "core.neurons.methods",
    "SCORES": "core.neurons.scores",
    "MEASURES": "core.pipeline.measure_table",
    "AskError": "core.errors",
}

__all__ = [  # noqa: RUF022 - grouped by what they are for
    # What a notebook works with
    "Session",
    "run",
    "load_corpus",
    "load_model",
    # What is asked, and the answer
    "Experiment",
    "Result",
    # What there is to choose from
    "METHODS",
    "SCORES",
    "MEASURES",
    # Every refusal
    "AskError",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    """The public names, those not yet loaded too."""
    return sorted({*globals(), *__all__})
