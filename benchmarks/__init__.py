"""What the product's claims of speed and size are, each measured against what it claims to beat.

::

    python -m benchmarks --flores DIR      # every row, written to benchmarks/RESULTS.md
    python -m benchmarks --list            # the rows and their targets
    python -m benchmarks --only NAME       # one row (repeatable); RESULTS.md stays
    python -m benchmarks readme --flores DIR   # the figures that README and docs state, recorded in docs/measured.json
    python -m benchmarks scaling           # memory and time of expert finding, up to a million neurons

The peers are not among the product's requirements. They get along with its pins, so an environment with both is::

    python -m venv ../bench && ../bench/bin/pip install -r requirements.txt -r requirements-bench.txt

A peer that is not installed is reported as not run. Both sides of a ratio are measured in the same run, in turns.
"""

import core  # noqa: F401 - its environment variables must be set before torch is imported
