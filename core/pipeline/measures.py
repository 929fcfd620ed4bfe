"""Measures the two spaces: retrieval and distance at one layer and at all layers, and the joint map.

Each measure is a stage of its own, stored under the digests of the embeddings that it is computed from.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd

from core.neurons.interventions import Intervention
from core.pipeline import computed_settings, joint_map
from core.pipeline.before_after import BeforeAfter, side_by_side
from core.pipeline.measure_table import MEASURES
from core.pipeline.sentence_values import SentenceSpace
from core.pipeline.stages import Stages
from core.spaces import distances
from core.spaces.pairs import columns_spec, pair_table, query_means
from core.stats.paired import Part
from core.store.artefact import Artefact, Payload
from core.store.stage import STAGES


class Measures:
    """Measures the spaces that ``stages`` embeds; an intervention of None means the space before."""

    def __init__(self, stages: Stages) -> None:
        self.stages, self.plan = stages, stages.plan

    def before_after(self, intervention: Intervention, layers: bool = True) -> BeforeAfter:
        """Measure the space before and the space after an intervention, and put both side by side.

        Parameters
        ----------
        layers : bool
            Also measure every layer; if False, the table of layers has no rows.
        """
        (pairs_pre, medoid_pre), (pairs_post, medoid_post) = map(self.layer_measures, (None, intervention))
        medoid = side_by_side(medoid_pre, medoid_post, ["language"])
        profiles = (self.profile(None), self.profile(intervention)) if layers else None
        measured = BeforeAfter(
            plan=self.plan,
            pairs=side_by_side(pairs_pre, pairs_post, ["group", "query", "candidate", "n"]),
            medoid=medoid.rename(columns={"to_medoid_pre": "pre", "to_medoid_post": "post"}),
            layers=side_by_side(*profiles, ["layer"]) if profiles else pd.DataFrame(),
        )
        computed_settings.record(self.stages, measured, intervention)
        return measured

    def are_stored(self, intervention: Intervention | None, layers: bool = True, sentences: bool = False) -> bool:
        """Whether a space is measured already, so that its embeddings are not needed.

        Parameters
        ----------
        layers, sentences : bool
            Also at every layer; also sentence by sentence.
        """
        find = self.stages.store.find
        if find("layer", self._layer_spec(intervention)) is None:
            return False
        if (layers or sentences) and find("profile", self._profile_spec(intervention)) is None:
            return False
        if not sentences:
            return True
        if find("profile", self._profile_spec(None)) is None:
            return False
        return find("sentence-values", self._sentence_spec(intervention, self._best_layer())) is not None

    def _layer_spec(self, intervention: Intervention | None) -> dict[str, Any]:
        space = self.stages.space_spec(intervention)
        return STAGES["layer"].spec(space=space, layer=self.plan.layer, **columns_spec())

    def _profile_spec(self, intervention: Intervention | None) -> dict[str, Any]:
        space = self.stages.space_spec(intervention)
        return STAGES["profile"].spec(space=space, target=self.plan.target, **columns_spec())

    def _sentence_spec(self, intervention: Intervention | None, best_layer: int) -> dict[str, Any]:
        return STAGES["sentence-values"].spec(
            space=self.stages.space_spec(intervention),
            target=self.plan.target,
            layer=self.plan.layer,
            best_layer=best_layer,
            measures=[name for name, measure in MEASURES.items() if measure.by_sentence],
            # Of several sets, each weighs by its share of a language's sentences; before, all weighed alike.
            **({"sets": len(self.plan.groups)} if len(self.plan.groups) > 1 else {}),
        )

    def _projection_spec(self, intervention: Intervention | None) -> dict[str, Any]:
        pre, post = map(self.stages.space_spec, (None, intervention))
        return STAGES["projection"].spec(pre=pre, post=post, **joint_map.inputs(self.plan))

    def _best_layer(self) -> int:
        """The layer at which the unmodified model finds most."""
        best = self.profile(None)
        return int(best["layer"].iloc[int(best["top1"].to_numpy().argmax())])

    def layer_measures(self, intervention: Intervention | None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Measure one space at the plan's layer.

        Returns
        -------
        pairs : DataFrame
            ``group, query, candidate, n, top1, top1_centred, distance``, one row an ordered pair; further columns as
            `core.spaces.pairs.COLUMNS` has them.
        languages : DataFrame
            ``language, to_medoid``: cosine distance from the language's mean to the medoid of the space.
        """
        spec = self._layer_spec(intervention)

        def compute() -> Payload:
            spaces = [self.stages.embeddings(g, intervention, self.plan.layer) for g in range(len(self.plan.groups))]
            pairs = pd.concat(
                [
                    pair_table(n, g.languages, space)
                    for n, (g, space) in enumerate(zip(self.plan.groups, spaces, strict=True))
                ],
                ignore_index=True,
            )
            return Payload(tables={"pairs": pairs, "languages": self._medoid_table(spaces)})

        return self.stages.get("layer", spec, compute, lambda a: (a.table("pairs"), a.table("languages")))

    def profile(self, intervention: Intervention | None) -> pd.DataFrame:
        """Mean top-1 with the target as the query, and distance to it, at every layer of one space.

        Returns
        -------
        DataFrame
            ``layer, top1, top1_centred, distance``, one row a hidden state; further columns likewise.
        """
        spec = self._profile_spec(intervention)

        def compute() -> Payload:
            rows = [
                {"layer": layer, **self._target_measures(intervention, layer)}
                for layer in range(self.plan.outline.n_layers + 1)
            ]
            return Payload(tables={"profile": pd.DataFrame(rows)})

        return self.stages.get("profile", spec, compute, lambda a: a.table("profile"))

    def sentence_values(self, intervention: Intervention | None) -> dict[str, list[Part]]:
        """Every measure of one space that has it, sentence by sentence: by name, one (weight, (n,)) a set of rows."""
        best_layer = self._best_layer()
        measures = {name: measure.by_sentence for name, measure in MEASURES.items() if measure.by_sentence}
        spec = self._sentence_spec(intervention, best_layer)

        def compute() -> Payload:
            def embeddings(group: int, layer: int | None) -> np.ndarray:
                return self.stages.embeddings(group, intervention, self.plan.layer if layer is None else layer)

            languages = [group.languages for group in self.plan.groups]
            space = SentenceSpace(self.plan.target, languages, embeddings, best_layer)
            found = {name: read(space) for name, read in measures.items()}
            arrays = {f"{name}-{n}": values for name, parts in found.items() for n, (_, values) in enumerate(parts)}
            return Payload(arrays=arrays, facts={name: [weight for weight, _ in of] for name, of in found.items()})

        def read(artefact: Artefact) -> dict[str, list[Part]]:
            weights = {name: cast("list[float]", artefact.facts[name]) for name in measures}
            return {
                name: [(weight, artefact.array(f"{name}-{n}")) for n, weight in enumerate(of)]
                for name, of in weights.items()
            }

        return self.stages.get("sentence-values", spec, compute, read)

    def projection(self, intervention: Intervention | None) -> list[tuple[np.ndarray, np.ndarray]]:
        """Joint map of both spaces at the chosen layer.

        Returns
        -------
        list of (pre, post)
            One pair a group, each ndarray of float32, (n_languages, n_rows, 2); all groups share the plane.
        """
        spaces = (None, intervention)
        spec = self._projection_spec(intervention)

        def compute() -> Payload:
            maps = joint_map.draw(self.stages, spaces, self.plan.experiment.seed)
            return Payload(
                arrays={
                    f"{name}-{g}": plane
                    for g, planes in enumerate(maps)
                    for name, plane in zip(("pre", "post"), planes, strict=True)
                }
            )

        def read(artefact: Artefact) -> list[tuple[np.ndarray, np.ndarray]]:
            return [(artefact.array(f"pre-{g}"), artefact.array(f"post-{g}")) for g in range(len(self.plan.groups))]

        return self.stages.get("projection", spec, compute, read)

    def artefacts(self, intervention: Intervention) -> list[Artefact]:
        """What is stored of what the measures and the map of both spaces follow from, what passes gave first."""
        stages, plan = self.stages, self.plan
        spaces = (None, intervention)
        lists = [(number, code) for number, group in enumerate(plan.groups) for code in group.languages]
        embedded = [
            stages.embedded(stages.embeddings_spec(number, code, space), plan.layer)
            for space in spaces
            for number, code in lists
        ]
        specs = [
            ("expertise", stages.expertise_spec()),
            *(("layer", self._layer_spec(space)) for space in spaces),
            *(("profile", self._profile_spec(space)) for space in spaces),
            ("projection", self._projection_spec(intervention)),
        ]
        read = [stages.store.find("responses", stages.responses_spec(code)) for code in plan.response_rows.languages]
        found = [*read, *embedded, *(stages.store.find(stage, spec) for stage, spec in specs)]
        return [artefact for artefact in found if artefact is not None]

    def _medoid_table(self, spaces: list[np.ndarray]) -> pd.DataFrame:
        """Distance of each language's mean to the medoid, over all groups together."""
        by_language: dict[str, list[np.ndarray]] = {}
        for group, space in zip(self.plan.groups, spaces, strict=True):
            for code, embedded in zip(group.languages, space, strict=True):
                by_language.setdefault(code, []).append(embedded)
        joined = {code: np.concatenate(parts) for code, parts in by_language.items()}
        return pd.DataFrame({"language": list(joined), "to_medoid": distances.medoid_distances(list(joined.values()))})

    def _target_measures(self, intervention: Intervention | None, layer: int) -> dict[str, float]:
        """Means over the pairs with the target as the query, at one layer."""
        return query_means(
            (self.stages.embeddings(g, intervention, layer), group.languages.index(self.plan.target))
            for g, group in enumerate(self.plan.groups)
            if self.plan.target in group.languages
        )
