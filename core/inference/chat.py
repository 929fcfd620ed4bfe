"""A chat-tuned model's template: what it puts around a user's message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.errors import ModelError
from core.models.loaded_model import LoadedModel

_MESSAGE = "\N{OBJECT REPLACEMENT CHARACTER}"  # stands for the message, and is in no template
# Templates that state the date state this one, so that results do not change from day to day: a macro of the name
# under which transformers gives templates today's.
_DAY = {"%-d": "26", "%d": "26", "%b": "Jul", "%B": "July", "%Y": "2024", "%y": "24", "%-m": "7", "%m": "07"}
_DAY |= {"%A": "Friday", "%a": "Fri", "%H": "00", "%M": "00", "%S": "00"}
_REPLACED = "".join(f" | replace('{code}', '{text}')" for code, text in _DAY.items())
_SAME_DAY = f"{{%- macro strftime_now(format) -%}}{{{{ format{_REPLACED} }}}}{{%- endmacro -%}}"


@dataclass(frozen=True)
class Template:
    """What stands before and after a message."""

    before: str
    after: str

    def around(self, text: str) -> str:
        """The message with the template around it."""
        return f"{self.before}{text}{self.after}"


def template(model: LoadedModel, *, answer: bool = False) -> Template:
    """The template of a model's tokenizer around one message of a user.

    Parameters
    ----------
    answer : bool
        Whether the model's answer begins after it.

    Raises
    ------
    ModelError
        If the tokenizer has none, or it does not take one message of a user as it is.
    """
    if not has_template(model.tokenizer):
        raise ModelError(
            f"wrap sentences in the chat template of {model.name}",
            "its tokenizer has none",
            "Leave --chat-template out, or use a chat-tuned model.",
        )
    try:
        whole: str = model.tokenizer.apply_chat_template(
            [{"role": "user", "content": _MESSAGE}],
            chat_template=_SAME_DAY + model.tokenizer.get_chat_template(),
            tokenize=False,
            add_generation_prompt=answer,
        )
    except Exception as error:  # jinja2's, and whatever a template raises
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise _unusable(model.name, reason) from error
    before, found, after = whole.partition(_MESSAGE)
    if not found or _MESSAGE in after:
        raise _unusable(model.name, "it does not give the message once, as it is")
    return Template(before, after)


def has_template(tokenizer: Any) -> bool:
    """Whether a tokenizer has a chat template."""
    return bool(getattr(tokenizer, "chat_template", None))


def _unusable(name: str, reason: str) -> ModelError:
    return ModelError(
        f"wrap sentences in the chat template of {name}",
        f"the template does not take one message of a user ({reason})",
        "Leave --chat-template out.",
    )
