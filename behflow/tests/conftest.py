"""A real Chromium on a real web server, for the tests that look at pages as people do."""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from conftest import ROOT, Child

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

Visit = Callable[..., Page]


def _chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = (shutil.which(name) for name in names)
    return os.environ.get("CHROMIUM") or next((path for path in found if path), None)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's own browser; no test downloads one."""
    path = _chromium()
    if path is None:
        pytest.skip("no Chromium here (Debian: apt install chromium), and CHROMIUM names none")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop running in this thread; the tests use the ORM beside it.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def site(test_database: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The site as in production, by gunicorn, on the database of the test; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "gunicorn", "behflow.wsgi", "--bind", bind, "--threads", "4"]
    child = Child([*command, "--chdir", str(ROOT)], test_database, tmp_path / "web.log")
    child.wait_for("Booting worker")
    yield f"http://{bind}"
    child.stop()


@pytest.fixture
def visit(chromium: Browser, site: str) -> Iterator[Visit]:
    """Open a page for somebody (None: nobody logged in); it must be clean to the end of the test.

    Clean: no error in the console (a breach of the content security policy is one), none in a
    script, and nothing asked of another machine. `may_fail`: requests may, as the test is about.
    """
    wrong: list[str] = []
    contexts = []

    def open_page(
        user: User | None, path: str = "/admin/", *, may_fail: bool = False, **options: Any
    ) -> Page:
        context = chromium.new_context(**{"viewport": DESK, "base_url": site, **options})
        contexts.append(context)
        if user is not None:
            client = Client()
            client.force_login(user)
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": "sessionid", "value": session, "url": site}])
        page = context.new_page()
        page.on("console", lambda m: _note_error(m, wrong, may_fail=may_fail))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: _note_stranger(asked.url, site, wrong))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong, "\n".join(wrong)


def _note_error(message: ConsoleMessage, wrong: list[str], *, may_fail: bool) -> None:
    is_expected = may_fail and message.text.startswith("Failed to load resource")
    if message.type == "error" and not is_expected:
        wrong.append(message.text)


def _note_stranger(url: str, site: str, wrong: list[str]) -> None:
    if urlsplit(url).scheme in {"http", "https"} and not url.startswith(site):
        wrong.append(f"asked for {url}")


def follow(page: Page, selector: str) -> None:
    """Click what leads to another page, and wait until that page is there."""
    with page.expect_navigation():
        page.click(selector)


def violations(page: Page) -> list[str]:
    """What axe finds wrong with a page: the rule, and the element."""
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]
