"""Options that commands share: the settings of an experiment, from the table of settings, and the cache."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from core.cli import sharing
from core.corpora.formats import FORMATS
from core.errors import SettingError
from core.experiment.entry import Setting
from core.experiment.file import read_experiment
from core.experiment.kinds import Flag, OneOf, split_names
from core.experiment.names import SETTINGS, in_group
from core.experiment.settings import Experiment
from core.location import default_cache
from core.neurons.interventions import TOKENS
from core.neurons.methods import METHODS
from core.neurons.scores import SCORES

_INDENT = 20  # of what the tables in a manual say of a name
_EXPLAINED = dict.fromkeys(("rivals", "measures"), "python -m core measures")  # by what; else a command's own manual

_MODELS = {
    "embedded": "Gemma 3 270M (base); comes with the requirements, nothing is downloaded",
    "embedded:e5": "multilingual E5 small, an encoder; comes with the requirements (Linux, macOS on arm64)",
    "OWNER/NAME": "a decoder, an encoder or an encoder-decoder on the Hugging Face hub, at --revision",
    "FILE.gguf": "converted once, and kept in the cache",
    "FOLDER": "one saved with save_pretrained (config.json, *.safetensors, tokenizer.json)",
}


def add_experiment(parser: argparse.ArgumentParser, groups: Iterable[str], taken: Collection[str] = ()) -> None:
    """Add the options of the settings in these groups, and ``--experiment`` and ``--cache``.

    A setting that is not given is absent from the parsed arguments: the file's value or the default is used.

    Parameters
    ----------
    groups : iterable of str
        Names in `core.experiment.names.GROUPS`.
    taken : collection of str
        Settings whose own option says something else in this command; `Setting.everywhere` says them.
    """
    parser.add_argument(
        "--experiment",
        metavar="FILE",
        type=Path,
        help="take the settings from a JSON file, as the dashboard saves or --json writes; options beside it win",
    )
    for group in groups:
        section = parser.add_argument_group(group)
        for setting in in_group(group):
            add_setting(section, setting, taken=setting.name in taken)
        if group == "other":
            add_cache(section)


def add_setting(section: Any, setting: Setting, *, taken: bool = False) -> None:
    """Add one setting's option to a parser or a group of it, and its older names, which the help does not list.

    Parameters
    ----------
    taken : bool
        Whether its own option says something else here, so that only the one for every command is added.
    """
    arguments: dict[str, Any] = {"dest": setting.name, "default": argparse.SUPPRESS}
    if isinstance(setting.kind, OneOf):
        arguments["choices"] = setting.kind.names
    elif isinstance(setting.kind, Flag):
        arguments |= {"type": _reader(setting), "nargs": "?", "const": True, "metavar": setting.kind.metavar}
    else:
        arguments |= {"type": _reader(setting), "metavar": setting.kind.metavar}
    options = filter(None, ("" if taken else setting.option, setting.everywhere))
    section.add_argument(*options, help=_help(setting), **arguments)
    for older in setting.older_options:
        section.add_argument(older, **arguments | {"help": argparse.SUPPRESS})


def add_most_tokens(section: Any, default: int) -> None:
    """Add ``--max-tokens``, the length of texts, and its older name ``--tokens``, which the help does not list."""
    section.add_argument(
        "--max-tokens", type=int, metavar="N", default=default, help="of a text (default: %(default)s)"
    )
    older = {"dest": "max_tokens", "type": _most_tokens, "default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
    section.add_argument("--tokens", **older)


def _most_tokens(text: str) -> int:
    if text in TOKENS:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of a text; here it is --written-to {text}")
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def add_cache(section: Any) -> None:
    """Add ``--cache`` and ``--shared``."""
    section.add_argument("--cache", metavar="DIR", type=Path, default=default_cache(), help="default: %(default)s")
    sharing.add_option(section)


def add_engine(parser: Any, about: str) -> None:
    """Add ``--engine``; ``about`` says what it computes."""
    parser.add_argument("--engine", metavar="local|ray|ray://HOST:PORT|auto", default="local", help=about)


def add_gpus_per_model(
    section: Any,
    about: str = "spread each model's weights over N GPUs, with a process for each; with --device cpu, over N "
    "processes on the processor; on a cluster N may be 1 (default: one process, on --device)",
) -> None:
    """Add ``--gpus-per-model``."""
    section.add_argument("--gpus-per-model", metavar="N", type=int, default=0, help=about)


def ranks(arguments: argparse.Namespace, device: str) -> int:
    """Processes of this machine over which ``--gpus-per-model`` spreads a model.

    Parameters
    ----------
    device : str
        As it is asked for.

    Raises
    ------
    SettingError
        If there are fewer GPUs, or the device is none that has several.
    """
    count: int = arguments.gpus_per_model
    what = f"--gpus-per-model {count}"
    if count < 0:
        raise SettingError(what, "it is no number of GPUs", "Give 1 or more, or leave it out.")
    if not count or device == "cpu":
        return max(1, count)
    if device not in ("auto", "cuda"):
        raise SettingError(
            f"{what} with --device {device}", "that is no GPU for each process", "Give --device cuda, or leave one out."
        )
    import torch

    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if there < count:
        raise SettingError(
            what,
            f"this machine has {there} CUDA devices",
            f"Give at most {there}." if there else "Leave it out, or rehearse it with --device cpu.",
        )
    return count


def experiment(arguments: argparse.Namespace) -> Experiment:
    """Make the experiment: the defaults, replaced by the file of --experiment, and both by the other options.

    Raises
    ------
    SettingError
        If neither names a target, or the file cannot be read.
    """
    given = {name: value for name, value in vars(arguments).items() if name in SETTINGS}
    base = read_experiment(arguments.experiment) if arguments.experiment else Experiment()
    if not arguments.experiment and "target" not in given:
        raise SettingError("an experiment without a target", "experts are those of a language", "Give --target ja.")
    if "," in given.get("target", ""):  # the first is what retrieval is measured from; the others are held with it
        several = split_names(given["target"])
        if not several:
            raise SettingError(f"the target {given['target']!r}", "it names no language", "Give --target ja.")
        given |= {"target": several[0], "targets": (*several, *(given.get("targets") or ()))}
    return replace(base, **given)


def count_or_all(text: str) -> int | Literal["all"]:
    """Read a whole number or ``all``, as argparse's ``type``."""
    if text == "all":
        return "all"
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number nor all") from None


def numbers(kind: type[int] | type[float]) -> Callable[[str], tuple[Any, ...]]:
    """Make a function that reads numbers between commas, as argparse's ``type``."""
    good = "whole numbers such as 100,500" if kind is int else "numbers such as 0.5,1"

    def read(text: str) -> tuple[Any, ...]:
        try:
            return tuple(kind(name) for name in split_names(text))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a list of {good}") from None

    return read


def chosen(text: str | None, known: Iterable[str], what: str) -> tuple[str, ...]:
    """Read names between commas, or ``all``; none where nothing is given.

    Parameters
    ----------
    known : iterable of str
        What there is to choose from; the answer is in its order.
    what : str
        What the names are of, for the refusal: ``rivals``.

    Raises
    ------
    SettingError
        If a name is not known, or there are commas alone.
    """
    names, requested = tuple(known), split_names(text or "")
    if text and not requested:
        raise SettingError(f"{what} {text!r}", "it names none", f"Choose among {', '.join(names)}, or all.")
    if requested == ("all",):
        return names
    if unknown := [name for name in requested if name not in names]:
        raise SettingError(
            f"{what} {', '.join(map(repr, unknown))}",
            f"the table of {what} has {', '.join(names)}",
            f"Choose among these, or all; {_EXPLAINED.get(what, 'the same command with --help')} says what they are.",
        )
    return tuple(name for name in names if name in requested)


def manual(*examples: str) -> str:
    """Write the help after the options: scores, methods, models, corpora, and examples of a command."""
    scores = {score.name: score.about for score in SCORES.values()}
    methods = {method.name: f"{method.formula}{method.about and '; '}{method.about}" for method in METHODS.values()}
    corpora = {form.form: form.about for form in FORMATS.values()}
    return "\n".join(
        [
            *("scores (--score)", listing(scores), ""),
            "methods (--method), at strength s; means, medians and AUROC are over the probe sentences",
            *(listing(methods), "", "models", listing(_MODELS), "", "corpora", listing(corpora), ""),
            *("languages are named by BCP 47 codes (es, zh); FLORES's spa_Latn and Tatoeba's spa mean the same.", ""),
            *("examples", *(f"  {example}" for example in examples), ""),
            "Results are cached in --cache: what was computed once is not computed again.",
        ]
    )


def listing(rows: Mapping[str, str]) -> str:
    """Write names and what they mean, a line each, as the manual does."""
    return "\n".join(
        textwrap.fill(
            text,
            120,
            initial_indent=f"  {name:<{_INDENT - 3}} ",
            subsequent_indent=" " * _INDENT,
            break_on_hyphens=False,
        )
        for name, text in rows.items()
    )


def _reader(setting: Setting) -> Callable[[str], Any]:
    """Make a function that reads the option's text; the value's range is checked later, with a full error message."""

    def read(text: str) -> Any:
        try:
            return setting.kind.parse(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {setting.kind.good}") from None

    return read


def _help(setting: Setting) -> str:
    if setting.name == "target":
        default = "needed, here or in --experiment"
    else:
        value = setting.default
        shown = setting.unset if value is None else ",".join(value) if isinstance(value, tuple) else value
        default = f"default: {'no' if value is False else shown}"
    return f"{setting.help} ({default})".replace("%", "%%")
