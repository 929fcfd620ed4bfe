"""Tests mirror the source file by file: ``core/spaces/retrieval.py`` has ``tests/core/spaces/test_retrieval.py``.

A module without a file of its own stands in `TESTED_IN` with the file that tests it; a test of more than one module
stands in `OF_MANY` with what it is of. Give a new module its own test file.
"""

from __future__ import annotations

import pytest

from tests.import_graph import ROOT, modules

# By module: where it is tested.
TESTED_IN = {
    "dashboard.sidebar.controls": "dashboard/test_app.py",
    "dashboard.options": "dashboard/test_command.py",
    "dashboard.served": "dashboard/test_hosts.py",
    "core.__main__": "core/cli/test_run.py",
    "core.analyses.sentence_table": "core/test_session.py",
    "core.charts.scales": "core/charts/test_bars.py",
    "core.choices": "core/experiment/test_names.py",
    "core.cli.command": "core/cli/test_main.py",
    "core.cli.data": "core/corpora/download/test_install.py",
    "core.cli.embed": "core/export/test_embedding_files.py",
    "core.cli.export": "core/export/test_writing.py",
    "core.cli.experts": "core/models/test_embedded_gemma.py",
    "core.cli.methods": "core/analyses/test_method_comparison.py",
    "core.cli.search": "core/analyses/test_search.py",
    "core.cli.steer": "core/analyses/test_steering.py",
    "core.cli.generate_result": "core/cli/test_generate.py",
    "core.cli.reproduce": "core/reproduction/test_report.py",
    "core.cli.reproduce_work": "core/reproduction/test_report.py",
    "core.cli.transfer_result": "core/cli/test_transfer.py",
    "core.cli.sharing": "core/store/test_shared_store.py",
    "core.cli.run_result": "core/models/test_embedded_gemma.py",
    "core.corpora.download.catalogue": "core/corpora/download/test_install.py",
    "core.corpora.download.remote": "core/corpora/download/test_http.py",
    "core.corpora.formats": "core/corpora/test_load.py",
    "core.corpora.table_records": "core/corpora/test_table_files.py",
    "core.corpora.validation": "core/corpora/test_table_corpus.py",
    "core.errors": "core/cli/test_run.py",
    "core.experiment.entry": "core/experiment/test_names.py",
    "core.experiment.kinds": "core/experiment/test_names.py",
    "core.experiment.rows": "core/experiment/test_plan.py",
    "core.export.comparison": "core/export/test_writing.py",
    "core.export.forms": "core/export/test_writing.py",
    "core.export.model_files": "core/export/test_writing.py",
    "core.export.outcome": "core/export/test_writing.py",
    "core.export.readme": "core/export/test_writing.py",
    "core.inference.rank": "core/inference/test_ranks.py",
    "core.language.likely": "core/language/test_codes.py",
    "core.models.loaded_model": "core/models/test_load.py",
    "core.models.memory": "core/models/test_loading.py",
    "core.models.placement": "core/models/test_loading.py",
    "core.models.resolve": "core/models/test_load.py",
    "core.models.tokenizers": "core/models/test_sentencepiece.py",
    "core.models.weight_patch": "core/export/test_writing.py",
    "core.models.sentence_pooling": "core/models/test_sentence_encoder.py",
    "core.models.spec": "core/models/test_load.py",
    "core.neurons.neuron_map": "core/neurons/test_sites.py",
    "core.neurons.rank_kernels": "core/neurons/test_rank_statistics.py",
    "core.neurons.responses": "core/inference/test_forward.py",
    "core.neurons.scores": "core/neurons/test_methods.py",
    "core.corpora.table_reader": "core/corpora/test_read_apart.py",
    "core.pipeline.recent": "core/pipeline/test_fitted_maps.py",
    "core.pipeline.backend": "dashboard/browser/test_many_visitors.py",
    "core.packs.contents": "core/packs/test_pack.py",
    "core.packs.ground": "core/packs/test_pack.py",
    "core.packs.parts": "core/packs/test_pack.py",
    "core.packs.plain_data": "core/packs/test_container.py",
    "core.pipeline.before_after": "dashboard/text/test_summary.py",
    "core.pipeline.measures": "core/pipeline/test_engine.py",
    "core.pipeline.result": "core/pipeline/test_engine.py",
    "core.pipeline.run": "core/pipeline/test_engine.py",
    "core.pipeline.embedding_layout": "core/pipeline/test_stages.py",
    "core.pipeline.stored": "core/pipeline/test_stages.py",
    "core.pipeline.worker": "core/pipeline/test_child.py",
    "core.reproduction.charts.figure": "core/reproduction/test_report.py",
    "core.reproduction.charts.rivals": "core/reproduction/items/test_rivals.py",
    "core.reproduction.item": "core/reproduction/test_report.py",
    "core.reproduction.items.projection": "core/reproduction/charts/test_projection.py",
    "core.reproduction.options": "core/reproduction/test_settings.py",
    "core.reproduction.published": "core/reproduction/test_report.py",
    "core.reproduction.study": "core/reproduction/test_report.py",
    "core.reproduction.tables": "core/reproduction/test_report.py",
    "core.reproduction.charts.methods_compared": "core/reproduction/items/test_methods_compared.py",
    "core.reproduction.charts.transfer": "core/reproduction/items/test_transfer.py",
    "core.session_base": "core/test_session.py",
    "core.session_methods": "core/test_session.py",
    "core.sweep.keep": "core/cli/test_sweep.py",
    "core.stats.units": "dashboard/text/test_summary.py",
    "core.cluster.backend": "core/cluster/test_pool.py",
    "core.cluster.reach": "core/cluster/test_joined.py",
    "core.cluster.version": "core/cluster/test_connection.py",
    "core.sweep.cells": "core/sweep/test_table.py",
    "core.sweep.forecast": "core/sweep/test_run.py",
    "core.sweep.local": "core/sweep/test_run.py",
    "core.sweep.settings": "core/sweep/test_run.py",
    "core.sweep.tally": "core/sweep/test_run.py",
    "core.sweep.tasks": "core/sweep/test_on_backend.py",
    "core.store.artefact": "core/store/test_store.py",
    "core.store.files": "core/store/test_damage.py",
    "core.store.fetched": "core/store/test_shared_store.py",
    "core.store.locks": "core/store/test_shared.py",
    "core.store.unsent": "core/store/test_shared_store.py",
    "core.store.manifest": "core/store/test_damage.py",
    "core.version": "test_package.py",
    "dashboard.__main__": "dashboard/test_main.py",
    "dashboard.charts.compare": "dashboard/page/test_compare.py",
    "dashboard.charts.experts": "dashboard/page/test_experts.py",
    "dashboard.charts.generate": "dashboard/page/test_generate.py",
    "dashboard.charts.is_it_real": "dashboard/page/test_is_it_real.py",
    "dashboard.charts.layers": "dashboard/page/test_layers.py",
    "dashboard.charts.methods": "dashboard/page/test_methods.py",
    "dashboard.charts.present": "dashboard/charts/test_export.py",
    "dashboard.charts.retrieval": "dashboard/page/test_retrieval.py",
    "dashboard.charts.sizes": "dashboard/page/test_every_page.py",
    "dashboard.charts.theme": "dashboard/page/test_experts.py",
    "dashboard.charts.transfer": "dashboard/page/test_transfer.py",
    "dashboard.charts.what_if": "dashboard/page/test_what_if.py",
    "dashboard.page.background": "dashboard/page/test_methods.py",
    "dashboard.page.downloading": "dashboard/work/test_downloads.py",
    "dashboard.page.explore": "dashboard/test_app.py",
    "dashboard.page.map_panel": "dashboard/browser/test_pages.py",
    "dashboard.sentence_map.points": "dashboard/sentence_map/test_component.py",
    "dashboard.sidebar.saving": "dashboard/state/test_presentation.py",
    "dashboard.state.role": "dashboard/test_login.py",
    "dashboard.text.story_clock": "dashboard/state/test_presentation.py",
    "dashboard.text.tour": "dashboard/state/test_presentation.py",
    "dashboard.work.limits": "dashboard/work/test_queue_limits.py",
    "dashboard.work.of_experiment": "dashboard/page/test_what_if.py",
    "dashboard.work.process": "dashboard/page/test_jobs.py",
    "dashboard.work.questions": "dashboard/page/test_what_if.py",
    "dashboard.work.method_questions": "dashboard/page/test_methods.py",
    "dashboard.work.search_questions": "dashboard/page/test_best_setting.py",
    "dashboard.work.steering_questions": "dashboard/page/test_steering.py",
    "dashboard.work.transfer_questions": "dashboard/page/test_transfer.py",
    "dashboard.work.text_questions": "dashboard/page/test_generate.py",
}
# Tests of more than one module, and what they hold.
OF_MANY = {
    "core/cluster/test_joined.py": "commands on a cluster that was there before: what is refused, and what dies",
    "core/corpora/test_embedded.py": "the sentences that come with the product",
    "core/models/test_loading.py": "what is loaded, where, and how much of it: architectures, placement, memory",
    "core/models/test_sentencepiece.py": "folders whose tokenizer is a sentencepiece model alone",
    "core/packs/test_shipped.py": "the packs in the repository, against what this machine computes",
    "core/reproduction/test_other_corpora.py": "the report on corpora of other shapes",
    "core/store/test_damage.py": "damaged files of the store",
    "core/store/test_interrupted.py": "processes killed while they write to the store",
    "core/store/test_shared.py": "threads and processes that share a store",
    "core/test_face.py": "what `import core` offers",
    "core/test_notebook_html.py": "how results show themselves in a notebook",
    "dashboard/work/test_queue_limits.py": "how much the queue takes and keeps, and failures",
    "dashboard/work/test_queue_turns.py": "long and short jobs in one queue",
    "dashboard/sentence_map/test_painting.py": "what the browser paints",
    "dashboard/sentence_map/test_gestures.py": "what a visitor is in the middle of on the map",
    "dashboard/test_added_choice.py": "a method, a score and a setting that are added, wherever they are listed",
    "dashboard/browser/test_controls.py": "the sidebar in a browser",
    "dashboard/browser/test_many_visitors.py": "visitors at the same time",
    "dashboard/browser/test_on_cluster.py": "a server with --engine ray",
    "dashboard/browser/test_pages.py": "the pages in a browser",
    "dashboard/browser/test_views.py": "the pages' own controls in a browser",
    "dashboard/page/test_every_page.py": "every page, wide and narrow, and axe-core on it",
    "dashboard/test_added_comparison.py": "a way of comparing that is added shows everywhere",
    "dashboard/test_added_measure.py": "a measure that is added shows everywhere",
    "dashboard/test_every_choice.py": "whatever is chosen on a page is in its link",
    "dashboard/test_main.py": "how the dashboard is started",
    "dashboard/test_offers.py": "buttons that offer work of some length, on three pages",
    "dashboard/test_public.py": "what visitors of a public server are shown",
    "dashboard/test_read_only.py": "a server that only shows what a cache has",
    "dashboard/test_page_table.py": "a page that is added shows everywhere",
    "dashboard/test_refusals.py": "every page, where a setting cannot be",
}
WITHOUT_MIRROR = ("benchmarks",)  # benchmarks are measurements; their tests hold what they write


def _own_test(module: str) -> str:
    """Where the tests of a module belong, below the folder of tests."""
    folder, _, name = module.rpartition(".")
    return f"{folder.replace('.', '/')}/test_{name}.py"


MODULES = [
    module
    for module, path in modules().items()
    if path.name != "__init__.py" and module.split(".")[0] not in WITHOUT_MIRROR
]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_tested_somewhere(module: str) -> None:
    if not (ROOT / "tests" / _own_test(module)).exists():
        assert module in TESTED_IN, f"{module} has no {_own_test(module)}"


def test_every_test_is_of_a_module() -> None:
    tests = [path.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    mirrored = {_own_test(module) for module in MODULES}
    astray = [
        name
        for name in tests
        if "/" in name and name.split("/")[0] not in WITHOUT_MIRROR and name not in mirrored and name not in OF_MANY
    ]
    assert astray == []


def test_the_tables_name_what_is_there() -> None:
    for name, test in TESTED_IN.items():
        assert (ROOT / "tests" / test).exists(), f"{name}: no {test}"
        assert name in MODULES, f"there is no {name}"
        assert not (ROOT / "tests" / _own_test(name)).exists(), f"{name} has tests of its own, so its row goes"
    assert [name for name in OF_MANY if not (ROOT / "tests" / name).exists()] == []
