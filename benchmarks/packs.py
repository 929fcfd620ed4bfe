"""What a pack costs: its size, and the time until what is in it is there."""

from __future__ import annotations

import time

from benchmarks.rows import Benchmark, Target
from benchmarks.setting import Setting
from core.packs.pack import Pack
from core.packs.pack_folder import OPENING

_SIZE = 3e6  # bytes
_SECONDS = 1.0
_ROUNDS = 5


def _size(_setting: Setting) -> tuple[float, str]:
    nbytes = OPENING.stat().st_size
    setting = Pack(OPENING.read_bytes(), OPENING.name).settings[0]
    return nbytes / _SIZE, (
        f"{nbytes / 1e6:.1f} MB of one setting ({setting.target}, {setting.experts:,} experts): its result with "
        "the map, ranks, movement and what is free by every measure"
    )


def _opening(_setting: Setting) -> tuple[float, str]:
    spent = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        opened = Pack(OPENING.read_bytes(), OPENING.name)
        result = opened.result(0)
        rivals = opened.find(opened.settings[0], "rivals")
        spent.append(time.perf_counter() - start)
        assert result.pairs.size
        assert rivals is not None
    seconds = sorted(spent)[_ROUNDS // 2]
    return seconds / _SECONDS, (
        f"{seconds:.2f} s, median of {_ROUNDS} ({min(spent):.2f} to {max(spent):.2f}), from the file to its result and "
        "what is free beside it, each checksum compared"
    )


BENCHMARKS = (
    Benchmark("pack-size", "the opening picture's pack", "3 MB", Target("at most", 1), _size),
    Benchmark("pack-open", "opening it and reading what the first page shows", "1 s", Target("at most", 1), _opening),
)
