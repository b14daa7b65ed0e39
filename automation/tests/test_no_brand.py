"""The engine works in anybody's project: no file of it names the site that it was made with."""

from pathlib import Path

import automation

ENGINE = Path(automation.__file__).parent
SITE = b"behflow"

#: Where the name may stand, and why.
ALLOWED = {
    # A catalogue begins with the project that it was made in; no page shows that.
    "locale/fa/LC_MESSAGES/django.po": b"Project-Id-Version: Behflow",
    "locale/fa/LC_MESSAGES/django.mo": b"Project-Id-Version: Behflow",
}


def _files() -> dict[str, bytes]:
    found = (path.relative_to(ENGINE) for path in ENGINE.rglob("*") if path.is_file())
    shipped = [path for path in found if not {"tests", "__pycache__"} & set(path.parts)]
    return {path.as_posix(): (ENGINE / path).read_bytes() for path in shipped}


def test_engine_does_not_name_the_site():
    files = _files()
    for name in ("admin/base.py", "static/automation/live.js", "templates/automation/story.html"):
        assert name in files

    naming = {
        name
        for name, text in files.items()
        if SITE in name.lower().encode() + text.replace(ALLOWED.get(name, b"\0"), b"").lower()
    }

    assert naming == set()


def test_each_exception_is_needed():
    files = _files()

    assert [name for name, words in ALLOWED.items() if words not in files[name]] == []
