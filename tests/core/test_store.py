"""The store: whole or absent whatever is killed, computed once whoever asks, and no bit believed unchecked."""

import errno
import hashlib
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.store import Artefact, DamagedArtefact, Payload, Store, StoreError, digest

REPOSITORY = Path(__file__).parents[2]
SPEC = {"model": "tiny", "seed": 7, "layers": [0, 1], "strength": 0.5}


def sample() -> Payload:
    """Give a small payload with every kind of content."""
    return Payload(
        arrays={"scores": np.arange(12, dtype=np.float32).reshape(3, 4), "kept": np.array([True, False])},
        tables={"languages": pd.DataFrame({"language": ["de", "日本語"], "n": [3, 4]})},
        facts={"n": 12, "interval": [0.25, 0.5], "note": "ü"},
    )


def assert_sample(artefact: Artefact) -> None:
    np.testing.assert_array_equal(artefact.array("scores"), sample().arrays["scores"])
    np.testing.assert_array_equal(artefact.array("kept"), sample().arrays["kept"])
    pd.testing.assert_frame_equal(artefact.table("languages"), sample().tables["languages"])
    assert artefact.facts == sample().facts
    assert artefact.spec == SPEC


def flip_bit(path: Path, position: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def temporaries(root: Path) -> list[Path]:
    return list(root.glob("*/.tmp-*"))


def python(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start another Python process, which can import this module."""
    prelude = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); sys.path.insert(0, {str(Path(__file__).parent)!r})"
    return subprocess.Popen(
        [sys.executable, "-c", f"{prelude}\n{textwrap.dedent(script)}", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


# --- digest


def typed(value: object) -> object:
    """Give a value that is equal to another exactly if the two are the same JSON (1, 1.0 and True are not)."""
    if isinstance(value, dict):
        return ("mapping", frozenset((key, typed(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return ("list", tuple(typed(item) for item in value))
    return (type(value).__name__, repr(value))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("a1é😀"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)
specs = st.dictionaries(st.text("ab", max_size=2), json_values, max_size=3)


def reordered(value: object) -> object:
    """Give the same JSON with all keys in reverse order and tuples for lists."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return tuple(map(reordered, value)) if isinstance(value, list) else value


@given(specs)
def test_digest_ignores_the_order_of_keys_and_tuples(spec: dict) -> None:
    assert digest(reordered(spec)) == digest(spec)


@given(specs, specs)
def test_digests_are_equal_exactly_if_specs_are(one: dict, other: dict) -> None:
    assert (digest(one) == digest(other)) == (typed(one) == typed(other))


def test_digest_is_sha256_of_canonical_json() -> None:
    assert (
        digest({"b": (1, 1.0, True, None), "a": "é"})
        == hashlib.sha256(b'{"a":"\xc3\xa9","b":[1,1.0,true,null]}').hexdigest()
    )


def test_digest_tells_numbers_and_booleans_apart() -> None:
    assert len({digest({"x": value}) for value in (0, 0.0, -0.0, False, "0", None, [], [0])}) == 8


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), b"x", {1}, {1: 2}, object(), np.arange(2), np.float32(1), Path("x"), "\ud83d"],
    ids=repr,
)
def test_digest_refuses_what_is_not_json(value: object) -> None:
    with pytest.raises(StoreError, match=r"spec\['a'\]\[1\].* is not a JSON value\. Use None"):
        digest({"a": [0, value]})


# --- round trips


@pytest.mark.parametrize("dtype", ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", ">f4"])
def test_arrays_come_back_bit_for_bit(store: Store, dtype: str) -> None:
    bits = np.random.default_rng(0).integers(0, 256, 240, dtype=np.uint8)
    whole = (bits % 2).astype(bool) if dtype == "?" else bits.view(dtype)
    whole = whole[:24].reshape(4, 6)
    variants = {
        "c": whole,
        "fortran": np.asfortranarray(whole),
        "strided": whole[::2, ::-3],
        "empty": whole[:0],
        "scalar": np.asarray(whole[0, 0]),
    }
    artefact = store.put("s", {"dtype": dtype}, Payload(arrays=variants))
    for name, array in variants.items():
        back = artefact.array(name)
        assert (back.dtype, back.shape) == (array.dtype, array.shape)
        assert back.tobytes() == array.tobytes()
        assert not back.flags.writeable
    assert artefact.array("fortran").flags.f_contiguous


def test_nan_payloads_survive(store: Store) -> None:
    bits = np.array([0x7FC00001, 0xFFC12345, 0x7F800000, 0x80000000], dtype=np.uint32)
    artefact = store.put("s", SPEC, Payload(arrays={"x": bits.view(np.float32)}))
    np.testing.assert_array_equal(artefact.array("x").view(np.uint32), bits)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame(),
        pd.DataFrame({"a": np.array([], dtype="float64"), "t": pd.Series([], dtype="str")}),
        pd.DataFrame({"Ünï": ["日本語", "", "a\u0301😀", None], "x": [0.1, np.nan, np.inf, -0.0]}),
        pd.DataFrame({"n": np.array([1, 2], dtype="int8"), "f": np.array([1, 2], dtype="float32"), "b": [True, False]}),
        pd.DataFrame({"x": [1, 2]}, index=pd.Index(["de", "en"], name="language")),
        pd.DataFrame({"c": pd.Categorical(["a", "b", "a"]), "d": pd.to_datetime(["2024-01-01"] * 3)}),
    ],
    ids=["nothing", "no rows", "unicode", "types", "index", "categories"],
)
def test_tables_come_back(store: Store, table: pd.DataFrame) -> None:
    artefact = store.put("s", SPEC, Payload(tables={"t": table}))
    pd.testing.assert_frame_equal(artefact.table("t"), table, check_exact=True)


def test_what_is_stored_can_be_checked_without_the_store(store: Store) -> None:
    artefact = store.put("scores", SPEC, sample(), seconds=1.5)
    assert artefact.path == store.root / "scores" / digest(SPEC)
    manifest = json.loads((artefact.path / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["format"], manifest["stage"], manifest["spec"], manifest["seconds"]) == (1, "scores", SPEC, 1.5)
    for entry, name in zip(manifest["files"], ["scores.npy", "kept.npy", "languages.parquet"], strict=True):
        content = (artefact.path / name).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["bytes"] == len(content)
    assert (manifest["files"][0]["dtype"], manifest["files"][0]["shape"]) == ("<f4", [3, 4])
    np.testing.assert_array_equal(np.load(artefact.path / "scores.npy"), sample().arrays["scores"])
    pd.testing.assert_frame_equal(pd.read_parquet(artefact.path / "languages.parquet"), sample().tables["languages"])


def test_artefact_says_what_it_is(store: Store) -> None:
    artefact = store.put("scores", SPEC, sample(), seconds=1.5)
    assert (artefact.arrays, artefact.tables) == (("scores", "kept"), ("languages",))
    assert artefact.nbytes == sum(p.stat().st_size for p in artefact.path.iterdir() if p.name != "manifest.json")
    assert artefact.seconds == 1.5
    assert artefact.created.utcoffset().total_seconds() == 0
    assert Store(store.root).find("scores", SPEC) == artefact
    assert len({artefact, Store(store.root).find("scores", SPEC)}) == 1
    with pytest.raises(StoreError, match=r"array 'x': artefact scores does not have it\. Its arrays: scores, kept"):
        artefact.array("x")


class Trap:
    """Sets off when unpickled."""

    def __reduce__(self) -> tuple:
        return pytest.fail, ("a pickle was loaded",)


@pytest.mark.parametrize(
    "array",
    [
        np.array([Trap()]),
        np.array(["text"]),
        np.array([b"text"]),
        np.array([1 + 2j]),
        np.zeros(2, dtype=[("a", "f4")]),
        np.ma.masked_array([1, 2], [True, False]),
        np.array(["2024-01-01"], dtype="M8[D]"),
        [1, 2],
    ],
    ids=["object", "text", "bytes", "complex", "record", "masked", "date", "list"],
)
def test_other_arrays_are_refused(store: Store, array: np.ndarray) -> None:
    with pytest.raises(StoreError, match=r"array 'x'.*(Put text|np\.asarray)"):
        store.put("s", SPEC, Payload(arrays={"x": array}))
    assert store.find("s", SPEC) is None
    assert temporaries(store.root) == []


def test_pickles_are_never_loaded(store: Store) -> None:
    """A pickle in an array's place is not loaded even if the manifest vouches for it."""
    artefact = store.put("s", SPEC, Payload(arrays={"x": np.arange(3)}))
    np.save(artefact.path / "x.npy", np.array([Trap()]), allow_pickle=True)
    content = (artefact.path / "x.npy").read_bytes()
    assert pickle.dumps(0)[:1] in content
    manifest = json.loads((artefact.path / "manifest.json").read_text())
    del manifest["sha256"]
    manifest["files"][0] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    manifest["sha256"] = digest(manifest)
    (artefact.path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        store.find("s", SPEC).array("x")


@pytest.mark.parametrize(
    "table", [pd.DataFrame({"a": [1, "x"]}), pd.DataFrame([[1, 2]], columns=["a", "a"])], ids=["mixed", "twice"]
)
def test_tables_that_parquet_cannot_hold_are_refused(store: Store, table: pd.DataFrame) -> None:
    with pytest.raises(StoreError, match="table 't': parquet cannot hold it"):
        store.put("s", SPEC, Payload(tables={"t": table}))
    assert store.find("s", SPEC) is None
    assert temporaries(store.root) == []


def test_facts_must_be_json(store: Store) -> None:
    with pytest.raises(StoreError, match=r"facts\['mean'\] = nan"):
        store.put("s", SPEC, Payload(facts={"mean": float("nan")}))


BAD_NAMES = ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "/etc", "a\n", "a b", "é", "x" * 101, "a\0b", "C:"]


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_names_cannot_lead_elsewhere(store: Store, name: str) -> None:
    for attempt in (
        lambda: store.find(name, SPEC),
        lambda: store.put(name, SPEC, Payload()),
        lambda: store.get_or_compute(name, SPEC, lambda: pytest.fail("computed")),
        lambda: store.get_or_build(name, SPEC, lambda _: pytest.fail("built")),
        lambda: store.lock(name, SPEC).__enter__(),
        lambda: store.put("s", SPEC, Payload(arrays={name: np.zeros(1)})),
        lambda: store.put("s", SPEC, Payload(tables={name: pd.DataFrame()})),
    ):
        with pytest.raises(StoreError, match="it becomes a file name"):
            attempt()
    assert sorted(p.name for p in store.root.parent.rglob("*") if p.suffix != ".lock") == [".locks", "cache"]


def test_names_that_differ_by_case_only_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="capital letters"):
        store.put("s", SPEC, Payload(arrays={"a": np.zeros(1), "A": np.zeros(1)}))


# --- computing once


def test_computed_once_then_found(store: Store) -> None:
    calls = []

    def compute() -> Payload:
        calls.append(1)
        return sample()

    for place in (store, store, Store(store.root)):
        assert_sample(place.get_or_compute("s", SPEC, compute))
    assert len(calls) == 1
    assert store.get_or_compute("other", SPEC, sample).path != store.get_or_compute("s", SPEC, compute).path


def test_key_order_finds_the_same_artefact(store: Store) -> None:
    made = store.put("s", SPEC, sample())
    assert store.find("s", reordered(SPEC)) == made


def test_put_keeps_what_is_there_and_whole(store: Store) -> None:
    first = store.put("s", SPEC, sample())
    assert store.put("s", SPEC, Payload()) == first
    flip_bit(first.path / "scores.npy")
    assert store.put("s", SPEC, Payload()).arrays == ()


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("x"), OSError(errno.ENOENT, "x"), KeyboardInterrupt(), SystemExit(3)], ids=repr
)
def test_what_compute_raises_passes_and_leaves_nothing(store: Store, error: BaseException) -> None:
    def fail(folder: Path | None = None) -> Payload:
        if folder is not None:
            (folder / "half").write_bytes(b"x")
        raise error

    for attempt in (lambda: store.get_or_compute("s", SPEC, fail), lambda: store.get_or_build("s", SPEC, fail)):
        with pytest.raises(type(error)) as caught:
            attempt()
        assert caught.value is error
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert store.entries() == []
    assert temporaries(store.root) == []
    # The lock is free: for this thread, and for others.
    results: list[Artefact] = []
    other = threading.Thread(target=lambda: results.append(store.get_or_compute("s", SPEC, sample)))
    other.start()
    other.join(60)
    assert_sample(results[0])


def test_an_artefact_may_need_others(store: Store) -> None:
    def outer() -> Payload:
        inner = store.get_or_compute("inner", SPEC, sample)
        return Payload(arrays={"double": inner.array("scores") * 2})

    np.testing.assert_array_equal(
        store.get_or_compute("outer", SPEC, outer).array("double"), sample().arrays["scores"] * 2
    )


def test_the_holder_of_the_lock_may_compute(store: Store) -> None:
    with store.lock("s", SPEC), Store(store.root).lock("s", SPEC):
        assert_sample(store.get_or_compute("s", SPEC, sample))


@pytest.mark.parametrize("same_store", [True, False])
def test_threads_that_want_the_same_compute_it_once(store: Store, same_store: bool) -> None:
    calls, results, started = [], [], threading.Barrier(4)
    computing, go_on = threading.Event(), threading.Event()

    def compute() -> Payload:
        calls.append(1)
        computing.set()
        go_on.wait(60)
        return sample()

    def ask() -> None:
        mine = store if same_store else Store(store.root)
        started.wait(60)
        results.append(mine.get_or_compute("s", SPEC, compute))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert computing.wait(60)
    assert store.find("s", SPEC) is None
    assert results == []
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert len(calls) == 1
    assert len(results) == 4
    assert_sample(results[-1])


def test_the_lock_excludes_other_threads(store: Store) -> None:
    inside, overlaps = [], []

    def work() -> None:
        for _ in range(5):
            with store.lock("s", SPEC):
                overlaps.append(len(inside))
                inside.append(1)
                threading.Event().wait(0.001)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert overlaps == [0] * 15


def test_processes_that_want_the_same_compute_it_once(store: Store, tmp_path: Path) -> None:
    script = """
        from pathlib import Path
        from test_store import SPEC, Store, assert_sample, sample
        root, counter = Path(sys.argv[1]), Path(sys.argv[2])
        def compute():
            with counter.open("a") as file:
                file.write("computed\\n")
            print("computing", flush=True)
            sys.stdin.readline()  # until both were told to go on
            return sample()
        store = Store(root)
        print("ready", flush=True)
        sys.stdin.readline()
        assert_sample(store.get_or_compute("s", SPEC, compute))
    """
    counter = tmp_path / "counter"
    both = [python(script, store.root, counter) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("start\n")
        process.stdin.flush()
    for process in both:
        process.stdin.write("go on\n")
        process.stdin.flush()
    for process in both:
        process.communicate(timeout=60)
    assert [process.returncode for process in both] == [0, 0]
    assert counter.read_text() == "computed\n"


def test_a_second_process_waits_for_the_first(store: Store) -> None:
    script = """
        from test_store import SPEC, Store, sample
        def compute():
            print("computing", flush=True)
            sys.stdin.readline()
            return sample()
        Store(sys.argv[1]).get_or_compute("s", SPEC, compute)
    """
    process = python(script, store.root)
    assert process.stdout.readline() == "computing\n"
    results: list[Artefact] = []
    waiting = threading.Thread(
        target=lambda: results.append(store.get_or_compute("s", SPEC, lambda: pytest.fail("computed twice")))
    )
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive()
    assert results == []
    process.communicate("go on\n", timeout=60)
    waiting.join(60)
    assert_sample(results[0])


# --- killed at any moment

KILLED_AT_EVERY_CALL = """
    import os, signal
    from pathlib import Path
    import pyarrow.dataset, pyarrow.parquet  # once, not in every child
    from test_store import SPEC, Store, assert_built, assert_sample, build, flip_bit, sample, temporaries

    CALLS = ["write", "fsync", "rename", "mkdir", "open", "unlink", "rmdir"]
    kind, root = sys.argv[1], Path(sys.argv[2])

    def die_at(n, torn):
        count = 0
        def wrap(name, real):
            def call(*arguments, **options):
                nonlocal count
                count += 1
                if count == n:
                    try:
                        if torn and name == "write":
                            real(arguments[0], memoryview(arguments[1])[: len(arguments[1]) // 2])
                        elif torn:
                            real(*arguments, **options)
                    finally:
                        os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **options)
            return call
        for name in CALLS:
            setattr(os, name, wrap(name, getattr(os, name)))

    def get(store):
        if kind == "compute":
            return store.get_or_compute("s", SPEC, sample)
        return store.get_or_build("s", SPEC, build)

    def check(artefact):
        (assert_sample if kind == "compute" else assert_built)(artefact)
        artefact.verify(afresh=True)

    def victim(n, place, torn):
        store = Store(place)
        if kind == "repair":
            flip_bit(get(store).path / "model.bin")
        die_at(n, torn)
        get(store)

    def examine(place):
        store = Store(place)
        assert temporaries(place) == [], "not swept"
        found = store.find("s", SPEC)
        if found is not None and kind != "repair":
            check(found)
        check(get(store))
        # Nothing half done was ever to be seen, not even to be found out as such; only the bit that we flipped.
        assert store.damaged == [] or (kind == "repair" and "model.bin: its checksum" in "".join(store.damaged))

    def forked(work, *arguments):
        pid = os.fork()
        if pid == 0:
            try:
                work(*arguments)
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        return os.waitpid(pid, 0)[1]

    for torn in (False, True):
        n, status = 0, None
        while status != 0:
            n += 1
            place = root / f"{torn}-{n}"
            status = forked(victim, n, place, torn)
            assert status in (0, signal.SIGKILL), f"call {n}: {status}"
            assert forked(examine, place) == 0, f"after a kill at call {n}"
        print(n)
"""


def build(folder: Path) -> dict:
    """Build what `assert_built` expects."""
    (folder / "sub").mkdir()
    (folder / "model.bin").write_bytes(bytes(range(256)) * 10)
    (folder / "sub" / "ü.json").write_text("{}")
    return {"layers": 2}


def assert_built(artefact: Artefact) -> None:
    assert (artefact.path / "model.bin").read_bytes() == bytes(range(256)) * 10
    assert (artefact.path / "sub" / "ü.json").read_text() == "{}"
    assert artefact.facts == {"layers": 2}


@pytest.mark.parametrize("kind", ["compute", "build", "repair"])
def test_killed_at_every_call_leaves_nothing_or_all(tmp_path: Path, kind: str) -> None:
    """SIGKILL before, after or in the middle of the n-th system call that changes the disk, for every n."""
    process = python(KILLED_AT_EVERY_CALL, kind, tmp_path)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    steps = [int(line) for line in output.split()]
    assert len(steps) == 2
    assert min(steps) > 8  # or nothing was wrapped


def test_all_is_on_disk_before_it_appears(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill leaves the system's buffers, a power cut does not: so look at what was forced to disk, and when."""
    synced: list[int] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        real_fsync(descriptor)
        synced.append(os.fstat(descriptor).st_ino)

    def rename(source: Path, target: Path) -> None:
        inside = [path.stat().st_ino for path in source.rglob("*")]
        assert len(inside) == 4  # three files, or two and a folder; and the manifest
        assert set(inside) <= set(synced)
        assert synced.index(source.stat().st_ino) > max(map(synced.index, inside))
        manifest, files = source / "manifest.json", [path for path in source.rglob("*") if path.is_file()]
        assert max(files, key=lambda path: synced.index(path.stat().st_ino)) == manifest
        real_rename(source, target)
        synced.clear()

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    for artefact in (store.get_or_compute("s", SPEC, sample), store.get_or_build("b", SPEC, build)):
        artefact.verify()
    assert synced == [(store.root / "b").stat().st_ino]


def test_killed_from_outside_while_computing(store: Store) -> None:
    script = """
        from test_store import SPEC, Store
        def build(folder):
            (folder / "half").write_bytes(b"x" * 1000)
            print("building", flush=True)
            sys.stdin.readline()
        Store(sys.argv[1]).get_or_build("s", SPEC, build)
    """
    process = python(script, store.root)
    assert process.stdout.readline() == "building\n"
    assert len(temporaries(store.root)) == 1
    Store(store.root)
    assert len(temporaries(store.root)) == 1, "the temporary folder of a living process was swept"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert store.find("s", SPEC) is None
    assert_built(Store(store.root).get_or_build("s", SPEC, build))
    assert temporaries(store.root) == []


def test_a_draft_of_this_very_thread_is_not_swept(store: Store) -> None:
    def build_and_open(folder: Path) -> dict:
        (folder / "x").write_bytes(b"x")
        Store(store.root)
        return {"left": sorted(path.name for path in folder.iterdir())}

    assert store.get_or_build("s", SPEC, build_and_open).facts == {"left": ["x"]}


# --- trouble with the disk


def test_a_system_that_writes_in_small_pieces(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
    artefact = store.put("s", SPEC, sample())
    artefact.verify()
    assert_sample(artefact)


@contextmanager
def failing_call(monkeypatch: pytest.MonkeyPatch, n: int) -> Iterator[list[int]]:
    """Let the n-th call that changes the disk fail as on a full disk."""
    count = [0]

    def wrap(real: Callable) -> Callable:
        def call(*arguments: object, **options: object) -> object:
            count[0] += 1
            if count[0] == n:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in ("write", "fsync", "rename", "mkdir"):
            patch.setattr(os, name, wrap(getattr(os, name)))
        yield count


@pytest.mark.parametrize("kind", ["compute", "build"])
def test_full_disk_at_any_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def get(store: Store) -> Artefact:
        return store.get_or_build("s", SPEC, build) if kind == "build" else store.get_or_compute("s", SPEC, sample)

    failures, n, done = 0, 0, False
    while not done:
        n += 1
        store = Store(tmp_path / str(n))
        other = store.put("s", {"other": 1}, sample())
        error: Exception | None = None
        with failing_call(monkeypatch, n) as count:
            try:
                get(store)
            except (StoreError, OSError) as caught:
                error = caught
        done = count[0] < n
        if isinstance(error, StoreError):
            failures += 1
            assert error.why == f"the system says: {os.strerror(errno.ENOSPC)}"
            assert error.what == f"storing s in {store.root}"
            assert "Make room" in error.instead
        # Making a folder that is there already may fail unheard; what fails within `build` passes unchanged.
        assert kind == "build" or isinstance(error, StoreError | None)
        assert temporaries(store.root) == []
        other.verify(afresh=True)
        (assert_built if kind == "build" else assert_sample)(get(store))
    assert failures > 8


def test_really_no_room(store: Store) -> None:
    """The system's own limit on file size, in another process, with nothing replaced."""
    script = """
        import resource, signal
        import numpy as np
        from test_store import SPEC, Payload, Store, StoreError, temporaries
        store = Store(sys.argv[1])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
        try:
            store.put("s", SPEC, Payload(arrays={"x": np.zeros(100_000)}))
        except StoreError as error:
            assert "File too large" in error.why, error
        else:
            raise SystemExit("stored")
        assert temporaries(store.root) == []
        assert store.find("s", SPEC) is None
    """
    process = python(script, store.root)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_folder_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for root in (tmp_path / "file", tmp_path / "file" / "cache"):
        with pytest.raises(StoreError, match=r"cache folder .*: the system says: .*choose another cache folder"):
            Store(root)


def test_a_file_in_the_place_of_a_stage(store: Store) -> None:
    (store.root / "s").write_text("in the way")
    with pytest.raises(StoreError, match="storing s in"):
        store.put("s", SPEC, sample())


def test_the_whole_cache_deleted_under_a_running_program(store: Store) -> None:
    store.put("s", SPEC, sample())
    subprocess.run(["rm", "-r", str(store.root)], check=True)
    assert_sample(store.get_or_compute("s", SPEC, sample))


# --- damage


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def flip_first(path: Path) -> None:
    flip_bit(path, 0)


def flip_middle(path: Path) -> None:
    flip_bit(path, path.stat().st_size // 2)


FILES = ["manifest.json", "scores.npy", "kept.npy", "languages.parquet"]
SEEN_AT_ONCE = [cut, Path.unlink, replace_by_folder, lambda path: path.write_bytes(b"")]
SEEN_AT_ONCE_IDS = ["cut", "missing", "folder", "empty"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", SEEN_AT_ONCE, ids=SEEN_AT_ONCE_IDS)
def test_damage_seen_at_once(
    store: Store, caplog: pytest.LogCaptureFixture, name: str, damage: Callable[[Path], object]
) -> None:
    artefact = store.put("s", SPEC, sample())
    damage(artefact.path / name)
    with caplog.at_level(logging.WARNING, "core.store"):
        assert store.find("s", SPEC) is None
    assert not artefact.path.exists()
    assert len(store.damaged) == 1
    assert name in store.damaged[0]
    assert store.damaged[0] in caplog.text
    assert temporaries(store.root) == []
    assert_sample(store.get_or_compute("s", SPEC, sample))


@pytest.mark.parametrize(
    "content",
    [b"\0\xff\xfe", b"{", b"[]", b"{}", b"null", b'{"sha256": 1}', b'"text"', b"[" * 100_000, b"NaN"],
    ids=range(9),
)
def test_garbage_manifest(store: Store, content: bytes) -> None:
    artefact = store.put("s", SPEC, sample())
    (artefact.path / "manifest.json").write_bytes(content)
    assert store.entries() == []
    assert "manifest.json" in store.damaged[0]
    assert_sample(store.get_or_compute("s", SPEC, sample))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_flipped_bit_of_a_manifest_changes_what_it_says(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    store = Store(tmp_path_factory.mktemp("cache"))
    artefact = store.put("s", SPEC, Payload(facts={"n": 12, "x": 0.125, "ok": True}), seconds=1.0)
    path = artefact.path / "manifest.json"
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    assert store.find("s", SPEC) in (None, artefact)  # the latter if the bit was in white space


def test_a_manifest_of_something_else(store: Store) -> None:
    one, other = store.put("s", SPEC, sample()), store.put("s", {"other": 1}, sample())
    (one.path / "manifest.json").write_bytes((other.path / "manifest.json").read_bytes())
    assert store.find("s", SPEC) is None


@pytest.mark.parametrize("path", ["../../secret", "/etc/hostname", "a/../../b", "..\\b", "C:x", ""])
def test_a_manifest_cannot_lead_elsewhere(store: Store, path: str) -> None:
    artefact = store.get_or_build("s", SPEC, build)
    manifest = json.loads((artefact.path / "manifest.json").read_text(encoding="utf-8"))
    del manifest["sha256"]
    manifest["files"][0]["name"] = path
    manifest["sha256"] = digest(manifest)
    (artefact.path / "manifest.json").write_text(json.dumps(manifest))
    assert store.find("s", SPEC) is None
    assert "it leads out of the artefact" in store.damaged[0]


@pytest.mark.parametrize("flip", [flip_first, flip_middle, flip_bit])
@pytest.mark.parametrize("name", FILES[1:])
def test_a_flipped_bit_is_found_when_read(store: Store, name: str, flip: Callable[[Path], None]) -> None:
    artefact = store.put("s", SPEC, sample())
    flip(artefact.path / name)
    assert store.find("s", SPEC) == artefact  # quick: not read yet
    stem, kind = name.split(".")
    with pytest.raises(DamagedArtefact, match=f"{name}: its checksum is not that of what was written. It has to be"):
        artefact.array(stem) if kind == "npy" else artefact.table(stem)
    with pytest.raises(DamagedArtefact, match=name):
        artefact.verify()


@pytest.mark.parametrize("damage", [flip_bit, *SEEN_AT_ONCE], ids=["flipped", *SEEN_AT_ONCE_IDS])
def test_get_or_compute_never_returns_damage(store: Store, damage: Callable[[Path], object]) -> None:
    damage(store.put("s", SPEC, sample()).path / "scores.npy")
    assert_sample(store.get_or_compute("s", SPEC, sample))
    assert len(store.damaged) == 1
    assert_sample(store.get_or_compute("s", SPEC, lambda: pytest.fail("computed again")))


@pytest.mark.parametrize("damage", [flip_bit, *SEEN_AT_ONCE], ids=["flipped", *SEEN_AT_ONCE_IDS])
def test_read_heals_what_breaks_while_it_is_read(store: Store, damage: Callable[[Path], object]) -> None:
    calls = []

    def reader(artefact: Artefact) -> np.ndarray:
        calls.append(1)
        if len(calls) == 1:
            damage(artefact.path / "scores.npy")
        return artefact.array("scores")

    np.testing.assert_array_equal(store.read("s", SPEC, sample, reader), sample().arrays["scores"])
    assert len(calls) == 2
    assert len(store.damaged) == 1


def test_read_heals_what_is_removed_while_it_is_read(store: Store) -> None:
    calls = []

    def reader(artefact: Artefact) -> np.ndarray:
        calls.append(1)
        if len(calls) == 1:
            Store(store.root).remove(artefact)
        return artefact.array("scores")

    np.testing.assert_array_equal(store.read("s", SPEC, sample, reader), sample().arrays["scores"])
    assert store.damaged == []


def test_read_gives_up_after_the_second_time(store: Store) -> None:
    calls = []

    def reader(artefact: Artefact) -> np.ndarray:
        calls.append(1)
        flip_bit(artefact.path / "scores.npy")
        return artefact.array("scores")

    with pytest.raises(DamagedArtefact):
        store.read("s", SPEC, sample, reader)
    assert len(calls) == 2


def test_damage_is_not_removed_under_somebody_at_work(store: Store) -> None:
    artefact = store.put("s", SPEC, sample())
    cut(artefact.path / "scores.npy")
    found = []
    with store.lock("s", SPEC):
        other = threading.Thread(target=lambda: found.append(store.find("s", SPEC)))
        other.start()
        other.join(60)
    assert found == [None]
    assert artefact.path.exists()
    assert store.damaged == []


def test_trouble_in_reading_is_not_damage(store: Store) -> None:
    """Too many open files must not empty the cache."""
    artefact = store.put("s", SPEC, sample())
    script = """
        import os, resource
        from test_store import SPEC, DamagedArtefact, Store, StoreError
        store = Store(sys.argv[1])
        artefact = store.find("s", SPEC)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/dev/fd"))), 4096))
        for attempt in (lambda: store.find("s", SPEC), lambda: artefact.array("scores")):
            try:
                attempt()
            except DamagedArtefact:
                raise
            except StoreError as error:
                assert "Too many open files" in error.why, error
            else:
                raise SystemExit("read")
    """
    process = python(script, store.root)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert_sample(store.find("s", SPEC))
    assert artefact == store.find("s", SPEC)


def test_checksums_are_remembered_by_size_and_time(store: Store) -> None:
    artefact = store.put("s", SPEC, sample())
    path = artefact.path / "scores.npy"
    os.utime(path, ns=(10**18, 10**18))
    artefact.verify()
    flip_bit(path)
    os.utime(path, ns=(10**18, 10**18))
    artefact.verify()  # as quick as it is blind: same size, same time
    with pytest.raises(DamagedArtefact):
        artefact.verify(afresh=True)
    os.utime(path, ns=(10**18 + 1, 10**18 + 1))
    with pytest.raises(DamagedArtefact):
        artefact.array("scores")


def test_a_file_written_a_moment_ago_is_not_remembered(store: Store) -> None:
    """On a file system with a coarse clock, a second write may leave size and time as they were."""
    artefact = store.put("s", SPEC, sample())
    path = artefact.path / "scores.npy"
    artefact.verify()
    status = path.stat()
    flip_bit(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(DamagedArtefact):
        artefact.verify()


# --- built folders


def test_build_is_stored_and_not_repeated(store: Store) -> None:
    artefact = store.get_or_build("model", SPEC, build)
    assert_built(artefact)
    assert_built(store.get_or_build("model", SPEC, lambda _: pytest.fail("built again")))
    assert (artefact.arrays, artefact.tables) == ((), ())
    for entry in artefact.files:
        assert entry.sha256 == hashlib.sha256((artefact.path / entry.path).read_bytes()).hexdigest()
    assert [entry.name for entry in artefact.files] == ["model.bin", "sub/ü.json"]
    assert artefact.nbytes == 2562
    assert artefact.seconds >= 0


@pytest.mark.parametrize("name", ["model.bin", "sub/ü.json"])
@pytest.mark.parametrize("damage", [flip_bit, *SEEN_AT_ONCE], ids=["flipped", *SEEN_AT_ONCE_IDS])
def test_damaged_build_is_built_again(store: Store, name: str, damage: Callable[[Path], object]) -> None:
    artefact = store.get_or_build("model", SPEC, build)
    damage(artefact.path / name)
    with pytest.raises(DamagedArtefact):
        artefact.verify()
    assert_built(store.get_or_build("model", SPEC, build))
    assert len(store.damaged) == 1


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: (folder / "link").symlink_to("/etc/hostname"), "a link or a device"),
        (lambda folder: (folder / "link").symlink_to(folder, target_is_directory=True), "a link or a device"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "the store writes that one itself"),
        (lambda folder: (folder / "a:b").write_text("{}"), "it leads out of the artefact"),
    ],
    ids=["link", "link to folder", "manifest", "colon"],
)
def test_builds_that_checksums_would_not_cover_are_refused(
    store: Store, spoil: Callable[[Path], object], why: str
) -> None:
    def spoilt(folder: Path) -> dict:
        spoil(folder)
        return {}

    with pytest.raises(StoreError, match=why):
        store.get_or_build("model", SPEC, spoilt)
    assert store.entries() == []
    assert temporaries(store.root) == []


# --- housekeeping


def test_entries_size_and_remove(store: Store) -> None:
    assert (store.entries(), store.size()) == ([], 0)
    made = [
        store.put("b", SPEC, sample()),
        store.put("a", SPEC, sample()),
        store.get_or_build("a", {"other": 1}, build),
    ]
    (store.root / ".gitkeep").touch()
    (store.root / "a" / "notes.txt").write_text("not ours")
    assert store.entries() == made
    assert store.size() == sum(artefact.nbytes for artefact in made)
    store.remove(made[0])
    assert not made[0].path.exists()
    assert store.entries() == made[1:]
    store.remove(made[0])  # once more is no more
    assert temporaries(store.root) == []


def test_remove_spares_the_successor(store: Store) -> None:
    old = store.put("s", SPEC, sample())
    store.remove(old)
    new = store.put("s", SPEC, sample())
    store.remove(old)
    assert store.find("s", SPEC) == new


def test_removed_while_in_use(store: Store) -> None:
    artefact = store.put("s", SPEC, sample())
    array = artefact.array("scores")
    store.remove(artefact)
    np.testing.assert_array_equal(array, sample().arrays["scores"])
    with pytest.raises(DamagedArtefact, match="it is missing"):
        artefact.array("scores")


def test_errors_cross_process_borders() -> None:
    error = pickle.loads(pickle.dumps(DamagedArtefact("what", "why", "instead")))
    assert type(error) is DamagedArtefact
    assert str(error) == "what: why. instead"
