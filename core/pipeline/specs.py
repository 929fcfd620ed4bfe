"""What determines each artefact of a plan: the specs that the store knows artefacts by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.corpora.corpus import ParallelSet
from core.experiment.plan import Plan
from core.neurons.interventions import Intervention
from core.store.files import digest
from core.store.stage import STAGES

_ORDER = ("en", "de", "fr", "es", "ja", "zh", "ru", "ar", "ko", "tr", "hi", "th")
"""The languages of the embedded corpus, in its order: what was kept of them before orders were named stays valid."""


def in_order(groups: Iterable[ParallelSet]) -> dict[str, list[list[str]]]:
    """Which languages come first: a part of the spec of whatever is kept in the order of its languages.

    The digests of the sentences do not tell it, since those of a mapping are the same in any order. It is empty for one
    order of every set of languages: that of the embedded corpus where it has them all, else the alphabet's.
    """
    languages = [list(group.languages) for group in groups]
    return {} if all(codes == _usual(codes) for codes in languages) else {"languages": languages}


def _usual(codes: Sequence[str]) -> list[str]:
    return sorted(codes, key=_ORDER.index) if set(codes) <= set(_ORDER) else sorted(codes)


class Specs:
    """The specs of one plan's artefacts."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def responses_spec(self, language: str) -> dict[str, Any]:
        """What determines the responses on one language's probe sentences."""
        return STAGES["responses"].spec(
            model=self.plan.resolved.identity,
            sentences=self.plan.response_rows.digest(language),
            pooling=self.plan.experiment.pooling,
            **self.plan.encoding.tokens_spec,
            **self._neurons_spec(),
            **self._language_spec(language),
        )

    def embeddings_spec(self, group: int, language: str, intervention: Intervention | None) -> dict[str, Any]:
        """What determines one language's embeddings; pre if there is no intervention."""
        intervention = None if intervention is None else intervention.of(language)
        changed = intervention is not None and not intervention.is_identity
        return STAGES["embeddings"].spec(
            model=self.plan.resolved.identity,
            sentences=self.plan.groups[group].digest(language),
            intervention=intervention.digest if changed and intervention is not None else None,
            **self.plan.encoding.spec,
            **(self._neurons_spec() if changed else {}),
            **self._language_spec(language),
        )

    def _neurons_spec(self) -> dict[str, Any]:
        """Which neurons the indices count through, where they are not the MLP's."""
        kinds = self.plan.experiment.neurons
        return {} if kinds == ("mlp",) else {"neurons": list(kinds)}

    def _language_spec(self, language: str) -> dict[str, Any]:
        """Which language, where the tokens depend on it and not on the sentences alone."""
        return {"language": language} if self.plan.outline.language_coded else {}

    def expertise_spec(self, languages: Sequence[str] = ()) -> dict[str, Any]:
        """What determines the expertise of all neurons, for the probe's languages unless others are given."""
        return STAGES["expertise"].spec(
            score=self.plan.experiment.score,
            responses={code: digest(self.responses_spec(code)) for code in languages or self.plan.probe.languages},
        )

    def space_spec(self, intervention: Intervention | None) -> list[dict[str, str]]:
        """What determines one space: digests of all its embeddings."""
        return [
            {code: digest(self.embeddings_spec(number, code, intervention)) for code in group.languages}
            for number, group in enumerate(self.plan.groups)
        ]

    def layer_spec(self, embeddings: Mapping[str, Any], layer: int) -> dict[str, Any]:
        """What determines one layer, kept alone, of embeddings of a spec."""
        return STAGES["layer-embeddings"].spec(embeddings=digest(embeddings), layer=layer)
