"""The settings, each stated once: every listing of them reads `SETTINGS`.

A setting has one name, that of its field in `core.experiment.settings.Experiment`: links and files write it as it is,
the command line with dashes. To add one, add the field there and its entry here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal

from core.corpora.formats import FORMATS
from core.experiment.kinds import Code, Codes, HiddenState, Kind, Layers, ModelName, Number, OneOf, Several, Whole
from core.experiment.settings import PAPER_LANGUAGES, Experiment
from core.models.spec import DTYPES, E5, EMBEDDED
from core.neurons.interventions import METHODS, TOKENS
from core.neurons.responses import NEURONS, POOLINGS
from core.neurons.scores import SCORES
from core.neurons.selection import CONTROLS, SELECTIONS

GROUPS = ("model", "experts", "intervention", "evaluation", "other")
"""What settings are about; the command line's help and forms list them by it."""


@dataclass(frozen=True)
class Setting:
    """One setting, with all that any listing says of it.

    Attributes
    ----------
    name : str
        Of its field; also its name in links and files and, with dashes, on the command line.
    label : str
        In the sidebar.
    help : str
        What it is, in one sentence without its full stop.
    kind : Kind
        How its text is read, and what a good value is.
    group : str
        One of `GROUPS`.
    unset : str
        What None means, in words; empty where it cannot be None.
    example : object
        A good value to show, where the default is none.
    link : {"changed", "always", "never"}
        When a link states it. Always: so that the link survives a change of defaults. Never: it belongs to the machine
        that opens the link.
    panel : {"top", "neurons", "more", ""}
        The part of the sidebar it stands in; empty: in none, so that only a link, a file or an option says it.
    older_links, older_options : tuple of str
        Names that it had; they still read.
    """

    name: str
    label: str
    help: str
    kind: Kind
    group: str
    unset: str = ""
    example: Any = None
    link: Literal["changed", "always", "never"] = "changed"
    panel: Literal["top", "neurons", "more", ""] = ""
    older_links: tuple[str, ...] = ()
    older_options: tuple[str, ...] = ()

    @property
    def option(self) -> str:
        """On the command line: ``--probe-corpus``."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def default(self) -> Any:
        """The value where nobody says another."""
        return _DEFAULTS[self.name]

    @property
    def sample(self) -> Any:
        """A good value to show, as JSON has it."""
        value = self.default if self.example is None else self.example
        return list(value) if isinstance(value, tuple) else value


_DEFAULTS = {field.name: field.default for field in fields(Experiment)}
_PLACES = ", ".join(form.form for form in FORMATS.values())

SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(
            "model",
            "Model",
            f"A hub id (owner/name), a folder, {EMBEDDED} or {E5}",
            ModelName(),
            "model",
            link="always",
            panel="top",
        ),
        Setting(
            "revision",
            "Revision",
            "Branch, tag or commit of a model on the hub",
            Kind(words="a revision", metavar="REV"),
            "model",
            unset="the newest",
            example="main",
        ),
        Setting(
            "dtype",
            "Precision",
            "What the model computes in; auto is bfloat16 where the device computes it itself, else float32",
            OneOf(table=DTYPES, also=("auto",)),
            "model",
        ),
        Setting(
            "device",
            "Device",
            "Where the model runs: auto, cpu, cuda, cuda:1, mps, or sharded over all GPUs",
            Kind(words="a device", metavar="DEVICE"),
            "model",
            link="never",
        ),
        Setting(
            "corpus",
            "Sentences",
            f"Where sentences come from: {_PLACES}",
            Kind(words="a corpus", metavar="SPEC"),
            "experts",
            link="always",
            panel="top",
        ),
        Setting(
            "probe_corpus",
            "Probe corpus",
            "Takes the sentences that find the experts from another corpus",
            Kind(words="a corpus", metavar="SPEC"),
            "experts",
            unset="the same",
            example="embedded",
            panel="more",
            older_links=("probe",),
        ),
        Setting(
            "target",
            "Target language",
            "The language whose expert neurons are found and held",
            Code(),
            "experts",
            link="always",
            panel="top",
        ),
        Setting(
            "experts",
            "Expert neurons",
            "How many neurons are held: of the model, or with --select layer of each layer",
            Whole(low=1, metavar="K"),
            "experts",
            link="always",
            panel="top",
            older_links=("k",),
        ),
        Setting(
            "score",
            "Score",
            "What makes a neuron an expert; higher is more of one",
            OneOf(table=SCORES),
            "experts",
            panel="neurons",
        ),
        Setting(
            "min_score",
            "Score at least",
            "Only neurons that score at least this",
            Number(),
            "experts",
            unset="any",
            example=0.9,
            panel="neurons",
        ),
        Setting(
            "select",
            "Choose",
            "Whether the best of the model are chosen, or the best of each layer",
            OneOf(table=SELECTIONS),
            "experts",
            panel="neurons",
        ),
        Setting(
            "expert_layers",
            "In layers",
            "Only neurons of these layers, counted from 0",
            Layers(),
            "experts",
            unset="all",
            example="0-5,9",
            panel="neurons",
            older_links=("in_layers",),
        ),
        Setting(
            "expert_sites",
            "At sites",
            "Only neurons of these sites, such as gate_proj",
            Several(words="names of sites with commas between", metavar="SITE,..."),
            "experts",
            unset="all",
            example=("down_proj",),
            panel="neurons",
            older_links=("in_sites",),
            older_options=("--sites",),
        ),
        Setting(
            "neurons",
            "Neurons are outputs of",
            "Whose outputs count as neurons",
            Several(table=NEURONS, metavar="KIND,..."),
            "experts",
            panel="neurons",
        ),
        Setting(
            "probe_languages",
            "Probe languages",
            "The languages that experts of the target are told from",
            Codes(),
            "experts",
            unset=f"the target and those of {','.join(PAPER_LANGUAGES)} that the corpus has; all of its "
            "languages for the embedded corpus, or where it has fewer than two of these",
            example=("en", "ja"),
        ),
        Setting(
            "probe_sentences",
            "Probe rows",
            "Use the first N probe rows",
            Whole(low=2),
            "experts",
            unset="all",
            example=200,
            older_links=("n_probe",),
        ),
        Setting(
            "pooling",
            "Pooling of a neuron",
            "How a neuron's outputs over a sentence's tokens become its response",
            OneOf(table=POOLINGS),
            "experts",
            panel="more",
        ),
        Setting(
            "method",
            "Intervention",
            "What is written to the experts",
            OneOf(table=METHODS),
            "intervention",
            panel="top",
        ),
        Setting(
            "strength",
            "Strength",
            "0: the model as it is. 1: all of the intervention. Above: beyond it",
            Number(metavar="S"),
            "intervention",
            link="always",
            panel="top",
        ),
        Setting(
            "tokens",
            "Written at",
            "At which tokens the intervention is written",
            OneOf(table=TOKENS),
            "intervention",
            panel="neurons",
        ),
        Setting(
            "control",
            "Control",
            "What would be written to the experts goes to neurons drawn at random instead",
            OneOf(table=CONTROLS),
            "intervention",
            panel="more",
        ),
        Setting(
            "languages",
            "Languages",
            "To evaluate on; the target is always among them",
            Codes(),
            "evaluation",
            unset="all",
            example=("en", "ja"),
            panel="more",
        ),
        Setting(
            "eval_sentences",
            "Evaluation rows",
            "Use the first N evaluation rows",
            Whole(low=2),
            "evaluation",
            unset="all",
            example=100,
            panel="more",
            older_links=("n_eval",),
        ),
        Setting(
            "layer",
            "Layer",
            "The hidden state that sentences are compared in: last (after the final norm), or one from 0 (embeddings)",
            HiddenState(),
            "evaluation",
            link="always",
            panel="top",
        ),
        Setting(
            "seed",
            "Seed",
            "Of the random control and of the projection",
            Whole(low=0, high=(1 << 32) - 1),
            "other",
            panel="more",
        ),
    )
}
"""Every setting by its name, in the order in which forms and help list them."""


def in_group(group: str) -> Iterator[Setting]:
    """The settings of a group, in order."""
    return (setting for setting in SETTINGS.values() if setting.group == group)


def in_panel(panel: str) -> Iterator[Setting]:
    """The settings of a part of the sidebar, in order."""
    return (setting for setting in SETTINGS.values() if setting.panel == panel)
