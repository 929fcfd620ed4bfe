"""How much a queue takes, and the refusal of what is more."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import BusyError


@dataclass(frozen=True)
class Limits:
    """How much a queue takes.

    Attributes
    ----------
    of_visitor : int
        Jobs of one visitor that wait or run; more than the cells of the largest grid that a page asks for, each of
        which counts as one, as they are and then with a bound.
    in_all : int
        Jobs of all visitors that wait or run, counted likewise.
    ended : int
        Jobs that have ended and are kept, the newest. A failure is kept longer while somebody waits for it, up to
        twice as many.
    """

    of_visitor: int = 300
    in_all: int = 1000
    ended: int = 200

    def check(self, more: int, of_visitor: int, in_all: int) -> None:
        """Refuse so many more jobs beside those of the visitor, and of all, that wait or run; raises `BusyError`."""
        for count, most, who in (
            (of_visitor, self.of_visitor, "you have"),
            (in_all, self.in_all, "all visitors together have"),
        ):
            if count + more > most:
                full = "which is as many as this server takes"
                beyond = f"this is {more:,} more, and this server takes {most:,}"
                raise BusyError(
                    "compute this as well",
                    f"{who} {count:,} requests that wait or run, {full if count >= most else beyond}",
                    "Try again when some have ended, or stop some on the page Jobs and cache; what is computed already "
                    "opens at once.",
                )
