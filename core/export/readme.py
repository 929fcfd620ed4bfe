"""What stands in an exported folder beside the weights: a description, and the setting with all its conditions."""

from __future__ import annotations

import json

from core.experiment.named_neurons import in_short
from core.experiment.places import PLACES, passed_on, without_folders
from core.experiment.plan import Plan
from core.export.outcome import GGUF, WrittenWeights
from core.language.codes import describe
from core.models.sentence_pooling import SENTENCE_POOLINGS
from core.models.spec import CATALOGUE
from core.neurons.interventions import Intervention
from core.neurons.methods import METHODS
from core.neurons.selection import CONTROLS
from core.stats.units import counted, listed
from core.version import __version__

_FOLDER = """\
```python
from transformers import AutoTokenizer, {made_by}

model = {made_by}.from_pretrained("this folder", dtype="auto")
tokenizer = AutoTokenizer.from_pretrained("this folder")
```
"""
_PATCH = """\
The linear maps of this architecture have no biases, so that no plain folder can hold the change. `patch.safetensors`
says which units are scaled and shifted, and holds nothing of the model; `loader.py` writes it into the weights of
{source}. It needs torch, safetensors and transformers alone:

```python
from loader import load  # beside this file

model, tokenizer = load()
```
"""


def provenance(plan: Plan, intervention: Intervention, written: WrittenWeights, source: str | None = None) -> str:
    """Everything that the folder was made of, as JSON; ``source``: the language of all sentences, where it matters."""
    passed = without_folders(plan.experiment).to_dict()  # the folder is meant to be passed on
    content = {
        "program": f"language-neurons {__version__}",
        "form": written.form.name,
        "config_set": list(written.form.switches),
        "setting": {**plan.describe(), **{name: place for name, place in passed.items() if name in PLACES}},
        **({"source_language": source} if source else {}),
        "intervention_digest": intervention.digest,
        "neurons_written": len(intervention.neurons),
        "difference_from_hooks": written.difference.to_json() if written.difference else None,
        **({"gguf_difference_from_hooks": written.gguf.to_json()} if written.gguf else {}),
        "model_licence": written.licence,
    }
    return json.dumps(content, indent=1, ensure_ascii=False)


def text(plan: Plan, intervention: Intervention, written: WrittenWeights, source: str | None = None) -> str:
    """The folder's README.md."""
    what = _in_words(plan, intervention)
    use = _PATCH.format(source=written.patched) if written.patched else _FOLDER.format(made_by=written.made_by)
    set_to_true = ", ".join(f"`{name}`" for name in written.form.switches)
    paragraphs = [
        "---\nlibrary_name: transformers\ntags: [language-neurons]\n---",
        f"# {what}",
        f"This is a modified model. {what}: at every token of every sentence, "
        + (f"as if all were in {describe(source).english}." if source else "whatever its language."),
        written.difference.in_words() if written.difference else "How far it is from the hooks was not measured.",
        use.strip(),
        f"The config sets {set_to_true} to true, so that the linear maps have biases; those of units that are not "
        "written are 0."
        if set_to_true
        else "",
        f"`{GGUF}` is the same for llama.cpp, as the model's own file is packed. {written.gguf.in_words()}"
        if written.gguf
        else "",
        _sentence_embedding(plan),
        f"Licence of the model: {written.licence}.",
        "`provenance.json` holds every setting, the model's revision and digest, and the digests of the sentences.",
    ]
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def _in_words(plan: Plan, intervention: Intervention) -> str:
    experiment, n = plan.experiment, len(intervention.neurons)
    languages = listed(describe(code).english for code in plan.targets or (plan.target,))
    deed = METHODS[experiment.method].in_words(languages, experiment.strength, plan.held, n)
    named = f" that {in_short(experiment.experts_from or '')} names" if plan.imported is not None else ""
    control = CONTROLS[experiment.control]
    kind, where = "neuron", ""
    if control.draw is not None:
        kind, where = "random neuron", f" {control.place} (a control)" if control.place else " (a control)"
        deed = f"treated as the {f'neurons{named}' if named else f'experts of {languages}'} would be: {deed}"
        named = ""
    offer = CATALOGUE.get(plan.resolved.name)
    name = offer.title if offer else passed_on("model", plan.resolved.name)
    return f"{counted(n, kind)}{where} of {name}{named}, {deed}"


def _sentence_embedding(plan: Plan) -> str:
    layer = "the last hidden state" if plan.layer == plan.outline.n_layers else f"hidden state {plan.layer}"
    encoding = plan.encoding
    if encoding.encoder:
        steps = " (what follows the pooling is done at the last alone)" if encoding.encoder.steps else ""
        how = f"made of {layer} as the model's own folder says: {encoding.encoder}{steps}"
    elif encoding.pooling == "mean":
        how = f"the mean of {layer} over its tokens, without those that the tokenizer adds"
    else:
        how = f"made of {layer}: {SENTENCE_POOLINGS[encoding.pooling].about}"
    put = f" Every sentence was read behind the prompt {encoding.prompt!r}." if encoding.prompt else ""
    put += " Every sentence was wrapped in the model's chat template." if encoding.chat else ""
    return f"A sentence's embedding was {how}.{put}"
