"""Attacks on the dashboard's computation, counted: ``python -m benchmarks reliability`` writes RELIABILITY.md.

Every attack ends in one of three ways. *Held*: the answer is right, or the refusal in words. *Lost*: it is wrong or
missing, or something other than an answer or a refusal. *Hung*: nothing within 300 seconds. Right means equal, to
the last bit, to what the command line gives on a cache of its own. What is made to break may be answered too, with
whatever it holds: there, the request after it must be right. Markup is held where it is shown as its text and
nothing is made of it; a public server's walls, where nothing behind them is shown.

The models are tiny ones of real architectures and random weights: what is tested is not what they say.
"""

from __future__ import annotations

import importlib
import os
import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil

from benchmarks import crafted_files, endurance, machine, markup, public_server
from benchmarks.attacks import attacks
from benchmarks.tried import (
    HELD,
    HUNG,
    LIMIT,
    LOST,
    SMALL,
    Count,
    Server,
    Sizes,
    as_the_command_line,
    forget_peak,
    judged,
    of_a_cell,
    peak_memory,
    served,
    tiny,
)
from core.errors import AskError, PackError
from core.experiment.settings import Experiment
from core.packs.pack_folder import OPENING, PackFolder
from dashboard.work.job import Job
from dashboard.work.questions import CellQuestion

SOON = 15.0
_MOST_MEMORY = 4e9  # bytes of a process that is handed a file of some kilobytes
_SHORT_ONES = 4
_AT_ONCE = 4  # attacks: much of each is waiting


def kills(folder: Path, sizes: Sizes) -> Count:
    """Kill the process that computes after a random share of the work; the visitor asks again, until it is answered."""
    count, draw = Count("the process that computes is killed (-9) while it works"), random.Random(0)
    asked = tiny(folder)
    with served(folder) as server:
        for turn in range(3 * sizes.kills):  # a job may be done before its turn comes
            if count.tries == sizes.kills:
                break
            experiment = replace(asked, strength=round(0.01 * (turn + 1), 2))
            expected, cell = of_a_cell(experiment, folder), CellQuestion(experiment)
            job = server.jobs.submit("a", cell)
            share = draw.uniform(0.0, 0.5)
            while job.active and job.snapshot.fraction <= share:
                server.jobs.touch("a", cell)
                time.sleep(0.001)
            if not job.active:
                continue
            psutil.Process(server.backend.process_id).kill()
            outcome, why = HUNG, "the killed job did not end"
            for _ in range(3):
                if not server.wait("a", job):
                    break
                if job.state == "done":
                    outcome, why = judged(server, job, expected)
                    break
                outcome, why = LOST, f"{job.error}"
                server.jobs.forget(cell)
                job = server.jobs.submit("a", cell)
            count.add(outcome, f"kill {turn}: {why}")
        count.detail = server.backend.about()
    return count


def visitors(folder: Path, sizes: Sizes) -> Count:
    """Visitors come at once, each with settings of their own that are not known; each looks until it is there."""
    count, asked = Count("visitors at once, each with settings of their own"), tiny(folder)
    requests = [
        replace(asked, experts=10 + visitor, strength=round(0.5 + 0.1 * turn, 1))
        for turn in range(sizes.settings)
        for visitor in range(sizes.visitors)
    ]
    expected = {experiment: as_the_command_line(experiment, folder) for experiment in requests}
    together = threading.Barrier(sizes.visitors)
    lock, waits = threading.Lock(), []
    with served(folder) as server:

        def visit(visitor: int) -> None:
            together.wait()
            for experiment in requests[visitor :: sizes.visitors]:
                start = time.monotonic()
                job = server.jobs.submit(f"visitor {visitor}", experiment)
                ended = server.wait(f"visitor {visitor}", job)
                outcome, why = judged(server, job, expected[experiment]) if ended else (HUNG, "it did not end")
                with lock:
                    waits.append(time.monotonic() - start)
                    count.add(outcome, f"visitor {visitor}: {why}")

        threads = [threading.Thread(target=visit, args=(visitor,)) for visitor in range(sizes.visitors)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    count.detail = f"longest wait {max(waits):.0f} s"
    return count


def short_beside_long(folder: Path, _sizes: Sizes) -> Count:
    """Six visitors have asked for minutes; one who asks for three seconds waits at most `SOON`.

    What the long ones finish is kept, as stages are: one that keeps nothing has a longer turn each time, or it would
    never end.
    """
    lasts = importlib.import_module("tests.helpers.asked_of_child").TimedQuestion
    count = Count("a job of 3 seconds beside six of 3 minutes")
    with served(folder) as server:
        long = [lasts(f"tab {number}", 180.0) for number in range(6)]
        jobs = [server.jobs.submit(job.name, job) for job in long]
        while not any(job.snapshot.stage == "works" for job in jobs):
            time.sleep(0.1)
        latest = 0.0
        for number in range(_SHORT_ONES):
            begun = _begun(server, jobs, lasts(f"short {number}", 3.0))
            latest = max(latest, begun)
            count.add(HELD if begun <= SOON else HUNG, f"begun after {begun:.1f} s")
        count.detail = f"the last one to begin did so after {latest:.1f} s"
        for job in jobs:
            server.jobs.stop(job.request)
    return count


def _begun(server: Server, others: list[Job], asked: Any) -> float:
    """Seconds until a person's request is begun beside jobs that are looked at too; waits until it is answered."""
    start, moment = time.monotonic(), 0.0
    short = server.jobs.submit("a person", asked)
    while short.active and time.monotonic() < start + LIMIT:
        for job in others:
            server.jobs.touch(job.request.name, job.request)  # type: ignore[attr-defined]
        server.jobs.touch("a person", asked)
        moment = moment or (time.monotonic() - start if short.state != "waiting" else 0.0)
        time.sleep(0.05)
    return moment if short.state == "done" else LIMIT


def hostile(folder: Path, _sizes: Sizes) -> Count:
    """Links and files that are made to break: each ends in a refusal in words, and the next request is answered."""
    count, asked = Count("hostile links, configs, tokenizers and tables"), tiny(folder)
    _ask_all(count, folder, asked, attacks(folder, asked))
    return count


def crafted(folder: Path, sizes: Sizes) -> Count:
    """Files that lie about themselves: as `hostile`, in bounded memory, and nothing is written outside of the cache."""
    count, asked = Count("crafted tables, weights, tokenizers and packs"), tiny(folder)
    at_work = _ask_all(count, folder, asked, crafted_files.crafted(folder, asked, sizes.broken))
    packs, outside, here = PackFolder(folder / "cache", None), folder / "outside", 0
    for name, content in crafted_files.archives(OPENING.read_bytes(), outside):
        before = forget_peak()  # to make the files has taken more
        try:
            packs.put(content, name)
            outcome, why = LOST, "it was taken"
        except PackError as error:
            outcome, why = (LOST, "it wrote a file") if outside.exists() else (HELD, str(error))
        except Exception as error:
            outcome, why = LOST, repr(error)
        count.add(outcome, f"a pack, {name}: {why}")
        here = max(here, peak_memory(os.getpid()) - before)
    count.detail = f"memory at most {at_work / 1e6:,.0f} MB at work, and {here / 1e6:,.0f} MB more where a pack is read"
    if max(at_work, here) > _MOST_MEMORY:
        count.lost.append(f"more than {_MOST_MEMORY / 1e9:.0f} GB of memory")
    return count


def _ask_all(count: Count, folder: Path, asked: Experiment, requests: Iterable[tuple[str, Experiment]]) -> int:
    """Ask for what is made to break, then for what is not; gives the most bytes of memory of who computes."""
    expected, most = of_a_cell(asked, folder), 0
    with served(folder) as server:
        for name, experiment in requests:
            try:
                job = server.jobs.submit("attacker", CellQuestion(experiment))
                ended = server.wait("attacker", job)
                refused = isinstance(job.error, AskError) or job.state == "done"
                outcome = HUNG if not ended else HELD if refused else LOST
                why = str(job.error)
            except Exception as error:
                outcome, why = LOST, repr(error)
            count.add(outcome, f"{name}: {why}")
            most = max(most, peak_memory(getattr(server.backend, "process_id", None)))
        job = server.jobs.submit("a visitor", CellQuestion(asked))
        ended = server.wait("a visitor", job)
        count.add(*(judged(server, job, expected) if ended else (HUNG, "the next request")))
    return most


def full_disk(folder: Path, _sizes: Sizes) -> Count | None:
    """Compute on a disk that is full: refused in words; once there is room, the same request is answered."""
    disk = folder / "small"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True)
    if mount.returncode:
        return None
    count, asked = Count("a full disk"), tiny(folder)
    expected = as_the_command_line(asked, folder)
    try:
        with served(disk) as server:
            (disk / "filler").write_bytes(b"x" * (900 << 10))
            job = server.jobs.submit("a", asked)
            ended = server.wait("a", job)
            said = isinstance(job.error, AskError) and "space" in job.error.why
            count.add(HUNG if not ended else HELD if said else LOST, f"full: {job.state}, {job.error}")
            subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
            server.jobs.forget(asked)
            job = server.jobs.submit("a", asked)
            ended = server.wait("a", job)
            count.add(*(judged(server, job, expected) if ended else (HUNG, "with room again")))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)
    return count


ATTACKS: tuple[Callable[[Path, Sizes], Count | None], ...] = (
    kills,
    visitors,
    short_beside_long,
    hostile,
    crafted,
    markup.markup,
    public_server.prying,
    endurance.pages,
    full_disk,
)


def campaign(sizes: Sizes, say: Callable[[str], None] = print) -> Iterator[Count]:
    """Run all attacks side by side, each in a process and a folder of its own, and give how each ended."""
    with ProcessPoolExecutor(_AT_ONCE, mp_context=get_context("spawn")) as pool:
        for running in [pool.submit(_tried, number, sizes) for number in range(len(ATTACKS))]:
            count = running.result()
            if count is not None:  # else it cannot be tried here
                say(count.row)
                yield count


def _tried(number: int, sizes: Sizes) -> Count | None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return ATTACKS[number](Path(folder), sizes)


def run(folder: Path, small: bool, soak_minutes: float = 0.0) -> int:
    """Run the campaign and write RELIABILITY.md; 0 if every try was held.

    Parameters
    ----------
    folder : path
        Where the report is written.
    soak_minutes : float
        How long mixed visitors then use a real server; 0 leaves it out.
    """
    sizes = SMALL if small else Sizes()
    start, facts = time.monotonic(), machine.facts(_command(sizes, soak_minutes))
    counts: list[Count] = []
    for count in campaign(sizes):
        counts.append(count)
        _write(folder, counts, sizes, facts, start)
    if soak_minutes:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
            counts.extend(endurance.soak(Path(place), soak_minutes))
        _write(folder, counts, sizes, facts, start)
    return int(any(count.lost or count.hung for count in counts))


def _command(sizes: Sizes, soak_minutes: float) -> str:
    command = "python -m benchmarks reliability" + (" --small" if sizes == SMALL else "")
    return command + (f" --soak {soak_minutes:g}" if soak_minutes else "")


def _write(folder: Path, counts: list[Count], sizes: Sizes, facts: dict[str, str], start: float) -> None:
    written = report(counts, sizes, facts, (time.monotonic() - start) / 60)
    (folder / "RELIABILITY.md").write_text(written, encoding="utf-8")


def report(counts: list[Count], sizes: Sizes, facts: dict[str, str], minutes: float) -> str:
    """The report in Markdown; ``facts`` are of the machine as it was before."""
    faults = [f"- {count.attack}: {why}" for count in counts for why in (*count.lost, *count.hung)]
    lines = [
        "# Reliability",
        "",
        *(__doc__ or "").split("\n\n", 1)[1].strip().splitlines(),
        "",
        machine.as_markdown(facts),
        "",
        f"Took {minutes:.0f} minutes. {sizes.kills} kills, {sizes.visitors} visitors at once, "
        f"settings each: {sizes.settings}; {sizes.pages} pages; {sizes.payloads} texts with markup; "
        f"{sizes.broken} tables and tokenizers broken at a place of chance"
        + (" (the small campaign)." if sizes == SMALL else "."),
        "",
        "| attack | held | lost | hung | |",
        "|---|---|---|---|---|",
        *(count.row for count in counts),
        "",
        *(["## What was not held", "", *faults] if faults else ["Everything was held."]),
    ]
    return "\n".join(lines) + "\n"
