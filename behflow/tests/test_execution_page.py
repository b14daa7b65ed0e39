"""The page about executions agrees with the code: nothing that is stored goes unexplained."""

import json
import re
from collections import defaultdict

import pytest
from django.apps import apps
from django.utils import timezone, translation

from automation.models import ENTERED_FROM, FAILED, FINAL, Execution, Kind, Status, Trigger, reasons
from behflow.tests.documents import DOCS, blocks, tables

PAGE = "reference/execution.md"
NEW = "a new row"


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, as cells."""
    return tables(PAGE, heading)[0]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture(scope="module")
def statuses() -> dict[str, list[str]]:
    return {codes(name)[0]: cells for name, *cells in table("Statuses")}


def test_diagram_has_exactly_the_arrows_of_the_code():
    (diagram,) = [block.text for block in blocks(PAGE) if block.language == "mermaid"]
    drawn = re.findall(r"^ +(\S+) --> (\S+)$", diagram, re.M)

    entered = {(source or "[*]", to) for to, sources in ENTERED_FROM.items() for source in sources}
    assert sorted(drawn) == sorted({*entered, *((status, "[*]") for status in FINAL)})
    assert len(drawn) == len(diagram.splitlines()) - 1  # No line is read past.


def test_each_status_says_from_where_it_is_entered(statuses):
    for status, (_means, sources, *_others) in statuses.items():
        found = {*codes(sources), *([None] if NEW in sources else [])}
        assert found == ENTERED_FROM[Status(status)], status


def test_each_status_says_what_may_follow(statuses):
    following = defaultdict(set)
    for status, sources in ENTERED_FROM.items():
        for source in sources:
            following[source].add(status)

    for status, (_means, _sources, follows, _again) in statuses.items():
        assert {*codes(follows)} == following[Status(status)], status
        assert (follows == "nothing") == (status in FINAL)


def test_each_status_says_whether_it_is_tried_again(statuses):
    assert {status for status, cells in statuses.items() if cells[-1] == "yes"} == FAILED


def test_every_arrow_has_its_cause():
    text = (DOCS / PAGE).read_text()
    named = re.findall(r"^- \*\*(?:`(\w+)`|a new row) → `(\w+)`\*\*", text, re.M)

    arrows = [(source or "", to) for to, sources in ENTERED_FROM.items() for source in sources]
    assert sorted(named) == sorted(arrows)


@pytest.mark.parametrize(
    ("heading", "choices"), [("Statuses", Status), ("Triggers", Trigger), ("Kinds", Kind)]
)
def test_every_choice_is_explained_once(heading, choices):
    assert [codes(row[0])[0] for row in table(heading)] == choices.values


def test_every_reason_is_explained():
    stored = {value for name, value in vars(reasons).items() if name.isupper() and _is_code(value)}

    assert {codes(row[0])[0] for row in table("Reasons")} == stored


def _is_code(value: object) -> bool:
    return isinstance(value, str)


def test_each_reason_reads_as_the_page_says():
    for code, data, sentence, *_others in table("Reasons"):
        with translation.override("en"), timezone.override("UTC"):
            told = reasons.in_words(codes(code)[0], json.loads(codes(data)[0]))
        assert sentence == told


def test_each_reason_names_a_status_that_ends():
    for _code, _data, _sentence, status, remedy in table("Reasons"):
        assert Status(codes(status)[0]) in FINAL - {Status.COMPLETED}
        assert remedy


def test_reasons_whose_occurrences_share_a_row_are_named():
    (sharing,) = re.findall(r"share a row.*?:(.*?)\n\n", (DOCS / PAGE).read_text(), re.S)

    assert {*codes(sharing)} == reasons.LASTING


def test_every_column_is_explained_once():
    named = [name for row in table("Columns") for name in codes(row[0])]

    assert sorted(named) == sorted(field.name for field in Execution._meta.concrete_fields)


def test_every_kind_of_row_is_in_the_glossary():
    words = {word for row in table("Glossary") for word in re.findall(r"\*\*([^*]+)\*\*", row[0])}

    for model in apps.get_app_config("automation").get_models():
        with translation.override("en"):
            assert str(model._meta.verbose_name) in words
