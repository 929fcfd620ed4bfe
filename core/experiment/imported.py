"""Experts that a file names, or a person by hand: a table of neurons, or the masks that LAPE publishes."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.corpora.file_memory import FileMemory
from core.corpora.table_files import READERS, Rows, read_rows
from core.errors import AskError, SettingError
from core.experiment.named_neurons import BY_HAND, OPERATION, files
from core.location import expanded
from core.neurons.neuron_map import NeuronMap, Site

_MASKS = (".pth", ".pt")
_NEEDED = ("layer", "site", "unit")
_DIGEST = re.compile(r"[0-9a-f]{16,64}")


@dataclass(frozen=True)
class Imported:
    """Neurons that a file names, in its order.

    Attributes
    ----------
    neurons : tuple of int
        Global indices, all different.
    values : tuple of float, or None
        What each is held at; None: at its mean response to the target.
    """

    neurons: tuple[int, ...]
    values: tuple[float, ...] | None = None


_memory: FileMemory[Imported] = FileMemory(16)  # a page asks at every control


def read_imported(spec: str, neurons: NeuronMap, model: str) -> Imported:
    """Read the neurons that a file names, or several files put together.

    Parameters
    ----------
    spec : str
        Names of files, read from left to right: ``es.csv or fr.csv`` (the neurons of either), ``es.csv and fr.csv``
        (those of both), ``es.csv without fr.csv`` (those of the first alone). A neuron that several files name is held
        at the mean of their values. A file is a table (CSV, TSV, JSON, JSONL, Parquet) with columns ``layer``,
        ``site``, ``unit`` and, where they are held at values of their own, ``value``, as ``core experts`` writes; where
        it has a column ``model`` with digests, it must be of this one.
        In place of a file, one neuron by hand: ``12:down_proj:33``, or ``12:down_proj:33=4.2`` held at that value.
        Or it holds LAPE's masks (``.pth``): of one language, or of several with ``#N`` after its name, counted from 0.
    neurons : NeuronMap
        Of the model.
    model : str
        Its digest.

    Raises
    ------
    SettingError
        Where the file cannot be read, or names what the model does not have.
    """
    places = [_path(spec, name.partition("#")[0]) for name in files(spec) if not BY_HAND.fullmatch(name)]
    return _memory.get(places, (spec, neurons, model), lambda: _put_together(spec, neurons, model))


def _put_together(spec: str, neurons: NeuronMap, model: str) -> Imported:
    first, *rest = OPERATION.split(spec.strip())
    imported = _from_file(first, neurons, model)
    valued, held = imported.values is not None, _values_by_neuron(imported)
    for operation, name in zip(rest[::2], rest[1::2], strict=True):
        imported = _from_file(name, neurons, model)
        other = _values_by_neuron(imported)
        if operation == "without":
            held = {neuron: values for neuron, values in held.items() if neuron not in other}
            continue
        if (imported.values is not None) != valued:
            raise SettingError(
                f"experts from {spec}",
                "some of the files have a column value, and others none",
                "Give all of them one, or none.",
            )
        both = {neuron: held[neuron] + other[neuron] for neuron in held if neuron in other}
        held = both if operation == "and" else {**held, **other, **both}
    if not held:
        raise SettingError(f"experts from {spec}", "no neuron is left", "Put other files together.")
    return Imported(tuple(held), tuple(float(np.mean(values)) for values in held.values()) if valued else None)


def _values_by_neuron(imported: Imported) -> dict[int, list[float]]:
    """Each neuron's value in a list, which is empty where the file has none."""
    values = [[value] for value in imported.values] if imported.values is not None else [[] for _ in imported.neurons]
    return dict(zip(imported.neurons, values, strict=True))


def _from_file(spec: str, neurons: NeuronMap, model: str) -> Imported:
    if named := BY_HAND.fullmatch(spec):
        layer, site, unit, value = named.groups()
        cells = ((layer, site, unit, value or ""),)
        return _of_rows(spec, Rows((*_NEEDED, "value"), cells, ("the name",)), neurons, model)
    name, mark, number = spec.partition("#")
    path = _path(spec, name)
    if path.suffix.lower() in _MASKS:
        return _from_masks(spec, path, number if mark else None, neurons)
    return _from_table(spec, path, neurons, model)


def _path(spec: str, name: str) -> Path:
    """Where a file is said to be; raises `SettingError` for a name that none can have."""
    try:
        if b"\0" in os.fsencode(name):
            raise ValueError(name)
    except ValueError:
        raise SettingError(
            f"experts from {spec!r}", "no file can have such a name", "Check the name of the file."
        ) from None
    return expanded(name)


def _from_table(spec: str, path: Path, neurons: NeuronMap, model: str) -> Imported:
    try:
        rows = read_rows(f"experts from {spec}", path)
    except AskError as error:
        kinds = ", ".join([*READERS, *_MASKS])
        raise SettingError(f"experts from {spec}", error.why, f"Name a file of one of these kinds: {kinds}.") from error
    return _of_rows(spec, rows, neurons, model)


def _of_rows(spec: str, rows: Rows, neurons: NeuronMap, model: str) -> Imported:
    at = {name.lower(): place for place, name in enumerate(rows.columns)}
    if missing := [name for name in _NEEDED if name not in at]:
        raise SettingError(
            f"experts from {spec}",
            f"it has no column {', '.join(missing)}",
            f"Write the columns {', '.join(_NEEDED)} and, if you like, value, as the command experts does.",
        )
    _check_model(spec, rows, at, model)
    sites = {(site.layer, label): site for site in neurons.sites for label in (site.path, site.name)}
    found = []
    for row, place in zip(rows.cells, rows.places, strict=True):
        layer, unit = (_whole(spec, place, name, row[at[name]]) for name in ("layer", "unit"))
        site = sites.get((layer, str(row[at["site"]])))
        if site is None or not 0 <= unit < site.width:
            raise _not_there(spec, f"{place} names {row[at['site']]} {unit} of layer {layer}", neurons)
        found.append(site.start + unit)
    return _checked(spec, found, _values(spec, rows, at), rows.places)


def _check_model(spec: str, rows: Rows, at: dict[str, int], model: str) -> None:
    """Refuse neurons of another model: their names and numbers may fit by chance."""
    if "model" not in at:
        return
    for row, place in zip(rows.cells, rows.places, strict=True):
        digest = str(row[at["model"]])
        if _DIGEST.fullmatch(digest) and not model.startswith(digest):
            raise SettingError(
                f"experts from {spec}",
                f"{place} is of a model whose digest begins with {digest[:16]}, and this one's with {model[:16]}: "
                "another model, or another revision or file name of it",
                "Use a file that was made of this model, or take the column model out.",
            )


def _values(spec: str, rows: Rows, at: dict[str, int]) -> tuple[float, ...] | None:
    """What the neurons are held at; None where the table has no such column, or it is empty."""
    cells = [row[at["value"]] for row in rows.cells] if "value" in at else []
    if not cells or all(cell in ("", None) for cell in cells):
        return None
    values = []
    for cell, place in zip(cells, rows.places, strict=True):
        try:
            value = float(str(cell))
        except ValueError:
            value = float("nan")
        if not np.isfinite(np.float32(value)):
            raise SettingError(
                f"experts from {spec}", f"{place} has the value {cell!r}", "Write a number there, or leave all empty."
            )
        values.append(value)
    return tuple(values)


def _from_masks(spec: str, path: Path, number: str | None, neurons: NeuronMap) -> Imported:
    """Read masks as LAPE publishes them: by language and layer, the units of the activation that is silenced."""
    lists = _loaded(spec, path)
    if isinstance(lists, Sequence) and lists and isinstance(lists[0], Sequence):
        if number is None and len(lists) > 1:
            raise SettingError(
                f"experts from {spec}", f"it has {len(lists)} lists, one a language", f"Name one: {spec}#0."
            )
        place = int(number or 0) if re.fullmatch("[0-9]{0,9}", number or "") else len(lists)
        if place >= len(lists):
            raise SettingError(
                f"experts from {spec}", f"it has {len(lists)} lists", f"Name one from #0 to #{len(lists) - 1}."
            )
        lists = lists[place]
    first = _activations(neurons)
    if not isinstance(lists, Sequence) or len(lists) != len(first):
        n = f"{len(lists)} layers" if isinstance(lists, Sequence) else f"a {type(lists).__name__}"
        raise _not_there(spec, f"it holds {n}", neurons)
    found: list[int] = []
    for layer, (units, site) in enumerate(zip(lists, first, strict=True)):
        indices = np.asarray(units)
        if indices.dtype == bool:
            indices = np.flatnonzero(indices) if indices.shape == (site.width,) else np.array([-1])
        if indices.ndim != 1 or (indices.size and (indices.dtype.kind not in "iu" or indices.min() < 0)):
            raise _not_there(spec, f"its layer {layer} is no list of units", neurons)
        if indices.size and indices.max() >= site.width:
            raise _not_there(spec, f"it names {site.name} {indices.max()} of layer {layer}", neurons)
        found += [site.start + int(unit) for unit in indices]
    return _checked(spec, found, None, ())


def _loaded(spec: str, path: Path) -> Any:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise SettingError(f"experts from {spec}", error.strerror or str(error), "Check the path.") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise SettingError(
            f"experts from {spec}",
            "it is damaged, or holds more than lists of tensors, and code in a file is not run",
            "Save lists of tensors of units by layer, or a table with layer, site, unit.",
        ) from error


def _activations(neurons: NeuronMap) -> list[Site]:
    """The first map of each layer's MLP: what the activation is computed of."""
    first: dict[int, Site] = {}
    for site in neurons.sites:
        if site.kind == "mlp":
            first.setdefault(site.layer, site)
    return list(first.values())


def _checked(spec: str, found: list[int], values: tuple[float, ...] | None, places: Iterable[str]) -> Imported:
    if not found:
        raise SettingError(f"experts from {spec}", "it names no neuron", "Name at least one.")
    if len(set(found)) < len(found):
        seen: set[int] = set()
        again = next(place for place, neuron in enumerate(found) if neuron in seen or seen.add(neuron))  # type: ignore[func-returns-value]
        where = [*places][again] if places else f"entry {again + 1}"
        raise SettingError(f"experts from {spec}", f"{where} names a neuron once more", "Name each neuron once.")
    return Imported(tuple(found), values)


def _whole(spec: str, place: str, name: str, cell: object) -> int:
    try:
        return int(str(cell))
    except ValueError:
        raise SettingError(
            f"experts from {spec}", f"{place} has {cell!r} as its {name}", "Write a whole number, counted from 0."
        ) from None


def _not_there(spec: str, what: str, neurons: NeuronMap) -> SettingError:
    widths = {site.name: site.width for site in neurons.sites}
    have = ", ".join(f"{name} 0 to {width - 1:,}" for name, width in widths.items())
    return SettingError(
        f"experts from {spec}",
        f"{what}; the model has layers 0 to {neurons.n_layers - 1}, each with {have}",
        "Use a file that was made of this model.",
    )
