"""Find the language-specific neurons of a multilingual language model, hold them, and measure what moves.

``core`` computes and caches; it knows nothing of the dashboard. Start at :mod:`core.pipeline.run`, which knows the
stages; each stage (:mod:`core.inference.forward`,
:mod:`core.neurons.rank_statistics`, :mod:`core.spaces.retrieval`, ...)
stands on its own.
"""

import os
import sys

# Torch reads this once, when its OpenMP runtime starts. Its default, spinning threads, makes a forward pass up to
# fifty times slower as soon as a second process wants the same cores (a browser next to the server, for one).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# But a thread that sleeps at once pays for waking at each of a pass's thousands of small operations. A spin of some ten
# microseconds made a quiet machine of two cores 1.3 times as fast, and one with a busy neighbour 0.87 times.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# A forward pass takes Python's lock thousands of times a second. Beside a thread that computes in Python (a page being
# drawn, a kernel being compiled) each time cost up to this interval: 42 tokens a second with Python's default of 5 ms,
# 517 with this.
sys.setswitchinterval(min(sys.getswitchinterval(), 1e-4))
