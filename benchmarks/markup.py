"""Markup wherever the dashboard shows a text that is not its own: every one is shown as text, in a real browser."""

from __future__ import annotations

import importlib
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any
from urllib.parse import urlencode, urlsplit

from benchmarks.tried import HELD, HUNG, LOST, Count, Sizes, tiny
from core.packs import container
from core.packs.pack import pack
from core.packs.pack_folder import PackFolder
from core.pipeline.engine import Engine
from core.reproduction.reader import included
from core.store.store import Store
from dashboard.page_table import PAGES
from dashboard.state.link import to_query

PAYLOADS = (
    "<script>window.__xss=1</script>",
    "<img src=xss:x onerror=window.__xss=1>",
    '"><img src="xss:x" onerror="window.__xss=1">',
    "'><svg onload='window.__xss=1'>",
    "<svg/onload=alert('xss')>",
    '<iframe srcdoc="<script>parent.__xss=1</script>"></iframe>',
    "<iframe src=javascript:parent.__xss=1>",
    "<details open ontoggle=window.__xss=1>xss</details>",
    "<input autofocus onfocus=window.__xss=1 id=xss>",
    "<video><source onerror=window.__xss=1></video>",
    "</textarea></title></style></script><script>window.__xss=1</script>",
    "<style>@import 'http://xss.invalid/a.css';</style>",
    "<base href=http://xss.invalid/>",
    "<form action=javascript:window.__xss=1><button id=xss>xss</button></form>",
    "<math><mtext><table><mglyph><style><img src=xss:x onerror=window.__xss=1>",
    "[xss](javascript:window.__xss=1)",
    "![xss](http://xss.invalid/a.png)",
    r"$\href{javascript:window.__xss=1}{xss}$",
    "&lt;img src=xss:x onerror=window.__xss=1&gt;",
    r"\u003cimg src=xss:x onerror=window.__xss=1\u003e {{constructor.constructor('window.__xss=1')()}}",
)
"""Each says `xss`, by which what it creates is known."""

_SHOWS, _SETTLES = 60.0, 60.0  # seconds
_FOUND = """() => {
  const made = [], texts = [];
  const look = (root) => {
    texts.push(root.textContent);
    for (const element of root.querySelectorAll("*")) {
      for (const { name, value } of element.attributes) {
        if (["value", "aria-label", "title", "alt", "placeholder"].includes(name)) texts.push(value);
        const loads = ["src", "srcdoc", "action", "formaction", "data", "poster", "background"].includes(name);
        const leads = ["href", "xlink:href"].includes(name);
        if (name.startsWith("on") || (loads && value.includes("xss")) || (name === "id" && value === "xss")
          || (leads && /^\\s*(javascript|vbscript|data:text.html)[:;,]|xss\\.invalid/i.test(value)))
          made.push(`${element.tagName} ${name}=${value}`.slice(0, 200));
      }
      if (element.tagName === "STYLE" && element.textContent.includes("xss")) made.push("STYLE");
      if (typeof element.value === "string") texts.push(element.value);
      if (element.shadowRoot) look(element.shadowRoot);
    }
  };
  if (document.body) { look(document.head); look(document.body); }
  const app = document.querySelector('[data-testid="stApp"]');
  // Before its script has run a page says that it is not running: then it has no title.
  const stands = app && app.dataset.testScriptState === "notRunning" && app.querySelector("h1");
  const rests = app ? !!stands : location.protocol === "about:";
  return { made, ran: window.__xss ?? null, text: texts.join("\\n"), rests };
}"""


@dataclass
class Tab:
    """A browser's tab that notes what should never happen.

    Attributes
    ----------
    happened : list of str
        Dialogs, and requests to elsewhere, since it was last looked.
    """

    page: Any  # of Playwright, which only this campaign needs
    address: str
    happened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("dialog", self._dismiss)
        self.page.on("request", self._note)

    def _dismiss(self, dialog: Any) -> None:
        self.happened.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _note(self, request: Any) -> None:
        if "xss" in (urlsplit(request.url).hostname or "") or request.url.startswith("xss:"):
            self.happened.append(f"a request for {request.url}")

    def opens(self, query: dict[str, str], path: str = "") -> None:
        """Follow a link."""
        self.page.goto(f"{self.address}/{path}?{urlencode(query)}")

    def judged(self, shown: str) -> tuple[str, str]:
        """How a try ended: held once a text is shown as it is and nothing was made of it; the page then rests.

        Parameters
        ----------
        shown : str
            Empty where the page need not show it.
        """
        deadline = time.monotonic() + _SHOWS
        while True:
            found = self._found()
            made = [what for frame in found for what in frame["made"]]
            made += [f"it ran ({frame['ran']})" for frame in found if frame["ran"] is not None]
            made += self.happened
            if made:
                self.happened.clear()
                return LOST, "; ".join(made)
            text = "\n".join(frame["text"] for frame in found)
            rests = bool(found) and found[0]["rests"]
            if rests and any(form in text for form in _forms(shown)):
                return HELD, ""
            if time.monotonic() > deadline:
                return (LOST, "it is not shown as text") if rests else (HUNG, "the page does not come to rest")
            time.sleep(0.3)

    def _found(self) -> list[dict[str, Any]]:
        """What every frame has, the page's own first; nothing while one of them is on its way to another page."""
        from playwright.sync_api import Error

        try:
            return [frame.evaluate(_FOUND) for frame in self.page.frames if not frame.is_detached()]
        except Error:
            return []


def _forms(text: str) -> set[str]:
    """How a text may stand on a page: as it is, quoted as Python does, or as a browser sends the name of a file."""
    return {text, text.replace("\\", "\\\\"), text.replace('"', "%22")}


@dataclass(frozen=True)
class Surroundings:
    """What every place needs.

    Attributes
    ----------
    link : dict of str to str
        Of a setting that is known.
    packed : bytes
        A pack of another setting.
    """

    folder: Path
    link: dict[str, str]
    packed: bytes


def in_link(tab: Tab, around: Surroundings, payload: str) -> Iterator[str]:
    """As a value, a name, a language, a file and a model in a link, and as what a page looks at."""
    tab.opens(around.link | {"control": payload, payload: "1"})
    yield payload
    for name, value in {"target": payload, "corpus": f"table:{payload}.tsv", "model": f"./{payload}"}.items():
        tab.opens(around.link | {name: value})
        yield payload
    tab.opens(around.link | {f"view.{name}": payload for name in ("folder", "of", "item", "with")}, "reproduction")
    yield payload


def in_upload(tab: Tab, around: Surroundings, payload: str) -> Iterator[str]:
    """As the name of an uploaded file, its cells, its labels and the name of a column; then on every page."""
    tests = importlib.import_module("tests.helpers.tiny")
    name = f"{payload.replace('/', '')}.tsv"
    rows = [
        [f"{payload} {tests.sentences(code, 1, row)[0]}" for code in tests.LANGUAGES] + [f"{payload} {row % 2}", "x"]
        for row in range(12)
    ]
    content = "\n".join("\t".join(row) for row in [[*tests.LANGUAGES, "label", payload], *rows])
    tab.opens(around.link)
    tab.page.get_by_text("Your own sentences").first.click()
    files = {"name": name, "mimeType": "text/tab-separated-values", "buffer": content.encode()}
    tab.page.locator('[data-testid="stFileUploader"] input[type=file]').first.set_input_files(files)
    tab.page.get_by_role("button", name="Use these sentences").click()
    tab.page.wait_for_url(lambda url: "corpus=upload" in url)
    link = dict(part.split("=", 1) for part in urlsplit(tab.page.url).query.split("&"))
    yield name.rpartition("\\")[2]
    corpus = {"corpus": link["corpus"].replace("%3A", ":")}
    for path in ("sentences", *PAGES):  # where the sentences must be seen first: from then on all is known
        tab.opens(around.link | corpus, path)
        yield payload if path == "sentences" else ""


def in_report(tab: Tab, around: Surroundings, payload: str) -> Iterator[str]:
    """As what a report of the reproduction says: titles, claims, notes, settings."""
    folder = around.folder / "report"
    if not folder.is_dir():
        copytree(included(), folder, ignore=ignore_patterns("*.html"))
    content = json.loads((included() / "report.json").read_text(encoding="utf-8"))
    for item in content["items"].values():
        item["title"] = item["why"] = payload
    for verdict in content["verdicts"]:
        verdict["claim"] = verdict["text"] = verdict["state"] = payload
    content["notes"], content["written"] = [payload], payload
    content["settings"] |= {"model": payload, "corpus": payload}
    (folder / "report.json").write_text(json.dumps(content), encoding="utf-8")
    tab.opens(around.link | {"view.folder": str(folder)}, "reproduction")
    yield payload


def in_pack(tab: Tab, around: Surroundings, payload: str) -> Iterator[str]:
    """As what a pack says of its model, its corpus and the machine that computed it."""
    packs = PackFolder(around.folder / "cache", None)
    for earlier in packs.folder.glob("*.pack"):
        earlier.unlink()
    setting = packs.put(saying(around.packed, payload, around.folder), "a pack").settings[0]
    link = to_query(setting)
    for path, shown in {"": payload, "results": "", "what-if": "", "retrieval": "", "take-along": ""}.items():
        tab.opens(link, path)
        yield shown


def saying(packed: bytes, payload: str, folder: Path) -> bytes:
    """A pack with something else in the place of what it says of its model, its corpus and its machines."""
    path = folder / "saying.pack"
    path.write_bytes(packed)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest, answers = json.loads(files.pop("manifest.json")), json.loads(files["answers.json"])
    for made in (manifest["made"], manifest["packed"], *manifest["computed"]):
        made |= {"machine": payload, "version": payload, "date": payload}
    for entry in answers:
        plan = entry["answers"]["result"]["with"]["plan"]["with"]
        for fields in (entry["setting"]["with"], plan["experiment"]["with"]):
            fields["model"] = payload
        plan["resolved"]["with"]["name"] = payload
        for corpus in (plan["corpus"]["with"], plan["probe_corpus"]["with"]):
            corpus |= dict.fromkeys(("licence", "source", "title"), payload)
        entry["answers"]["result"]["with"]["notes"] = {"tuple": [payload]}
    container.write(path, manifest, {**files, "answers.json": json.dumps(answers).encode()})
    return path.read_bytes()


PLACES: tuple[Callable[[Tab, Surroundings, str], Iterator[str]], ...] = (in_link, in_upload, in_report, in_pack)


def markup(folder: Path, sizes: Sizes) -> Count | None:
    """Show markup everywhere, to a visitor with a browser; a try is one text on one page. None where no browser is."""
    browser_of = importlib.import_module("tests.helpers.browser")
    try:
        from playwright.sync_api import sync_playwright

        executable = browser_of.executable()
    except (ImportError, FileNotFoundError):
        return None
    browsing = importlib.import_module("tests.helpers.browsing")
    count = Count("markup in links, uploads, reports and packs, in a browser")
    around = _surroundings(folder)
    with (
        browsing.serving(folder / "cache", LANGUAGE_NEURONS_WORKER="child") as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=browser_of.FLAGS)
        for payload in PAYLOADS[: sizes.payloads]:
            for place in PLACES:
                _tried(count, browser, address, around, place, payload)
        browser.close()
    count.detail = f"{sizes.payloads} texts"
    return count


def _surroundings(folder: Path) -> Surroundings:
    """A setting that is known, and a pack of it."""
    asked = tiny(folder)
    engine = Engine(Store(folder / "cache"))
    engine.run(asked)
    pack(engine, [asked], folder / "known.pack", [])
    return Surroundings(folder, to_query(asked), (folder / "known.pack").read_bytes())


def _tried(
    count: Count,
    browser: Any,
    address: str,
    around: Surroundings,
    place: Callable[[Tab, Surroundings, str], Iterator[str]],
    payload: str,
) -> None:
    """Try one text in one place, in a tab of its own."""
    page = browser.new_page()
    page.set_default_timeout(1000 * _SETTLES)
    tab = Tab(page, address)
    try:
        for shown in place(tab, around, payload):
            outcome, why = tab.judged(shown)
            count.add(outcome, f"{place.__name__}, {payload} at {urlsplit(page.url).path}: {why}")
    except Exception as error:  # the browser's, where what must be pressed is not there
        count.add(LOST, f"{place.__name__}, {payload} at {urlsplit(page.url).path}: {error!r:.300}")
    finally:
        page.close()
