import inspect
import json
from datetime import date
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured

from automation import process, registry
from automation.admin.process.parameters import ParametersWidget
from automation.parameters import FormParameters, ParameterError, UnsupportedParameterError
from automation.testing import run

pytestmark = pytest.mark.django_db

SPAN: dict[str, Any] = {"first": "2026-03-01", "last": "2026-03-07"}


def test_fields_of_the_author_s_form_are_the_parameters():
    group = Group.objects.create(name="night shift")

    execution = run("probes.report_on", **SPAN, group=group)

    assert execution.result == {"days": 7, "group": "night shift", "limit": 10}
    assert execution.parameters == {**SPAN, "group": group.pk, "limit": 10}


def test_values_come_back_from_json_as_python():
    parameters = registry.get("probes.report_on").parameters

    stored = json.loads(
        json.dumps(parameters.clean({"first": date(2026, 3, 1), "last": SPAN["last"]}))
    )

    assert parameters.load(stored) == {
        "first": date(2026, 3, 1),
        "last": date(2026, 3, 7),
        "group": None,
        "limit": 10,
    }


def test_what_is_wrong_with_one_input_and_with_several_is_both_told():
    class Pair(forms.Form):
        one = forms.CharField()
        other = forms.CharField()

        def clean(self):
            self.add_error("one", "Too odd.")
            raise forms.ValidationError("They do not fit.")

    def of_a_pair(*, one, other): ...

    parameters = FormParameters(Pair, inspect.signature(of_a_pair).parameters.values())
    widget = ParametersWidget(registry.get("probes.report_on"))

    with pytest.raises(ParameterError, match=r"one: Too odd\. They do not fit\.") as refused:
        parameters.clean({"one": "a", "other": "b"})

    assert refused.value.at == {"one": "Too odd.", "": "They do not fit."}
    told = widget.note(str(refused.value), {"first": "Too odd.", "": refused.value.at[""]})
    assert told == "See below what is wrong with first. They do not fit."
    assert widget.errors == {"first": "Too odd."}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "A value is needed for first, last."),
        ({**SPAN, "first": "soon"}, "first: 'soon' is not a date. Write it as 2026-12-01."),
        ({**SPAN, "first": "1405-09-03"}, "first: The year 1405 .* write 2026-11-24."),
        ({**SPAN, "limit": 0}, "limit: .*greater than or equal to 1"),
        ({**SPAN, "last": "2026-02-01"}, "The first day is after the last."),
        ({**SPAN, "group": 99}, "group: Select a valid choice."),
        ({**SPAN, "size": 1}, "no parameter 'size'"),
    ],
)
def test_what_the_form_refuses_is_refused_with_its_sentence(given, says):
    with pytest.raises(ParameterError, match=says):
        run("probes.report_on", **given)


def test_form_with_other_fields_than_the_function_is_refused():
    class Other(forms.Form):
        size = forms.IntegerField()

    with pytest.raises(ImproperlyConfigured, match="fields size; the function takes limit"):

        @process(form=Other)
        def nightly(*, limit: int) -> None: ...


def test_default_that_the_form_computes_is_the_one_of_each_run(time_machine):
    for day in ("2026-03-01", "2026-03-02"):
        time_machine.move_to(f"{day}T12:00:00Z")
        assert run("probes.follow_rules").result == {"day": day, "rules": None}


def test_form_with_a_file_is_refused():
    class Upload(forms.Form):
        paper = forms.FileField()

    parameter = inspect.Parameter("paper", inspect.Parameter.KEYWORD_ONLY)

    with pytest.raises(UnsupportedParameterError, match="'paper' is a file"):
        FormParameters(Upload, [parameter])


def test_form_with_several_inputs_for_one_value_is_refused():
    class Split(forms.Form):
        at = forms.SplitDateTimeField()

    parameter = inspect.Parameter("at", inspect.Parameter.KEYWORD_ONLY)

    with pytest.raises(UnsupportedParameterError, match="'at' has several inputs"):
        FormParameters(Split, [parameter])
