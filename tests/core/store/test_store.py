"""The store's contract: what an address is, what comes back as it was, and what is refused."""

import errno
import hashlib
import json
import pickle
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.store.artefact import Artefact, Payload
from core.store.files import digest
from core.store.store import Store, StoreError
from tests.helpers.store import SPEC, assert_built, assert_sample, build, flip_bit, sample, temporaries


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store, alone in the folder that the tests of names look through."""
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
    ids=lambda value: f"{type(value).__name__}-{value if isinstance(value, float | dict | str) else ''}",
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
