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


def as_parts(error: AskError) -> list[str]:
    """The name of a refusal's class and what it says, for another process, where `refusal` makes it again."""
    return [type(error).__name__, error.what, error.why, error.instead]


def refusal(kind: str, what: str, why: str, instead: str) -> AskError:
    """Make a refusal again of what `as_parts` gave in another process; an `AskError` where its class is not known."""
    made = globals().get(kind, AskError)
    if not (isinstance(made, type) and issubclass(made, AskError)):
        made = AskError
    return made(str(what), str(why), str(instead))


def is_fault(error: BaseException) -> bool:
    """Whether an exception is a fault in some code, and neither a refusal nor a request to end.

    A panic in Rust code (a tokenizer's) is a fault, though it is no ``Exception``.
    """
    if isinstance(error, AskError):
        return False
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


class BusyError(AskError):
    """The server has as much to do as it takes."""


class ComputeError(AskError):
    """The process that computes ended before it had an answer."""


class TooLargeError(ComputeError):
    """The process that computes took more memory than it may; another try would too."""


class CorpusError(AskError):
    """The requested sentences are missing or cannot be used."""


class DataError(AskError):
    """A published data set cannot be downloaded or installed."""


class ModelError(AskError):
    """The requested model is missing or cannot be used."""


class PackError(AskError):
    """A pack of results cannot be written or read."""


class SettingError(AskError):
    """A setting of the experiment has an impossible value."""


class StoreError(AskError):
    """An artefact cannot be written or read."""


class WorkFailed(Exception):  # noqa: N818 - the error is the one that it quotes
    """Something unexpected in another process, in one line as `in_one_line` gives it there."""


def in_one_line(error: BaseException) -> str:
    """An unexpected error in one line, for the page; also of an error that fails when it is to say what it is."""
    name = type(error).__name__
    try:
        words = " ".join(str(error).split())
    except BaseException:  # a panic in what writes the message is no Exception either
        words = "it cannot say what went wrong"
    if isinstance(error, WorkFailed):
        return words
    return f"{name}: {words}" if words else name
