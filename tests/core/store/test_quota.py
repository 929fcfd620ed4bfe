"""A cache that is kept within a size: what goes first, what stays, and what expires."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from core.access import CACHE_LIMIT
from core.errors import SettingError
from core.store import quota
from core.store.artefact import Artefact, Payload
from core.store.stage import STAGES
from core.store.store import Store

HOUR, DAY = 3600.0, 86_400.0


def kept(store: Store, stage: str, number: int, age: float, size: int = 1000) -> Artefact:
    """An artefact of a stage that was last used some seconds ago."""
    payload = Payload(arrays={"x": np.zeros(size, np.uint8)})
    artefact = store.put(stage, {"number": number}, payload)
    os.utime(artefact.path, (time.time() - age,) * 2)
    return artefact


def left(store: Store) -> list[tuple[str, object]]:
    return sorted((entry.stage, entry.spec["number"]) for entry in store.entries())


def test_what_was_used_least_recently_goes_first_until_the_rest_fits(tmp_path: Path) -> None:
    store = Store(tmp_path)
    sizes = [kept(store, "layer", number, age=number * HOUR).nbytes for number in range(1, 6)]
    freed = quota.enforce(store, sum(sizes[:2]))
    assert left(store) == [("layer", 1), ("layer", 2)]
    assert (freed.artefacts, freed.bytes) == (3, sum(sizes[2:]))
    assert quota.enforce(store, sum(sizes[:2])).artefacts == 0


def test_what_is_dear_to_have_again_stays_longer(tmp_path: Path) -> None:
    store = Store(tmp_path)
    size = kept(store, "embeddings", 1, age=10 * HOUR).nbytes  # passes of the model
    kept(store, "layer", 1, age=HOUR)  # a moment
    kept(store, "embeddings", 2, age=20 * HOUR)
    quota.enforce(store, 2 * size)
    assert left(store) == [("embeddings", 1), ("layer", 1)]  # ten hours of a pass against one hour of a moment
    quota.enforce(store, size)
    assert left(store) == [("embeddings", 1)]


def test_what_frees_next_to_nothing_goes_last(tmp_path: Path) -> None:
    """The measures of a sweep's cells, whose embeddings were dropped, are all that is left of them."""
    store = Store(tmp_path)
    for number in range(5):
        kept(store, "layer", number, age=90 * HOUR)
    kept(store, "embeddings", 8, age=9 * HOUR, size=2 << 20)
    size = kept(store, "embeddings", 9, age=HOUR, size=2 << 20).nbytes
    quota.enforce(store, size + 100_000)
    assert left(store) == [("embeddings", 9), *(("layer", number) for number in range(5))]
    quota.enforce(store, size)
    assert ("embeddings", 9) not in left(store)


def test_nothing_that_was_used_since_a_job_began_is_taken(tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept(store, "layer", 1, age=HOUR)
    kept(store, "layer", 2, age=2 * HOUR)
    kept(store, "layer", 3, age=3 * HOUR)
    assert store.find("layer", {"number": 3}) is not None  # as a job does when it plans
    quota.enforce(store, 0, since=time.time() - 90 * 60)
    assert left(store) == [("layer", 1), ("layer", 3)]


def test_what_may_not_be_dropped_unasked_stays_and_what_expires_goes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert not STAGES["model"].droppable
    kept(store, "model", 1, age=900 * DAY)
    kept(store, "embedding-parts", 1, age=DAY)
    kept(store, "embedding-parts", 2, age=8 * DAY)
    quota.enforce(store, 10**9)
    assert left(store) == [("embedding-parts", 1), ("model", 1)]
    quota.enforce(store, 0)
    assert left(store) == [("embedding-parts", 1), ("model", 1)]


def test_an_artefact_that_is_being_read_under_its_lock_stays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    artefact = kept(store, "layer", 1, age=HOUR)
    with FileLock(tmp_path / ".locks" / f"layer-{artefact.digest}.lock"):
        assert quota.enforce(store, 0).artefacts == 0
    assert quota.enforce(store, 0).artefacts == 1


def test_uploads_temporaries_and_locks_expire(tmp_path: Path) -> None:
    store = Store(tmp_path)
    artefact = kept(store, "layer", 1, age=0)
    (tmp_path / "uploads").mkdir()
    old, new = tmp_path / "uploads" / "old.tsv", tmp_path / "uploads" / "new.tsv"
    lone = tmp_path / ".locks" / f"layer-{'0' * 64}.lock"
    held = tmp_path / ".locks" / f"layer-{'1' * 64}.lock"
    draft = tmp_path / "layer" / f".tmp-1-abcdef-{'2' * 64}"
    draft.mkdir()
    own = tmp_path / ".locks" / f"layer-{artefact.digest}.lock"
    for path in (old, new, lone, held):
        path.touch()
    old.write_bytes(bytes(10))
    for path in (old, lone, held, own):
        os.utime(path, (time.time() - 40 * DAY,) * 2)
    with FileLock(held):
        os.utime(held, (time.time() - 40 * DAY,) * 2)
        assert quota.enforce(store, 10**9).others == 2
    assert [path.exists() for path in (old, new, lone, held, own, draft)] == [False, True, False, True, True, False]


def test_uploads_have_a_tenth_of_the_cache(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "uploads").mkdir()
    for number in range(4):
        path = tmp_path / "uploads" / f"{number}.tsv"
        path.write_bytes(bytes(100))
        os.utime(path, (time.time() - number * HOUR,) * 2)
    os.utime(tmp_path / "uploads" / "3.tsv", (time.time(), time.time() - 3 * HOUR))  # named just now
    assert quota.uploaded(store.root) == 400
    quota.enforce(store, 2_500)
    assert sorted(path.name for path in (tmp_path / "uploads").iterdir()) == ["0.tsv", "3.tsv"]


def test_an_upload_and_what_it_is_called_go_together(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "uploads").mkdir()
    for name, age in (("used.tsv", 0), ("used.tsv.name", 40 * DAY), ("old.tsv", 40 * DAY), ("old.tsv.name", 41 * DAY)):
        (tmp_path / "uploads" / name).write_bytes(bytes(100))
        os.utime(tmp_path / "uploads" / name, (time.time() - age,) * 2)
    assert quota.enforce(store, 10**9).others == 1
    assert sorted(path.name for path in (tmp_path / "uploads").iterdir()) == ["used.tsv", "used.tsv.name"]
    for number, name in enumerate(("second.tsv", "second.tsv.name", "used.tsv", "used.tsv.name")):
        (tmp_path / "uploads" / name).write_bytes(bytes(100))
        os.utime(tmp_path / "uploads" / name, (time.time() - (4 - number) * HOUR,) * 2)
    quota.enforce(store, 3_000)  # room for three of the four
    assert sorted(path.name for path in (tmp_path / "uploads").iterdir()) == ["used.tsv", "used.tsv.name"]


@pytest.mark.parametrize(
    ("text", "size"),
    [("20GB", 20 * 10**9), ("1.5 TB", 15 * 10**11), ("500mb", 5 * 10**8), ("1024", 1024), ("2 GiB", 2 * 10**9)],
)
def test_sizes_are_read(tmp_path: Path, text: str, size: int) -> None:
    assert quota.limit(tmp_path, text) == size


def test_a_limit_that_is_no_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="not a size"):
        quota.parse("much")
    monkeypatch.delenv(CACHE_LIMIT, raising=False)
    assert 0 < quota.limit(tmp_path) <= quota.DEFAULT
    monkeypatch.setenv(CACHE_LIMIT, "3GB")
    assert quota.limit(tmp_path) == 3 * 10**9
