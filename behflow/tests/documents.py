"""What the documents tell people to do, done: write files, edit them, type commands."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from conftest import ROOT

DOCS = ROOT / "docs"

#: A fenced block; in a list it is indented.
_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^\1```$",
    re.MULTILINE | re.DOTALL,
)

#: Between two cells of a table; `\\|` is part of one.
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Block:
    language: str
    title: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page under `docs/` (or of the README), in order."""
    for found in _BLOCK.finditer((DOCS / page).read_text()):
        yield Block(found["language"], found["title"] or "", dedent(found["text"]))


def tables(page: str, heading: str = "") -> list[list[list[str]]]:
    """The tables of a page, or of its part below a heading, as rows of cells; without their heads."""
    text = (DOCS / page).read_text()
    if heading:
        text = text.partition(f"\n## {heading}")[2].partition("\n## ")[0]
    return [
        [[cell.strip() for cell in _CELL.split(line)[1:-1]] for line in table.splitlines()[2:]]
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    ]


def copy_of_checkout(folder: Path) -> Path:
    """A checkout to play in: the code, without what was made from it."""
    leave = shutil.ignore_patterns(".*", "__pycache__", "*.sqlite3*", "docs", "benchmarks")
    return Path(shutil.copytree(ROOT, folder, ignore=leave))


def carry_out(block: Block, folder: Path, environment: dict[str, str]) -> None:
    """Do what a block says in `folder`; AssertionError where it is not as the page says."""
    if block.language == "console":
        for command, expected in _commands(block.text):
            _type(command, expected, folder, environment)
    elif block.language == "diff":
        _edit(folder / block.title, block.text)
    elif block.title:
        (folder / block.title).write_text(block.text)


def _commands(text: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _newline, expected = part.partition("\n")
        yield command, expected


def _type(command: str, expected: str, folder: Path, environment: dict[str, str]) -> None:
    """Run it in a shell; compare the output, in which … stands for anything."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**environment, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout}"
    pattern = ".*?".join(map(re.escape, expected.split("…")))
    fits = re.fullmatch(pattern, done.stdout, re.DOTALL)
    assert fits or not expected, f"$ {command}\n{done.stdout}\ninstead of\n{expected}"


def _edit(path: Path, diff: str) -> None:
    lines = diff.splitlines()
    old = "\n".join(line[1:] for line in lines if not line.startswith("+"))
    new = "\n".join(line[1:] for line in lines if not line.startswith("-"))
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} has {text.count(old)} times\n{old}"
    path.write_text(text.replace(old, new))
