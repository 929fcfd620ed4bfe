"""Attacks that take long: known pages one after the other, and mixed visitors of a real server for an hour."""

from __future__ import annotations

import importlib
import json
import random
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

from benchmarks.tried import HELD, HUNG, LIMIT, LOST, Count, Sizes, tiny
from core import subprocesses
from core.experiment.file import write_experiment
from core.experiment.settings import Experiment
from dashboard.page_table import PAGES
from dashboard.state.link import to_query
from dashboard.text.summary import percent


def pages(folder: Path, sizes: Sizes) -> Count:
    """Draw known pages one after the other: the server's memory stays as it is."""
    command = subprocesses.command("benchmarks.known_pages", str(folder), str(sizes.pages))
    done = subprocess.run(command, env=subprocesses.environment(), capture_output=True, text=True, timeout=3600)
    count = Count("known pages, one after the other")
    if done.returncode:
        count.add(LOST, done.stderr[-300:])
        return count
    said = json.loads(done.stdout.splitlines()[-1])
    count.held, count.lost = said["drawn"], said["broken"]
    if not said["before"]:
        return count
    count.detail = (
        f"memory {said['before'] / 1e6:,.0f} MB after a tenth of them, {said['after'] / 1e6:,.0f} MB at the end"
    )
    if said["after"] > 1.1 * said["before"] + 50e6:
        count.lost.append("memory grows")
    return count


_HOSTILE: tuple[dict[str, str], ...] = (
    {"model": "~nosuch/x"},
    {"model": "a\0b"},
    {"corpus": "table:/dev/zero"},
    {"corpus": "table:../../../../etc/passwd"},
    {"expert_layers": ",".join(["0-999999"] * 100)},
    {"min_score": "1.5"},
    {"strength": "nan"},
    {"experts": "1" * 5000},
)
_POPULAR = 4
_AGAIN = "Try again"  # a button
_KILL_EVERY = 120.0  # seconds between kills of the process that computes
_SAMPLE_EVERY = 10.0


@dataclass
class Soak:
    """What the visitors of a server meet in a given time.

    Attributes
    ----------
    counts : dict of str to Count
        Figures, pages and hostile links, apart.
    memory : list of (float, float)
        Bytes of the server, and of the process that computes, every `_SAMPLE_EVERY` seconds.
    kills, again : int
        How often that process was killed, and a visitor tried again for it.
    """

    address: str
    asked: Experiment
    expect: Callable[[Experiment], tuple[float, float]]
    until: float
    counts: dict[str, Count] = field(
        default_factory=lambda: {what: Count(f"soak: {what}") for what in ("figures", "pages", "hostile links")}
    )
    memory: list[tuple[float, float]] = field(default_factory=list)
    kills: int = 0
    again: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str, outcome: str, why: str) -> None:
        """Count one try."""
        with self._lock:
            self.counts[what].add(outcome, why)

    def tried_again(self) -> None:
        """Count that a visitor had to."""
        with self._lock:
            self.again += 1

    def visit(self, number: int) -> None:
        """Do what comes to a visitor's mind, one thing after the other, until the time is over."""
        visiting = importlib.import_module("tests.helpers.raw_visitor").visiting
        draw = random.Random(number)
        while time.monotonic() < self.until:
            deed = draw.choices((self._figure, self._page, self._attack), (3, 5, 1))[0]
            try:
                with visiting(self.address) as visitor:  # each time with a new session
                    for _ in range(draw.randint(1, 4)):
                        deed(visitor, self._setting(draw), draw)
            except TimeoutError:
                self.add("pages", HUNG, f"visitor {number}: no answer within the wait of a visitor")
            except Exception as error:
                self.add("pages", LOST, f"visitor {number}: {error!r}"[:500])

    def _setting(self, draw: random.Random) -> Experiment:
        """One of the few that many ask for, or one that nobody has asked for yet."""
        if draw.random() < 0.5:
            return replace(self.asked, strength=0.5 * draw.randint(1, _POPULAR))
        return replace(
            self.asked,
            experts=draw.randint(5, 60),
            strength=round(draw.uniform(0.1, 2.0), 3),
            target=draw.choice(("ja", "en", "es")),
        )

    def _figure(self, visitor: Any, experiment: Experiment, draw: random.Random) -> None:
        """Look at the first page until it says how often translations are found; hold it against the command line.

        A job whose process was killed has failed, in words: the page offers to try again, and the visitor does.
        """
        pre, post = self.expect(experiment)
        # The sentence leaves the figure before away where the two hardly differ.
        said = f"finds its translation **{percent(post)}** of the time"
        moved = f"from **{percent(pre)}**"
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            text = visitor.opens(to_query(experiment)).text
            if _AGAIN in visitor.widgets:
                text = visitor.sets(_AGAIN, trigger_value=True).text
                self.tried_again()
            if "finds its translation" in text and "Computing" not in text:
                right = said in text and (moved in text or "no real change" in text)
                self.add("figures", HELD if right else LOST, f"{to_query(experiment)}: not {said}, {moved}")
                return
            time.sleep(draw.uniform(0.2, 1.0))  # as a page that looks again
        self.add("figures", HUNG, f"{to_query(experiment)}")

    def _page(self, visitor: Any, experiment: Experiment, draw: random.Random) -> None:
        page = draw.choice(list(PAGES))
        text = visitor.opens(to_query(experiment), page).text
        broken = '"exception"' in text or "Traceback" in text
        self.add("pages", LOST if broken else HELD, f"{page}: {text[-300:]}" if broken else "")

    def _attack(self, visitor: Any, experiment: Experiment, draw: random.Random) -> None:
        change = draw.choice(_HOSTILE)
        text = visitor.opens({**to_query(experiment), **change}, draw.choice(list(PAGES))).text
        broken = '"exception"' in text or "Traceback" in text or "root:x:" in text
        self.add("hostile links", LOST if broken else HELD, f"{change}: {text[-300:]}" if broken else "")

    def watch(self, server: psutil.Process) -> None:
        """Measure memory, and kill the process that computes now and then."""
        next_kill = time.monotonic() + _KILL_EVERY
        while time.monotonic() < self.until:
            time.sleep(_SAMPLE_EVERY)
            children = [process for process in server.children() if _computes(process)]
            with suppress(psutil.Error):
                at_work = sum(process.memory_info().rss for process in children)
                self.memory.append((server.memory_info().rss, at_work))
            if time.monotonic() > next_kill and children:
                with suppress(psutil.Error):
                    children[0].kill()
                    self.kills += 1
                next_kill = time.monotonic() + _KILL_EVERY


def _computes(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return any("core.pipeline.worker" in word for word in process.cmdline())
    return False


def soak(folder: Path, minutes: float, visitors: int = 6) -> list[Count]:
    """Let visitors use a real server for some minutes, with kills of the process that computes in between.

    Figures on pages are held against those of the command line on a cache of its own.
    """
    serving = importlib.import_module("tests.helpers.browsing").serving
    asked = tiny(folder)
    expect = lru_cache(maxsize=None)(lambda experiment: _expected(experiment, folder))
    with serving(folder / "cache", LANGUAGE_NEURONS_WORKER="child") as address:
        run = Soak(address, asked, expect, time.monotonic() + 60 * minutes)
        server = _listening_on(address)
        threads = [threading.Thread(target=run.visit, args=(number,)) for number in range(visitors)]
        threads.append(threading.Thread(target=run.watch, args=(server,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    run.counts["figures"].detail = f"tried again after a kill: {run.again}"
    return [*run.counts.values(), flat(run.memory, minutes, run.kills)]


def _expected(experiment: Experiment, folder: Path) -> tuple[float, float]:
    """Top-1 accuracy before and after that the command line gives, with the target as the query."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        asked, out = Path(place) / "asked.json", Path(place) / "answer.json"
        asked.write_text(write_experiment(experiment), encoding="utf-8")
        command = subprocesses.command("core", "run", "--experiment", str(asked), "--json", str(out))
        command += ["--cache", str(folder / "alone")]
        subprocess.run(command, env=subprocesses.environment(), check=True, capture_output=True)
        found = json.loads(out.read_text(encoding="utf-8"))["summary"]["target_top1"]
    return found["pre"], found["post"]


def _listening_on(address: str) -> psutil.Process:
    port = int(address.rsplit(":", 1)[1])
    for process in psutil.Process().children(recursive=True):
        if any(at.laddr.port == port and at.status == psutil.CONN_LISTEN for at in process.net_connections("tcp")):
            return process
    raise RuntimeError(f"no process of this one listens on {address}")


def flat(memory: Sequence[tuple[float, float]], minutes: float, kills: int) -> Count:
    """Whether memory is flat: medians of the second and of the last quarter of the time.

    Parameters
    ----------
    memory
        As of `Soak`.
    """
    count, quarter = Count(f"soak: memory over {minutes:g} minutes"), len(memory) // 4
    said = []
    for number, what in enumerate(("the server", "the process that computes")):
        samples = [each[number] for each in memory]
        early = statistics.median(samples[quarter : 2 * quarter] or [0.0])
        late = statistics.median(samples[3 * quarter :] or [0.0])
        said.append(f"{what} {early / 1e6:,.0f} MB in the second quarter, {late / 1e6:,.0f} MB in the last")
        count.add(HELD if late <= 1.1 * early + 50e6 else LOST, f"memory of {what} grows")
    count.detail = f"{'; '.join(said)}; kills of the process that computes: {kills}"
    return count
