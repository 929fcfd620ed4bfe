"""The kinds of setting values: how each is read from text, and which values are valid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.choices import Choice
from core.errors import SettingError
from core.language.codes import canonical
from core.models.spec import ALIASES
from core.neurons.selection import check_layers


def split_names(text: str) -> tuple[str, ...]:
    """Split names at commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of value: text of any sort, unless a kind below says otherwise.

    Attributes
    ----------
    words : str
        What a good value is, to stand after "it is not".
    metavar : str
        What stands for it in the command line's help.
    """

    words: str = "text"
    metavar: str = "TEXT"

    @property
    def good(self) -> str:
        """What a good value is: `words`, or what the kind knows better."""
        return self.words

    @property
    def choices(self) -> Mapping[str, Any] | None:
        """The table of all good values by name; None where they cannot be listed."""
        return None

    def parse(self, text: str) -> Any:
        """Read text, whatever range the value is in; raises ValueError."""
        return text

    def check(self, value: Any) -> Any:
        """The value in its one form; raises ValueError or `AskError` where it is out of range."""
        return value

    def refusal(self, name: str, value: Any) -> SettingError:
        """What to raise for a value that `check` does not take."""
        return SettingError(f"{name.replace('_', ' ')} {value}", f"it is not {self.good}", f"Use {self.good}.")

    def read(self, text: str) -> Any:
        """Read text that must be a good value; raises ValueError or `AskError`."""
        return self.check(self.parse(text))


@dataclass(frozen=True, kw_only=True)
class Verbatim(Kind):
    """Text whose spaces count."""


@dataclass(frozen=True, kw_only=True)
class Flag(Kind):
    """Yes or no; on the command line, the option alone says yes."""

    words: str = "true or false"
    metavar: str = "BOOL"

    def parse(self, text: str) -> bool:
        """Read true or false, in the words that links and files may have."""
        said = text.strip().lower()
        if said not in ("true", "1", "yes", "on", "false", "0", "no", "off"):
            raise ValueError(text)
        return said in ("true", "1", "yes", "on")


@dataclass(frozen=True, kw_only=True)
class ModelName(Kind):
    """What a model is asked for by."""

    words: str = "a model"
    metavar: str = "MODEL"

    def parse(self, text: str) -> str:
        """The one name of a model that comes with the product; any other as it is."""
        return ALIASES.get(text.strip(), text)


@dataclass(frozen=True, kw_only=True)
class WholeNumber(Kind):
    """A whole number from ``low`` to ``high``."""

    low: int = 0
    high: int = 10**9  # no count of anything here is larger
    metavar: str = "N"

    @property
    def good(self) -> str:
        """A whole number in the range."""
        return f"a whole number from {self.low} to {self.high}"

    def parse(self, text: str) -> int:
        """Read a whole number."""
        return int(text)

    def check(self, value: int) -> int:
        """Refuse what is out of range."""
        if not self.low <= value <= self.high:
            raise ValueError(value)
        return value


@dataclass(frozen=True, kw_only=True)
class Number(Kind):
    """A finite number, from ``low`` on if that is given."""

    low: float | None = None
    words: str = "a number"
    metavar: str = "X"

    @property
    def good(self) -> str:
        """A number, in the range."""
        return self.words if self.low is None else f"{self.words} from {self.low:g} on"

    def parse(self, text: str) -> float:
        """Read a number, finite or not."""
        return float(text)

    def check(self, value: float) -> float:
        """Refuse infinity, what is not a number, and what is out of range."""
        if not math.isfinite(value) or (self.low is not None and value < self.low):
            raise ValueError(value)
        return value


@dataclass(frozen=True, kw_only=True)
class OneOf(Kind):
    """One name out of a table; the table is read each time, so that later entries count too."""

    table: Mapping[str, Any]
    also: tuple[str, ...] = ()

    @property
    def good(self) -> str:
        """Any of the names."""
        return " or ".join(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """All good values."""
        return (*self.also, *self.table)

    def refusal(self, name: str, value: Any) -> SettingError:
        """Name what can be chosen."""
        return SettingError(f"{name} {value!r}", "it is not one that is known", f"Use {self.good}.")

    @property
    def choices(self) -> Mapping[str, Any]:
        """The table, with the names of ``also`` under their own names as titles."""
        return {name: self.table.get(name) or Choice(name, name) for name in self.names}

    def check(self, value: str) -> str:
        """Refuse what is not in the table."""
        if value not in self.names:
            raise ValueError(value)
        return value


@dataclass(frozen=True, kw_only=True)
class NameList(Kind):
    """Names with commas between: of a table if one is given, else any."""

    table: Mapping[str, Any] | None = None
    words: str = "names with commas between"
    metavar: str = "NAME,..."

    @property
    def good(self) -> str:
        """Names of the table."""
        return self.words if self.table is None else ", ".join(self.table)

    @property
    def choices(self) -> Mapping[str, Any] | None:
        """The table."""
        return self.table

    def refusal(self, name: str, value: tuple[str, ...]) -> SettingError:
        """Name what can be chosen."""
        known = f"Use {' or '.join(self.table)}, or several." if self.table else "Name one or several."
        return SettingError(f"{name} {', '.join(value) or 'of no kind'}", "they are not ones that are known", known)

    def parse(self, text: str) -> tuple[str, ...]:
        """Split at commas."""
        return split_names(text)

    def check(self, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse none, and what is not in the table."""
        if not value or (self.table is not None and set(value) - set(self.table)):
            raise ValueError(value)
        return value


@dataclass(frozen=True, kw_only=True)
class Code(Kind):
    """A language, by any code that names it."""

    words: str = "a language code"
    metavar: str = "LANG"

    def check(self, value: str) -> str:
        """The canonical code."""
        return canonical(value)


@dataclass(frozen=True, kw_only=True)
class Codes(NameList):
    """Languages, by codes with commas between."""

    words: str = "language codes with commas between"
    metavar: str = "LANG,..."

    def check(self, value: tuple[str, ...]) -> tuple[str, ...]:
        """The canonical codes."""
        return tuple(canonical(code) for code in value)


@dataclass(frozen=True, kw_only=True)
class Layers(Kind):
    """Blocks of the model, as numbers and ranges."""

    words: str = "layers such as 0-5,9"
    metavar: str = "A-B,..."

    def check(self, value: str) -> str:
        """Refuse what names no layers."""
        check_layers(value)
        return value


@dataclass(frozen=True, kw_only=True)
class HiddenState(Kind):
    """One hidden state: ``last``, or its number; the model says how many it has."""

    words: str = "last or a whole number"
    metavar: str = "L"

    def check(self, value: str | int) -> str | int:
        """``last``, or the number as a number."""
        return value if value == "last" else WholeNumber().check(int(value))
