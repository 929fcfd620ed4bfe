"""A model's tokenizer: read, and refused where it is not the one that the model was trained with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.models import pretrained


def read(name: str, location: str, where: dict[str, Any]) -> Any:
    """Read a model's tokenizer.

    Parameters
    ----------
    name : str
        What errors call the model.
    location : str
        Folder or hub id.
    where : dict
        Revision and the like, for ``from_pretrained``.

    Raises
    ------
    ModelError
        If it is not fast, knows no tokens, or is guessed otherwise than sentencepiece reads its file.
    """
    tokenizer = pretrained.read_tokenizer(name, location, **where)
    if not tokenizer.is_fast:
        raise ModelError(
            f"the tokenizer of {location}",
            f"transformers has no fast version of {type(tokenizer).__name__}, and a slow one does not say where in a "
            "sentence its tokens are",
            "Use a model whose tokenizer has one: NLLB or mBART rather than M2M100 or Marian, mT5 rather than ByT5.",
        )
    if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):
        raise ModelError(
            f"the tokenizer of {name}", "what transformers finds of it knows no token besides special ones", _TOKENIZER
        )
    _check_sentencepiece(name, Path(location), tokenizer)
    return tokenizer


_TOKENIZER = (
    "Put its tokenizer.json beside the config, or its sentencepiece .model with a tokenizer_config.json that names its "
    "class."
)
_SAMPLE = "the house by the river"


def _check_sentencepiece(name: str, folder: Path, tokenizer: Any) -> None:
    """Refuse what transformers makes of a lone sentencepiece model if it gives other pieces than sentencepiece does.

    It must guess where no file names the tokenizer's class, and then takes one that puts nothing before the first word.
    """
    from transformers import TokenizersBackend

    files = sorted(folder.glob("*.model"))
    if not files or (folder / "tokenizer.json").is_file() or type(tokenizer) is not TokenizersBackend:
        return
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(files[0])).encode(_SAMPLE, out_type=str)
    if tokenizer.tokenize(_SAMPLE, add_special_tokens=False) != pieces:
        raise ModelError(
            f"the tokenizer of {name}",
            f"no file names its class, and without it {files[0].name} is read otherwise than by sentencepiece",
            'Put a tokenizer_config.json beside it that names the class ({"tokenizer_class": "LlamaTokenizer"}), or '
            "its tokenizer.json.",
        )


def check_vocabulary(name: str, tokenizer: Any, rows: int) -> None:
    """Refuse a tokenizer that gives ids beyond the rows of the model's embedding; raises `ModelError`.

    Special tokens may lie beyond (the image's in a text-only Gemma 3): plain text gives none of them, and a sentence
    that does is refused when it is turned into tokens.
    """
    special = {id_ for id_, token in tokenizer.added_tokens_decoder.items() if token.special}
    largest = max(set(tokenizer.get_vocab().values()) - special, default=-1)
    if largest >= rows:
        raise ModelError(
            f"load {name}",
            f"its tokenizer gives ids up to {largest:,}, its embedding has {rows:,} rows",
            "Use the tokenizer that the model was trained with, or one whose embedding was resized to its tokenizer.",
        )
