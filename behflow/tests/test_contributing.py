"""CONTRIBUTING shows the house as it stands."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from conftest import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
#: Folders of an app that Django knows by their names.
OF_DJANGO = {"locale", "migrations", "static", "templates", "templatetags", "tests", "commands"}


def drawn() -> Iterator[Path]:
    """The files and folders of the tree, in order."""
    (tree,) = re.findall(r"```text\n(.*?)```", TEXT, re.S)
    above: list[tuple[int, Path]] = []
    for line in filter(None, tree.splitlines()):
        names, _space, _told = line.strip().partition("  ")
        indent = len(line) - len(line.lstrip())
        above = [(depth, path) for depth, path in above if depth < indent]
        folder = above[-1][1] if above else ROOT
        for name in names.split():
            yield folder / name
            if name.endswith("/"):
                above.append((indent, folder / name))


def test_all_that_is_drawn_is_there():
    missing = [path for path in drawn() if not path.exists()]

    assert missing == []


def test_every_room_and_module_of_the_engine_is_drawn():
    known = set(drawn())
    engine = ROOT / "automation"
    rooms = {path.parent for path in engine.rglob("__init__.py")} - {engine}
    rooms = {room for room in rooms if not OF_DJANGO & {*room.relative_to(engine).parts}}

    assert rooms | set(engine.glob("*.py")) <= known


def test_every_place_that_is_named_is_there():
    named = re.findall(r"`(automation/[\w/.]+)`", TEXT)
    rooms = re.findall(r"`((?:engine|cluster|queue|notifications|database|models)/[\w/]+)`", TEXT)

    assert len(named) > 5
    assert len(rooms) > 10
    for path in [ROOT / place for place in named] + [ROOT / "automation" / room for room in rooms]:
        assert path.exists() or path.with_suffix(".py").exists(), path


def test_every_place_that_a_page_names_is_there():
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        (page.name, place)
        for page in pages
        for place in re.findall(r"`((?:automation|behflow|tasks)/[\w/.]+)`", page.read_text())
    }

    assert named
    assert [place for place in named if not (ROOT / place[1]).exists()] == []


def test_order_of_the_tree_is_that_of_the_layers():
    """So that a module imports only from lines below its own."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = contracts["contracts"][0]["layers"]
    floor = {
        name: number
        for number, layer in enumerate(layers)
        for name in layer.replace("automation.", "").split(" | ")
    }
    order = [path.stem for path in drawn() if path.parent == ROOT / "automation"]
    floors = [floor[name] for name in order if name in floor]

    assert {*floor} <= {*order}
    assert floors == sorted(floors)
