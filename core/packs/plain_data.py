"""Answers as plain data and back: JSON that refers to arrays and tables; only known dataclasses are made from it.

Nothing of a pack is ever run: an array is read without pickles, a table as Parquet, and everything else is JSON whose
objects name one of `_KINDS`.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from core.analyses.experts import ScoredNeurons
from core.analyses.kept_texts import BothSides, KeptTexts
from core.analyses.rival_spaces import RivalSpace, RivalSpaces
from core.analyses.strength_path import Path
from core.analyses.translation_ranks import Ranks
from core.corpora.corpus import Corpus, ParallelSet
from core.errors import PackError
from core.experiment.file import check_kinds
from core.experiment.imported import Imported
from core.experiment.plan import Plan
from core.experiment.settings import Experiment
from core.inference.encoding import Encoding
from core.inference.perplexity import Perplexity
from core.inference.writing import Writing
from core.models.load import Outline
from core.models.sentence_pooling import SentenceEncoder, Step
from core.models.spec import ResolvedModel
from core.neurons.experts import Expertise, Experts
from core.neurons.neuron_map import NeuronMap, Site
from core.packs.field_types import misfits
from core.packs.ground import Ground
from core.pipeline.before_after import Change
from core.pipeline.computed_settings import Summary
from core.pipeline.result import Result
from core.spaces.map_stability import Movement
from core.spaces.measured_space import MeasuredSpace, Sentences
from core.spaces.rivals import RAW, RIVALS, Rival
from core.store import bounded_parquet
from core.store.files import DTYPES, JSON

# What a pack may hold. To pack another kind of answer, add its classes here.
_KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *(Result, Experts, Expertise, ScoredNeurons, Ranks, Movement, Path, RivalSpaces, RivalSpace, MeasuredSpace),
        *(Sentences, Plan, Experiment, ResolvedModel, Outline, NeuronMap, Site, Corpus, ParallelSet, Imported),
        *(Encoding, SentenceEncoder, Step, Summary, Change, Ground, KeptTexts, BothSides, Writing, Perplexity),
    )
}
_MOST_CELLS, _MOST_BYTES = 20_000_000, 1 << 28  # of one table
_MOST_OF_PACK = 1 << 29  # bytes of all tables of a pack, unpacked

Files = dict[str, bytes]
"""By their names in the pack."""


class NotPlainError(ValueError):
    """The data is malformed, or of a kind that this version does not know."""


class Writer:
    """Writes answers as JSON values, and their arrays and tables as files; what is equal is written once.

    Attributes
    ----------
    files : dict of str to bytes
        Arrays (``arrays/SHA256.npy``) and tables (``tables/SHA256.parquet``), by their names.
    """

    def __init__(self) -> None:
        self.files: Files = {}

    def write(self, value: Any) -> JSON:
        """Give the JSON of a value."""
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, int | np.integer):
            return int(value)
        if isinstance(value, float | np.floating):
            return float(value) if math.isfinite(value) else {"float": repr(float(value))}
        if isinstance(value, np.ndarray):
            return {"array": self._array(value)}
        if isinstance(value, pd.DataFrame):
            return {"table": self._file("tables", "parquet", value.to_parquet(engine="pyarrow"))}
        if isinstance(value, tuple):
            return {"tuple": [self.write(item) for item in value]}
        if isinstance(value, list):
            return [self.write(item) for item in value]
        if isinstance(value, Mapping):
            return {"map": [[self.write(key), self.write(item)] for key, item in value.items()]}
        if isinstance(value, Rival):
            return {"rival": value.name}
        return self._object(value)

    def _object(self, value: Any) -> JSON:
        name = type(value).__name__
        if not is_dataclass(value) or _KINDS.get(name) is not type(value):
            raise NotPlainError(f"a pack holds no {name}")
        written: dict[str, JSON] = {
            field.name: self.write(getattr(value, field.name)) for field in fields(value) if _is_carried(field)
        }
        # Of a corpus a pack holds less than was read, so that its digest could not be found again.
        extra: dict[str, JSON] = {"digest": value.digest} if isinstance(value, Corpus) else {}
        return {"is": name, "with": written, **extra}

    def _array(self, array: np.ndarray) -> str:
        if array.dtype.name not in DTYPES:
            raise NotPlainError(f"a pack holds no array of {array.dtype}")
        sink = io.BytesIO()
        np.lib.format.write_array(sink, np.ascontiguousarray(array), allow_pickle=False)
        return self._file("arrays", "npy", sink.getvalue())

    def _file(self, folder: str, ending: str, content: bytes) -> str:
        name = f"{folder}/{hashlib.sha256(content).hexdigest()}.{ending}"
        self.files[name] = content
        return name


class Reader:
    """Undoes what a `Writer` does; an array or a table is read once, however often it is referred to.

    Parameters
    ----------
    file : callable
        Gives the bytes of a file of the pack by its name, verified; raises KeyError if there is none.
    """

    def __init__(self, file: Callable[[str], bytes]) -> None:
        self._file = file
        self._arrays: dict[str, np.ndarray] = {}
        self._tables: dict[str, pd.DataFrame] = {}
        self._left = _MOST_OF_PACK

    def read(self, value: JSON) -> Any:
        """Give the value that a JSON value stands for.

        Raises
        ------
        NotPlainError
            If it is malformed, or of a kind that this version does not know.
        """
        try:
            return self._read(value)
        except (NotPlainError, PackError):
            raise
        except Exception as error:  # data from elsewhere may make a library raise anything
            raise NotPlainError(str(error) or type(error).__name__) from error

    def _read(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._read(item) for item in value]
        if not isinstance(value, dict):
            return value
        kind = next(iter(value), "")
        if kind == "is":
            return self._object(value)
        if len(value) != 1 or kind not in self._MARKS:
            raise NotPlainError(f"{kind!r} is no kind of value")
        return self._MARKS[kind](self, value[kind])

    def _map(self, pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        return {self._read(key): self._read(item) for key, item in pairs}

    def _array(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            self._arrays[name] = self._read_array(name)
        return self._arrays[name]

    def _read_array(self, name: str) -> np.ndarray:
        source = io.BytesIO(self._file(name))
        version = np.lib.format.read_magic(source)
        headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = headers[version](source)
        # What the header claims is compared before memory for it is taken.
        if dtype.name not in DTYPES or math.prod(shape) * dtype.itemsize != len(source.getvalue()) - source.tell():
            raise NotPlainError(f"the array {name} is not what its header says")
        source.seek(0)
        array: np.ndarray = np.lib.format.read_array(source, allow_pickle=False)
        array.setflags(write=False)
        return array

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self._tables:
            source = pa.BufferReader(self._file(name))
            table = bounded_parquet.read(source, _MOST_CELLS, min(_MOST_BYTES, self._left))
            self._left -= table.nbytes
            self._tables[name] = table.to_pandas(use_threads=False)
        return self._tables[name].copy(deep=False)  # whoever adds a column adds it to theirs

    def _object(self, value: dict[str, Any]) -> Any:
        kind, written = _KINDS.get(value["is"]), value["with"]
        if kind is None:
            raise NotPlainError(f"{value['is']!r} is no kind of object")
        if unknown := sorted(set(written) - {field.name for field in fields(kind) if _is_carried(field)}):
            raise NotPlainError(f"{kind.__name__} has no {', '.join(unknown)}")
        values = {name: self._read(item) for name, item in written.items()}
        if odd := misfits(kind, values):
            raise NotPlainError(f"{', '.join(odd)} of {kind.__name__} is of another type")
        made = kind(**values)
        if isinstance(made, Experiment):
            check_kinds("settings of a pack", made.to_dict())
        if isinstance(made, Corpus):
            made = made.with_digest(str(value["digest"]))
        return made

    _MARKS: Mapping[str, Callable[[Reader, Any], Any]] = {
        "float": lambda _, text: {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[text],
        "tuple": lambda self, items: tuple(self._read(item) for item in items),
        "map": _map,
        "array": _array,
        "table": _table,
        "rival": lambda _, name: RAW if name == RAW.name else RIVALS[name],
    }


def _is_carried(field: Any) -> bool:
    """Whether a field is part of the value, and no memory of what was derived from it."""
    return bool(field.init) and not field.name.startswith("_")
