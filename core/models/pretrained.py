"""The one door to transformers' ``from_pretrained``: nothing that comes with a model runs, asks or prints.

transformers by itself asks on the terminal whether to run the Python files of a model's folder, follows an index of
safetensors to pickled weights, and prints tables of missing weights. Here every call says that none of this may happen.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path, PurePosixPath
from typing import Any, ParamSpec, TypeVar

from core.errors import ModelError

log = logging.getLogger(__name__)

_P = ParamSpec("_P")
_T = TypeVar("_T")

_INDEX = ".safetensors.index.json"
_BUILT_IN_ATTENTION = (None, "eager", "sdpa")  # any other may be a kernel that is fetched from the hub, and run

# While transformers builds or reads a model, torch's default type and device are that model's, in every thread.
_building = threading.RLock()


def one_at_a_time(work: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let one thread of the process build or read a model at a time."""

    @wraps(work)
    def alone(*arguments: _P.args, **named: _P.kwargs) -> _T:
        with _building:
            return work(*arguments, **named)

    return alone


def read_config(name: str, location: str | Path, **where: Any) -> Any:
    """Read a model's config.

    Parameters
    ----------
    name : str
        What errors call the model.
    location : path or str
        Folder or hub id.
    **where
        Revision and the like, for ``from_pretrained``.

    Raises
    ------
    ModelError
        If the config is code of the model's own.
    """
    from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig

    with _quiet():
        stated, _ = PreTrainedConfig.get_config_dict(location, **where)
        own = _own_class(stated, "AutoConfig")
        if own and stated.get("model_type") not in CONFIG_MAPPING:
            raise own_code(name, "model", own)
        config = AutoConfig.from_pretrained(location, trust_remote_code=False, **where)
    # How attention is computed is this machine's matter, and changes no result: a file does not choose it.
    if config._attn_implementation not in _BUILT_IN_ATTENTION:
        config._attn_implementation = None
    if "/" in str(getattr(config, "_experts_implementation", None)):
        config._experts_implementation = None
    return config


def read_tokenizer(name: str, location: str | Path, **where: Any) -> Any:
    """Read a model's tokenizer; parameters as of `read_config`.

    Raises
    ------
    ModelError
        If the tokenizer is code of the model's own.
    """
    from transformers import AutoTokenizer
    from transformers.models.auto.tokenization_auto import get_tokenizer_config, tokenizer_class_from_name

    with _quiet():
        if "gguf_file" not in where:
            stated = get_tokenizer_config(location, **where)
            own = _own_class(stated, "AutoTokenizer")
            if own and tokenizer_class_from_name(str(stated.get("tokenizer_class"))) is None:
                raise own_code(name, "tokenizer", own)
        return AutoTokenizer.from_pretrained(location, trust_remote_code=False, **where)


def takes_languages(config: Any, location: str | Path, **where: Any) -> bool:
    """Whether a model's tokenizer marks each sentence with its language, which is known from its class.

    Parameters
    ----------
    config : PreTrainedConfig
        The model's, where the tokenizer's own files name no class.
    """
    from transformers.models.auto.tokenization_auto import (
        TOKENIZER_MAPPING,
        get_tokenizer_config,
        tokenizer_class_from_name,
    )

    with _quiet():
        stated = str(get_tokenizer_config(location, **where).get("tokenizer_class") or "")
        known: Any = tokenizer_class_from_name(stated) or tokenizer_class_from_name(stated.removesuffix("Fast"))
    if not stated and type(config) in TOKENIZER_MAPPING:
        known = TOKENIZER_MAPPING[type(config)]
    return hasattr(known, "src_lang")


def has_chat_template(location: str | Path, **where: Any) -> bool:
    """Whether a model's files hold a chat template, which says how a message is put to a chat-tuned model."""
    from transformers.models.auto.tokenization_auto import get_tokenizer_config

    with _quiet():
        if get_tokenizer_config(location, **where).get("chat_template"):
            return True
        return any(find_file(location, name, where) for name in ("chat_template.jinja", "chat_template.json"))


def names_padding(location: str | Path, **where: Any) -> bool:
    """Whether the files of a model's tokenizer name a token that fills up sentences."""
    from transformers.models.auto.tokenization_auto import get_tokenizer_config

    with _quiet():
        return bool(get_tokenizer_config(location, **where).get("pad_token"))


GENERATION_FILE = "generation_config.json"
"""What a model's files say of generation; the config says it where there is no such file."""

# What every call of `generate` states itself, and what says nothing of how text is written.
_STATED_BY_CALLS = {"do_sample", "temperature", "top_k", "top_p", "max_length", "max_new_tokens", "use_cache"}
_NO_MATTER = {"bos_token_id", "eos_token_id", "pad_token_id", "cache_implementation", "transformers_version"}
_NO_MATTER |= {"output_attentions", "output_hidden_states", "return_dict_in_generate", "decoder_start_token_id"}


def shapes_text(location: str | Path, **where: Any) -> bool:
    """Whether a model's files say how it is to write text (a repetition penalty, say), which is left aside here."""
    from transformers import GenerationConfig

    names = {name for name in GenerationConfig().to_dict() if name[0] != "_"} - _STATED_BY_CALLS - _NO_MATTER
    for file in (GENERATION_FILE, "config.json"):
        path = find_file(location, file, where)
        with suppress(OSError, ValueError, RecursionError):
            stated = json.loads(Path(path).read_text(encoding="utf-8")) if path else None
            if isinstance(stated, dict):
                return any(stated.get(name) is not None for name in names)
    return False


def check_packed_weights(stated: dict[str, Any]) -> None:
    """Ask transformers whether weights packed as a config states can be read here; raises what it finds lacking."""
    from transformers.quantizers.auto import AutoHfQuantizer

    AutoHfQuantizer.from_config(stated, pre_quantized=True).validate_environment(device_map=None)


@one_at_a_time
def make_model(auto: Any, config: Any) -> Any:
    """Make a model of a config's kind by a class of transformers, with weights made up at random."""
    with _quiet():
        if not hasattr(auto, "from_config"):  # a model's own class rather than one that picks it
            # The public `from_config` is that of the classes that pick one, and what they call is this. A model's
            # constructor alone would leave out the type of numbers that the config states.
            return auto._from_config(config)
        return auto.from_config(config, trust_remote_code=False)


@one_at_a_time
def read_model(auto: Any, name: str, location: str | Path, **arguments: Any) -> Any:
    """Read a model's weights by a class of transformers; ``arguments`` are those of its ``from_pretrained``.

    Raises
    ------
    ModelError
        If its files name weights that are not safetensors, or that lie outside the folder.
    """
    _check_weights(name, location, arguments)
    with _quiet():
        return auto.from_pretrained(location, trust_remote_code=False, use_safetensors=True, **arguments)


@one_at_a_time
def write_model(model: Any, folder: Path) -> None:
    """Write a model's config and weights as transformers does, in safetensors."""
    with _quiet():
        model.save_pretrained(folder)


def own_code(name: str, part: str, reference: str) -> ModelError:
    """The refusal of a model that needs its own Python code."""
    return ModelError(
        f"load {name}",
        f"its {part} needs code of its own ({reference}), and code that comes with a model is not run",
        "Use a model whose kind transformers knows without the model's own code.",
    )


def _own_class(stated: Mapping[str, Any], auto: str) -> str | None:
    """The class among a model's own files that a config names for one of transformers' classes."""
    named = stated.get("auto_map")
    if isinstance(named, dict):
        named = named.get(auto)
    if isinstance(named, (list, tuple)):  # of a tokenizer: the slow class and the fast one
        named = next((reference for reference in named if reference), None)
    return str(named) if named else None


def _check_weights(name: str, location: str | Path, arguments: Mapping[str, Any]) -> None:
    """Refuse weights that are not safetensors in the model's own folder, before any is read or downloaded."""
    stated = getattr(arguments.get("config"), "transformers_weights", None)
    if stated is not None and not _is_inside(stated, (".safetensors", _INDEX)):
        raise _not_safetensors(name, "config", stated)
    index_name = stated if stated and stated.endswith(_INDEX) else f"model{_INDEX}"
    if "gguf_file" in arguments or (stated is None and (Path(location) / "model.safetensors").is_file()):
        return
    index = find_file(location, index_name, arguments)
    if index is None:
        return
    listed = json.loads(Path(index).read_text(encoding="utf-8"))["weight_map"]
    for file in sorted({str(file) for file in listed.values()}):
        if not _is_inside(file, (".safetensors",)):
            raise _not_safetensors(name, f"index {index_name}", file)


def find_file(location: str | Path, file: str, arguments: Mapping[str, Any]) -> str | None:
    """Where a file of a model lies on this machine, downloaded now if need be; None if the model has none such."""
    from transformers.utils.hub import cached_file

    path: str | None = cached_file(
        location,
        file,
        **{key: arguments[key] for key in ("revision", "local_files_only") if key in arguments},
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return path


def _is_inside(file: object, endings: tuple[str, ...]) -> bool:
    if not isinstance(file, str) or "\\" in file or ":" in file:
        return False
    path = PurePosixPath(file)
    return file.endswith(endings) and not path.is_absolute() and ".." not in path.parts


def no_safetensors(asked: str, why: str) -> ModelError:
    """The refusal of a model whose weights are not safetensors."""
    instead = "Save it again with save_pretrained; pickled weights are not loaded, since they can run code."
    return ModelError(asked, why, instead)


def _not_safetensors(name: str, where: str, file: object) -> ModelError:
    why = f"its {where} names the weights {str(file)!r}, which are no safetensors file in the model's folder"
    return no_safetensors(f"load {name}", why)


@contextmanager
def _quiet() -> Iterator[None]:
    """Send what transformers prints of a model to this module's log (level INFO), and show no progress bars."""
    import transformers

    transformers.utils.logging.disable_progress_bar()  # ours says how long the whole will take
    with _building:  # one reader at a time, since the handlers are shared
        terminals = [h for h in logging.getLogger("transformers").handlers if type(h) is logging.StreamHandler]
        for handler in terminals:
            handler.addFilter(_to_our_log)
        try:
            yield
        finally:
            for handler in terminals:
                handler.removeFilter(_to_our_log)


def _to_our_log(record: logging.LogRecord) -> bool:
    log.info("transformers: %s", record.getMessage())
    return False
