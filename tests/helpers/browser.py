"""Finds a browser for the tests, and installs one where there is none: ``python tests/helpers/browser.py``.

An installed Chromium or Chrome is used; else Debian's ``chromium`` is installed when root; else Playwright's own.
Without any of them the tests fail: they do not pass by leaving out what they cannot see.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def executable() -> str:
    """Path of a browser that Playwright can drive."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    if not os.path.exists(path):  # noqa: PTH110 - a plain string from Playwright
        raise FileNotFoundError("no Chromium or Chrome is installed; run: python tests/helpers/browser.py")
    return path


def install() -> None:
    """Install a browser unless one is there."""
    try:
        print(f"browser: {executable()}")
        return
    except FileNotFoundError:
        pass
    if shutil.which("apt-get") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=False, env=environment)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False, env=environment)
    if not any(map(shutil.which, NAMES)):
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    print(f"browser: {executable()}")


if __name__ == "__main__":
    try:
        install()
    except FileNotFoundError as error:
        sys.exit(f"error: {error}")
