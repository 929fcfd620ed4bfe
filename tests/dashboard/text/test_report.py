"""The report as a file that is passed on: it names no place of the machine that wrote it. Its numbers are tested with
the page that offers it (`tests/dashboard/state/test_presentation.py`)."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from urllib.parse import quote

from core.experiment.settings import Experiment
from dashboard.text import report
from tests.helpers.results import make_result

PLACE = "/srv/secret place/corpora"


def test_the_report_names_files_and_folders_by_their_last_part() -> None:
    places = {"corpus": f"table:{PLACE}/own.tsv", "probe_corpus": f"flores:{PLACE}/flores200"}
    files = {"adapter": f"{PLACE}/adapters/es", "experts_from": f"{PLACE}/experts.csv"}
    experiment = Experiment(model=f"{PLACE}/models/tiny", experts=20, **places, **files)
    made = make_result(experiment)
    plan = made.plan
    corpora = {name: replace(plan.corpus, spec=getattr(experiment, name)) for name in ("corpus", "probe_corpus")}
    made = replace(made, plan=replace(plan, **corpora), notes=(f"Read from {PLACE}/own.tsv.",))
    page = report.html(made)
    for written in (PLACE, quote(PLACE), quote(PLACE, safe=""), "secret+place", "secret place"):
        assert written not in unescape(page)
    for shown in (
        "table:own.tsv",
        "flores:flores200",
        '"model": "tiny"',
        '"adapter": "es"',
        '"experts.csv"',
        "Read from own.tsv.",
    ):
        assert shown in unescape(page)
