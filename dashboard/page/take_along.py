"""How is this taken along? The model, the embeddings and the lines of Python, outside this program."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from core.analyses import sentence_table
from core.errors import AskError
from core.experiment.file import file_stem
from core.experiment.settings import Experiment
from core.export import lines, patches
from core.export.embedding_files import AFTER, BEFORE, parquet
from core.export.forms import FOLDER, Form
from core.neurons.methods import METHODS
from core.pipeline.result import Result
from dashboard.charts import theme
from dashboard.page import waiting
from dashboard.state import page_state, session
from dashboard.text import summary
from dashboard.work import process

_MODEL_GROUPS = ("model", "sentences", "experts", "intervention", "other")  # settings that the commands below take


def draw() -> None:
    """Draw the page."""
    theme.quiet("The model, the embeddings and the lines of Python, for use outside this program.")
    experiment = session.experiment()
    result = waiting.result_or_wait(experiment)
    if result is None:
        return
    theme.ready()
    if process.engine().origin(result) is None:
        _model(result, experiment)
        _embeddings(result, experiment)
    else:
        theme.quiet(
            "This result is from a pack, which carries neither the model nor embeddings: the patch and the file of "
            "embeddings are made on a machine that has the model and its sentences."
        )
    _python(experiment)
    theme.quiet(summary.conditions(result))


def _model(result: Result, experiment: Experiment) -> None:
    st.header("The model with the intervention in its weights", anchor=False)
    source = _source(result, experiment)
    try:
        form = process.engine().answer_known(experiment, partial(patches.form, source=source))
    except AskError as error:
        waiting.refusal(error)
        return
    if form is None:
        theme.quiet("The experts are not in the cache any more: open another page to have them found again.")
        return
    st.markdown(in_words(form, result))
    words = ("--out", "DIR") if source is None else ("--source", source, "--out", "DIR")
    st.code(lines.command("export", experiment, *words, groups=_MODEL_GROUPS), language="bash", wrap_lines=True)
    st.download_button(
        "The patch (ZIP)",
        partial(_patch, experiment, source),
        f"patch-{file_stem(experiment)}{'' if source is None else f'-from-{source}'}.zip",
        "application/zip",
        key="save-patch",
        on_click="ignore",
        help="Some kilobytes: which units are scaled and shifted, and a loader that writes it into the weights of the "
        "unmodified model. It needs torch, safetensors and transformers.",
    )


def in_words(form: Form, result: Result) -> str:
    """What the command writes for a setting."""
    name = result.plan.outline.architecture
    if form.name != FOLDER:
        return (
            f"The linear maps of this architecture ({name}) have no biases, so that the change is taken along as a "
            "patch beside the unmodified model. The command writes it, loads it again, compares it with what this "
            "program does, and states the difference."
        )
    switches = f" with `{'`, `'.join(form.switches)}` set in its config" if form.switches else ""
    return (
        f"This architecture ({name}) takes the change in a plain folder{switches}, which transformers loads without "
        "this program. The command writes it, loads it again, compares it with what this program does, and states "
        "the difference."
    )


def _source(result: Result, experiment: Experiment) -> str | None:
    """Have the one language of all sentences chosen where the method goes by it: weights do not know it."""
    if METHODS[experiment.method].by_source is None:
        return None
    known = process.engine().answer_known(experiment, patches.sources) or ()
    others = [code for code in known if code not in (result.plan.targets or (result.plan.target,))]
    return page_state.pick("Language of the sentences", others, "source", theme.name) if others else None


def _patch(experiment: Experiment, source: str | None = None) -> bytes:
    packed = process.engine().answer_known(experiment, partial(patches.zipped, source=source))
    if packed is None:
        raise ValueError("the setting is not computed yet")
    return packed


def _embeddings(result: Result, experiment: Experiment) -> None:
    st.header("The embeddings as data", anchor=False)
    n = sum(len(group) * len(group.languages) for group in result.plan.groups)
    st.markdown(
        f"The {n:,} evaluated sentences with their embeddings at layer {result.plan.layer}, in the columns `{BEFORE}` "
        f"and `{AFTER}`. The command does the same for sentences of your own."
    )
    st.download_button(
        "The embeddings (Parquet)",
        partial(_parquet, experiment),
        f"embeddings-{file_stem(experiment)}.parquet",
        "application/vnd.apache.parquet",
        key="save-embeddings",
        on_click="ignore",
    )
    layer = () if experiment.layer == "last" else ("--layer", str(experiment.layer))
    files = ("--in", "sentences.csv", "--out", "sentences.parquet")
    command = lines.command("embed", experiment, *layer, *files, groups=_MODEL_GROUPS)
    st.code(command, language="bash", wrap_lines=True)


def _parquet(experiment: Experiment) -> bytes:
    spaces = process.engine().answer_known(experiment, sentence_table.embeddings)
    if spaces is None:
        raise ValueError("the setting is not computed yet")
    frame: pd.DataFrame = spaces.sentences
    return parquet({str(name): list(frame[name]) for name in frame}, spaces.pre, spaces.post)


def _python(experiment: Experiment) -> None:
    st.header("The same in Python", anchor=False)
    st.markdown("What was computed here is found in the cache, if Python runs on this machine.")
    st.code(lines.python(experiment), language="python", wrap_lines=True)
