"""The run form: parameters, a note, run or preview."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from automation import operations
from automation.admin.addresses import number_in
from automation.admin.operating import Operating, asker, may_see_executions, require
from automation.admin.process.parameters import ParametersField
from automation.admin.process.pause import holds_shown
from automation.engine.start.launch import MAX_NOTE
from automation.models import Execution, Process, ProcessQuerySet
from automation.parameters import ParameterError
from automation.why_not import RefusedError


class RunForm(forms.Form):
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=MAX_NOTE,
        help_text=gettext_lazy("Why it is run now; the history keeps it."),
        widget=forms.TextInput(attrs={"size": 60, "dir": "auto"}),
    )

    def __init__(self, process: Process, *args: Any, like: Execution | None = None) -> None:
        super().__init__(*args)
        function = process.registered_function
        stored = _filled(process.parameters) | _filled(like.parameters if like else {})
        field = ParametersField(
            function, stored, keep_defaults=True, label=gettext_lazy("Parameters for this run")
        )
        self.fields = {"parameters": field, **self.fields}
        self.process = process
        self.offers_preview = operations.PREVIEW.obstacle(process) is None

    def clean_parameters(self) -> dict[str, Any]:
        """Check that these parameters, with those of the process, are complete and fit one another."""
        given: dict[str, Any] = self.cleaned_data["parameters"]
        field = cast(ParametersField, self.fields["parameters"])
        try:
            if field.function is not None:
                field.function.parameters.clean(_filled(self.process.parameters) | given)
        except ParameterError as error:
            raise ValidationError(field.widget.note(str(error), error.at)) from error
        return given

    def asked(self) -> dict[str, Any]:
        return {key: self.cleaned_data[key] for key in ("parameters", "note")}


class ProcessRun(Operating):
    """The part of the process pages by which a person starts a process."""

    @admin.action(description=gettext_lazy("Run now"), permissions=["run"])
    def run_now(self, request: HttpRequest, queryset: ProcessQuerySet) -> None:
        self.say(request, operations.run_each(asker(request), queryset))

    def run_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the form, or launch what it says; a POST without the form runs what is stored."""
        require(request, operations.RUN)
        process: Process = self.found(request, object_id)
        filled = "run_form" in request.POST
        form = RunForm(process, request.POST if filled else None, like=_like(request, process))
        if filled and form.is_valid():
            execution = self._launch(request, process, **form.asked())
        elif request.method == "POST" and not filled:
            execution = self._launch(request, process)
        else:
            execution = None
        if execution is not None:
            return self._shown(request, execution, process)
        return self._run_page(request, process, form)

    def _launch(self, request: HttpRequest, process: Process, **asked: Any) -> Execution | None:
        """Launch the process for the person who asked, and tell what came of it."""
        operation = operations.PREVIEW if "preview" in request.POST else operations.RUN
        try:
            execution = operation.do(asker(request), process, **asked)
        except RefusedError as error:
            if error.why.code == "gone":
                raise Http404(str(error)) from error
            self.say(request, [operations.said_of_refusal(process, error)])
            return None
        self.say_of_start(request, operation, execution)
        return execution

    def _shown(self, request: HttpRequest, execution: Execution, process: Process) -> HttpResponse:
        if may_see_executions(request):
            return redirect("admin:automation_execution_change", execution.pk)
        if self.has_view_permission(request, process):
            return redirect("admin:automation_process_change", process.pk)
        return redirect("admin:index")

    def _run_page(self, request: HttpRequest, process: Process, form: RunForm) -> HttpResponse:
        return self.show(
            request,
            "admin/automation/process/run.html",
            _("Run %(process)s") % {"process": process},
            *(process, _("Run")),
            process=process,
            form=form,
            holds=holds_shown(request, process),
        )


def _filled(parameters: Any) -> dict[str, Any]:
    """Return the parameters, empty where they are no JSON object: no form stores such."""
    return parameters if isinstance(parameters, dict) else {}


def _like(request: HttpRequest, process: Process) -> Execution | None:
    """Return the execution whose parameters fill the form, for people who may see it."""
    if not may_see_executions(request):
        return None
    number = number_in(request.GET.get("like", ""))
    return Execution.objects.filter(process=process, pk=number).first() if number else None
