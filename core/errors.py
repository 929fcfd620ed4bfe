"""The errors that users see; each says what was requested, why it is impossible, and what to do instead."""


class AskError(ValueError):
    """A request that cannot be met.

    Parameters
    ----------
    what : str
        What was requested, in the user's words.
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
    """The requested sentences are missing or cannot be used."""


class DataError(AskError):
    """A published data set cannot be downloaded or installed."""


class ModelError(AskError):
    """The requested model is missing or cannot be used."""


class SettingError(AskError):
    """A setting of the experiment has an impossible value."""


class StoreError(AskError):
    """An artefact cannot be written or read."""
