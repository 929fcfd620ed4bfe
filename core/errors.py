"""The one shape of every refusal: what was asked, why it cannot be, what to do instead."""


class AskError(ValueError):
    """A request that cannot be met.

    Parameters
    ----------
    what : str
        What was asked for, as the person put it.
    why : str
        Why it cannot be done.
    instead : str
        What can be done instead.
    """

    def __init__(self, what: str, why: str, instead: str) -> None:
        self.what, self.why, self.instead = what, why, instead
        super().__init__(f"{what}: {why}. {instead}")

    def __reduce__(self) -> tuple[type["AskError"], tuple[str, str, str]]:
        return type(self), (self.what, self.why, self.instead)


class CorpusError(AskError):
    """The sentences asked for cannot be had."""


class DataError(AskError):
    """A published data set cannot be had."""


class ModelError(AskError):
    """The model asked for cannot be had."""


class SettingError(AskError):
    """A setting of the experiment cannot be."""


class StoreError(AskError):
    """An artefact cannot be written or read."""
