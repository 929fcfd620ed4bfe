"""The options of the dashboard's own; all others are given to ``streamlit run``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from core import access
from core.cli import sharing
from core.cluster import connection
from core.errors import SettingError
from core.location import default_cache
from dashboard import login

_DESCRIPTION = (
    "Starts the dashboard, a web page at http://127.0.0.1:8501 that shows what the commands compute. "
    "Other options are given to streamlit run, such as --server.address 0.0.0.0."
)

_LISTS = {
    "model": ("NAME=MODEL", "offer a model that is on this machine: a hub id, owner/name@REVISION, or NAME=FOLDER"),
    "corpus": ("NAME=SPEC", "offer a corpus, such as FLORES=flores:DIR"),
    "root": ("DIR", "offer the reports below a folder on the page Reproduction"),
}


def parse(given: Sequence[str], program: str) -> tuple[argparse.Namespace, list[str]]:
    """Read the options; returns those of the dashboard, and those for ``streamlit run``."""
    options, others = parser(program).parse_known_args(given)
    if options.port is not None:
        others = ["--server.port", str(options.port), *others]
    return options, others


def parser(program: str) -> argparse.ArgumentParser:
    """Make the parser."""
    made = argparse.ArgumentParser(prog=program, description=_DESCRIPTION, allow_abbrev=False)
    made.add_argument("--port", type=int, metavar="N", help="of the page (default: 8501)")
    _add_offers(made)
    _add_login(made)
    _add_work(made)
    return made


def _add_offers(made: argparse.ArgumentParser) -> None:
    """Add what visitors of a shared server may name."""
    shared = made.add_argument_group(
        "shared servers", "What visitors may name. Without --public, everything that this user can read."
    )
    shared.add_argument(
        "--public",
        action="store_true",
        help="offer only what comes with the product and what is listed; download nothing; visitors see their own "
        f"jobs and no paths (also {access.PUBLIC}=1)",
    )
    for what, example in _LISTS.items():
        shared.add_argument(f"--allow-{what}", action="append", default=[], metavar=example[0], help=example[1])


def _add_login(made: argparse.ArgumentParser) -> None:
    """Add who may come in, and who sees everybody's jobs."""
    people = made.add_argument_group("login", "Without one, everybody who reaches the server is a visitor.")
    people.add_argument("--login", metavar="FILE", help="by OpenID Connect, with the secrets of st.login in this file")
    people.add_argument(
        "--trust-header",
        metavar="NAME",
        help="by a proxy that sets this header to the visitor's e-mail address, and removes it from what visitors send",
    )
    people.add_argument(
        "--trust-proxy",
        action="append",
        default=[],
        metavar="IP",
        help="a proxy whose header is believed (default: this machine's)",
    )
    people.add_argument(
        "--admin",
        action="append",
        default=[],
        metavar="EMAIL",
        help="who sees and stops everybody's jobs and takes results away",
    )


def _add_work(made: argparse.ArgumentParser) -> None:
    """Add what computes, where results are kept, and what is done unasked."""
    made.add_argument(
        "--engine",
        metavar="local|child|ray|ray://HOST:PORT|auto",
        help="what computes: the server itself, a child process of it, a Ray cluster (that of RAY_ADDRESS, else one on "
        f"this machine), the one at an address, or auto (also {access.WORKER}; default: child)",
    )
    made.add_argument("--cache", metavar="DIR", help=f"folder of results (default: {default_cache()})")
    sharing.add_option(made)
    made.add_argument(
        "--read-only",
        action="store_true",
        help=f"show what the cache has, write nothing there, compute nothing (also {access.READ_ONLY}=1)",
    )
    made.add_argument(
        "--nothing-unasked",
        action="store_true",
        help="begin no work that nobody asked for: no model is loaded ahead, no map is fitted again, the opening "
        f"picture stays a pack's, and what is free is measured on the page Is it real? alone (also {access.UNASKED}=0)",
    )
    made.add_argument(
        "--cache-limit",
        metavar="SIZE",
        type=_size,
        help="most that the cache may hold, such as 50GB (default: 20GB or a tenth of the disk, whichever is less; "
        f"also {access.CACHE_LIMIT})",
    )


def _size(text: str) -> str:
    from core.store import quota  # with it come pandas and Arrow

    try:
        quota.parse(text)
    except SettingError as error:
        raise argparse.ArgumentTypeError(f"{error.why}. {error.instead}") from None
    return text


def apply(chosen: argparse.Namespace) -> list[str]:
    """Put the options in force; returns options for ``streamlit run``, and raises `core.errors.SettingError`."""
    access.allow(chosen.public, chosen.allow_model, chosen.allow_corpus, chosen.allow_root)
    os.environ.setdefault(access.ONLY_ASKED, "asked")
    os.environ.setdefault(access.TABLES, "apart")
    os.environ.setdefault(access.WORKER, "child")
    if chosen.engine is not None:
        if chosen.engine != "child":
            connection.chosen(chosen.engine)
        os.environ[access.WORKER] = {"local": "here"}.get(chosen.engine, chosen.engine)
    if chosen.cache is not None:
        os.environ["LANGUAGE_NEURONS_CACHE"] = str(Path(chosen.cache).expanduser().absolute())
    if chosen.read_only:
        os.environ[access.READ_ONLY] = "1"
    if chosen.nothing_unasked:
        os.environ[access.UNASKED] = "0"
    if chosen.cache_limit is not None:
        os.environ[access.CACHE_LIMIT] = chosen.cache_limit
    sharing.put_in_force(chosen.shared, default_cache())
    return login.apply(chosen.login, chosen.trust_header, chosen.trust_proxy, chosen.admin)
