"""The settings, each stated once: every listing of them reads `SETTINGS`.

A setting has one name, that of its field in `core.experiment.settings.Experiment`: links and files write it as it is,
the command line with dashes. To add one, add the field there and its entry here.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.corpora.formats import FORMATS
from core.experiment.entry import Setting
from core.experiment.kinds import (
    Code,
    Codes,
    Flag,
    HiddenState,
    Kind,
    Layers,
    ModelName,
    NameList,
    Number,
    OneOf,
    Verbatim,
    WholeNumber,
)
from core.experiment.named_neurons import names_files
from core.experiment.settings import PAPER_LANGUAGES
from core.models.sentence_pooling import AUTO, SENTENCE_POOLINGS
from core.models.spec import DTYPES, E5, EMBEDDED
from core.neurons.interventions import TOKENS
from core.neurons.methods import METHODS
from core.neurons.responses import NEURONS, POOLINGS
from core.neurons.scores import SCORES
from core.neurons.selection import CONTROLS, EXPERT_SETS, HELD_AT, SELECTIONS

GROUPS = ("model", "sentences", "experts", "intervention", "evaluation", "other")
"""What settings are about; the command line's help and forms list them by it."""

_PLACES = ", ".join(form.form for form in FORMATS.values())

SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(
            "model",
            "Model",
            f"A hub id (owner/name), a folder, a GGUF file, {EMBEDDED} or {E5}",
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
            "adapter",
            "Adapter",
            "Folder of an adapter (LoRA and similar ones, saved by peft) that is merged into the model's weights",
            Kind(words="a folder", metavar="DIR"),
            "model",
            unset="none",
            example="adapters/es",
        ),
        Setting(
            "sentence_pooling",
            "Embedding of a sentence",
            "How a sentence's hidden states become its embedding; auto is what the model's folder says in its "
            "modules.json, and the mean where it has none",
            OneOf(table=SENTENCE_POOLINGS, also=(AUTO,)),
            "sentences",
            panel="more",
        ),
        Setting(
            "prompt",
            "Prompt before every sentence",
            "Put before every sentence: a prompt that the model names (query), or a text ('query: ')",
            Verbatim(words="a prompt's name or text"),
            "sentences",
            unset="what the model's folder says where it is followed, else none",
            example="query: ",
            panel="more",
            everywhere="--sentence-prompt",
        ),
        Setting(
            "chat_template",
            "Chat template",
            "Wraps every sentence in the model's chat template, as a message of a user",
            Flag(),
            "sentences",
            panel="more",
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
            "targets",
            "Held together with",
            "Languages whose experts are held together with the target's: codes, a family or branch by its name "
            "(Romance), or all",
            NameList(words="languages, families or all, with commas between", metavar="LANG,..."),
            "experts",
            unset="the target alone",
            example=("es", "fr", "it"),
            panel="neurons",
        ),
        Setting(
            "combine",
            "Of several languages, the experts",
            "Which experts of several languages are held",
            OneOf(table=EXPERT_SETS),
            "experts",
            panel="neurons",
            applies=lambda experiment: bool(experiment.targets),
        ),
        Setting(
            "held_at",
            "Of several languages, held at",
            "What the experts of several languages are held at",
            OneOf(table=HELD_AT),
            "experts",
            panel="neurons",
            applies=lambda experiment: bool(experiment.targets) and METHODS[experiment.method].by_values,
        ),
        Setting(
            "experts",
            "Expert neurons",
            "How many neurons are held: of the model, or with --select layer of each layer",
            WholeNumber(low=1, metavar="K"),
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
            "Which neurons are chosen: the best of the model, the best of each layer, or all, whatever their score",
            OneOf(table=SELECTIONS),
            "experts",
            panel="neurons",
        ),
        Setting(
            "expert_layers",
            "In blocks",
            "Only neurons of these blocks of the model, counted from 0",
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
            NameList(words="names of sites with commas between", metavar="SITE,..."),
            "experts",
            unset="all",
            example=("down_proj",),
            panel="neurons",
            older_links=("in_sites",),
            older_options=("--sites",),
        ),
        Setting(
            "experts_from",
            "Experts from",
            "A file that names the experts, whatever their score: a table of layer, site, unit and perhaps value, or "
            "LAPE's masks (.pth, with #N for one of several languages); one neuron by hand "
            "(12:down_proj:33, or 12:down_proj:33=4.2 for a value); several with or, and, without between them",
            Kind(words="a file", metavar="FILE"),
            "experts",
            unset="the best by their score",
            example="experts.csv",
            # A link names no file of the machine that opens it.
            in_link=lambda spec: spec != "" and not names_files(spec),
        ),
        Setting(
            "neurons",
            "Neurons are outputs of",
            "Whose outputs count as neurons",
            NameList(table=NEURONS, metavar="KIND,..."),
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
            WholeNumber(low=2),
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
            "learning_sentences",
            "Sentences to learn from",
            "Probe sentences of the other languages that a learned intervention is fitted on, as many of each language "
            "and one at least; its cost grows with them",
            WholeNumber(low=32, high=200),
            "intervention",
            panel="top",
            applies=lambda experiment: experiment.learns,
        ),
        Setting(
            "learning_steps",
            "Steps of learning",
            "Passes forward and back in which a learned intervention is fitted; its cost grows with them",
            WholeNumber(low=1, high=1000),
            "intervention",
            panel="top",
            applies=lambda experiment: experiment.learns,
        ),
        Setting(
            "learning_penalty",
            "Penalty of learning",
            "How strongly a learned intervention is held to few neurons (weight of its group lasso): 0 changes all, "
            "more leaves more as they are",
            Number(low=0.0),
            "intervention",
            panel="top",
            applies=lambda experiment: experiment.learns,
        ),
        Setting(
            "tokens",
            "Written at",
            "At which tokens the intervention is written",
            OneOf(table=TOKENS),
            "intervention",
            panel="neurons",
            everywhere="--written-to",
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
            WholeNumber(low=2),
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
            "Of every draw: the random control, the projection, sentences that LinEAS learns from, texts, resamples",
            WholeNumber(low=0, high=(1 << 32) - 1),
            "other",
            panel="more",
        ),
    )
}
"""Every setting by its name, in the order in which forms and help list them."""
ALWAYS_SAID = ("target", "experts", "strength")
"""What readers look for: said even where it is the default."""


def in_group(group: str) -> Iterator[Setting]:
    """The settings of a group, in order."""
    return (setting for setting in SETTINGS.values() if setting.group == group)


def in_panel(panel: str) -> Iterator[Setting]:
    """The settings of a part of the sidebar, in order."""
    return (setting for setting in SETTINGS.values() if setting.panel == panel)
