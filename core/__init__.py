"""Find the language-specific neurons of a multilingual language model, hold them, and measure what moves.

``core`` computes and caches; it knows nothing of the dashboard. Start at :mod:`core.experiment`, which knows the
stages; each stage (:mod:`core.forward`, :mod:`core.expertise`, :mod:`core.retrieval`, ...) stands on its own.
"""

import os

# Torch reads this once, when its OpenMP runtime starts. Its default, spinning threads, makes a forward pass up to
# fifty times slower as soon as a second process wants the same cores (a browser next to the server, for one).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
