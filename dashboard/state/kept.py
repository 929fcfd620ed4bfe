"""Settings that a visitor keeps to compare with: in the link of the page Compare, each with the name it was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import parse_qsl, urlencode

from core.experiment.settings import Experiment
from core.experiment.title import in_words
from dashboard.state import link, page_state, session

PATH = "compare"
"""Of the page whose view has them."""

MOST = 8
"""Settings that can be kept at once."""

_ENTRY, _CHOSEN, _OWN, _NAME = "with", "at", "own", "kept"
_READ = 4 * MOST  # of a link, which may say one twice
_BETWEEN = "|"  # a query writes it as %7C


@dataclass(frozen=True)
class KeptSetting:
    """A setting that is kept.

    Attributes
    ----------
    experiment : Experiment
    name : str
        As the visitor wrote it; empty where they have not.
    """

    experiment: Experiment
    name: str = ""

    @property
    def title(self) -> str:
        """Its name, or what it is in words."""
        return self.name or in_words(self.experiment)


def entry(kept: Sequence[KeptSetting]) -> str:
    """Kept settings as one entry of a page's view."""
    return _BETWEEN.join(
        urlencode(link.to_query(one.experiment) | ({_NAME: one.name} if one.name else {})) for one in kept[:MOST]
    )


def view(kept: Sequence[KeptSetting], chosen: int = 0, own: KeptSetting | None = None) -> dict[str, str]:
    """The view of the page Compare with these settings.

    Parameters
    ----------
    chosen : int
        The place of the one that is compared with in detail.
    own : KeptSetting, optional
        What the page's own setting was kept as, so that its name is not lost.
    """
    named = entry([own]) if own is not None and own.name else ""
    return {_ENTRY: entry(kept), _CHOSEN: str(chosen) if chosen else "", _OWN: named}


def as_kept(experiment: Experiment) -> KeptSetting:
    """The page's own setting, with the name that it was kept by before it was opened."""
    kept, *_ = _entries(page_state.get(_OWN))
    return kept.get(experiment, KeptSetting(experiment))


def in_front(experiments: Iterable[Experiment]) -> dict[str, str]:
    """The view of the page Compare with these settings before those kept there; the first is compared with."""
    present, *_ = _entries(session.visitor().view(PATH).get(_ENTRY, ""))
    as_linked = dict.fromkeys(link.from_query(link.to_query(one))[0] for one in experiments)  # a link has no device
    first = [present.pop(experiment, KeptSetting(experiment)) for experiment in as_linked]
    room = max(0, MOST - len(first))  # the oldest makes it
    return view([*first, *list(present.values())[max(0, len(present) - room) :]])


def read() -> tuple[list[KeptSetting], list[str]]:
    """The settings that are kept, and messages on what in the link could not be used."""
    kept, places, problems = _entries(page_state.get(_ENTRY))
    if len(places) > len(kept):  # what is chosen counts the link's entries
        write(list(kept.values()), places[page_state.whole(_CHOSEN, 0, 0, len(places) - 1)])
    return list(kept.values())[:MOST], problems


def _entries(said: str) -> tuple[dict[Experiment, KeptSetting], list[int], list[str]]:
    """Each setting of an entry once, whatever it says; the place of each that it says; messages on what is no use."""
    kept: dict[Experiment, KeptSetting] = {}
    problems, places = [], list[int]()
    for text in islice(filter(None, said.split(_BETWEEN)), _READ):
        query = dict(parse_qsl(text, keep_blank_values=True))
        name = query.pop(_NAME, "").strip()
        experiment, wrong = link.from_query(query)
        experiment, refused = session.visitor().permitted(experiment)
        kept.setdefault(experiment, KeptSetting(experiment, name))
        places.append(list(kept).index(experiment))
        problems += [*wrong, *refused]
    return kept, places, problems


def chosen(kept: Sequence[KeptSetting]) -> int:
    """The place of the setting that is compared with in detail."""
    return page_state.whole(_CHOSEN, 0, 0, max(len(kept) - 1, 0))


def with_in_place(kept: Sequence[KeptSetting], other: KeptSetting, place: int) -> tuple[list[KeptSetting], int]:
    """The kept settings with another in one's place, and where it is then: one that is kept already moves there."""
    own = next((one for one in kept if one.experiment == other.experiment), other)
    changed = [own if at == place else one for at, one in enumerate(kept) if at == place or one is not own]
    return changed, changed.index(own)


def write(kept: Sequence[KeptSetting], chosen: int = 0) -> None:
    """Keep these settings."""
    page_state.put(_ENTRY, entry(kept))
    page_state.put(_CHOSEN, str(min(chosen, max(len(kept) - 1, 0))), "0")
