"""The files of a model beside its weights: its tokenizer, how it pools, its licence."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from core.models import embedded, sentence_encoder
from core.models.loaded_model import LoadedModel
from core.models.spec import CATALOGUE, ResolvedModel

# What a model's folder holds beside weights and config; code, pickles and its description are not taken along.
_TAKEN = re.compile(
    r"(tokenizer|special_tokens|added_tokens|vocab|merges|spiece|sentencepiece|source\.spm|target\.spm|chat_template"
    r"|modules|sentence_[\w-]+_config|config_sentence_transformers|licen[cs]e|notice|use_policy)[\w.-]*",
    re.IGNORECASE,
)
_NOT_TAKEN = (".py", ".bin", ".pt", ".pth", ".pkl")
_LICENCE = re.compile(r"^licen[cs]e(?:_name|_link)?:\s*(\S.*?)\s*$", re.MULTILINE)


def copy_beside(model: LoadedModel, location: str, folder: Path) -> None:
    """Write a model's tokenizer, and what its own folder has beside the weights, into a folder.

    Files of a local model are copied as they are, and those of a model on the hub that say how it embeds sentences; a
    tokenizer from there is written by transformers.
    """
    source = Path(location)
    if not source.is_dir():
        model.tokenizer.save_pretrained(folder)
        for name, path in sentence_encoder.files(model.resolved).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
        return
    _copy(source, folder)
    if model.resolved.encoder_folder:
        _copy_encoder(Path(model.resolved.encoder_folder), folder)


def _copy_encoder(source: Path, folder: Path) -> None:
    """Copy what a sentence encoder's folder holds beside that of its transformer, which is at the top from now on."""
    _copy(source, folder, skip="Transformer")
    listed = [
        {**step, "path": ""} if str(step.get("type", "")).endswith(".Transformer") else step for step in _steps(source)
    ]
    (folder / "modules.json").write_text(json.dumps(listed, indent=2), encoding="utf-8")


def _copy(source: Path, folder: Path, skip: str = "") -> None:
    """Copy what stands beside the weights, unless it is there, and the folders of steps other than ``skip``."""
    for path in sorted(source.iterdir()):
        taken = path.is_file() and _TAKEN.fullmatch(path.name) and path.suffix not in _NOT_TAKEN
        if taken and not (skip and (folder / path.name).exists()):
            shutil.copyfile(path, folder / path.name)
    for step in _steps(source):
        kind, name = str(step.get("type", "")).rsplit(".", 1)[-1], str(step.get("path", ""))
        if kind != skip and re.fullmatch(r"[\w-]+", name) and (source / name).is_dir():
            ignored = shutil.ignore_patterns(*(f"*{end}" for end in _NOT_TAKEN))
            shutil.copytree(source / name, folder / name, ignore=ignored)


def _steps(source: Path) -> list[dict[str, Any]]:
    """What sentence-transformers does, one step after another: the model, pooling, dense layers."""
    if not (source / "modules.json").is_file():
        return []
    steps: Any = json.loads((source / "modules.json").read_text(encoding="utf-8"))
    return [step for step in steps if isinstance(step, dict)]


def licence(resolved: ResolvedModel, location: str) -> str:
    """The licence of a model in words, as far as it can be known without a network."""
    if resolved.name in embedded.MODELS:
        offer = CATALOGUE[resolved.name]
        return f"{offer.licensed} is provided under and subject to the {offer.licence}, {offer.licence_url}"
    card = Path(location) / "README.md"
    head = card.read_text(encoding="utf-8", errors="replace").split("---")[1:2] if card.is_file() else []
    if head and (stated := _LICENCE.search(head[0])):
        return stated[1]
    if Path(location).is_dir():
        return "not stated in its folder"
    return f"as stated at https://huggingface.co/{location}"
