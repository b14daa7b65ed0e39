"""The run form: parameters, a note, run or preview."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from automation.admin.addresses import number_in
from automation.admin.base import EngineAdmin
from automation.admin.process.parameters import ParametersField
from automation.admin.process.pause import holds_shown
from automation.engine.start.launch import MAX_NOTE, PreviewError, launch, make_way
from automation.models import Execution, Kind, Process, ProcessQuerySet, Status, Trigger
from automation.parameters import ParameterError
from automation.reports.workers import why_it_waits


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
        self.offers_preview = bool(function and function.options.preview)

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


class ProcessRun(EngineAdmin):
    """The part of the process pages by which a person starts a process."""

    def has_run_permission(self, request: HttpRequest) -> bool:
        codename = get_permission_codename("run", self.opts)
        return request.user.has_perm(f"{self.opts.app_label}.{codename}")

    @admin.action(description=gettext_lazy("Run now"), permissions=["run"])
    def run_now(self, request: HttpRequest, queryset: ProcessQuerySet) -> None:
        for process in queryset:
            make_way(process)
        # All or none, where the database gives up half way; and nobody is told before.
        with transaction.atomic():
            outcomes = [self._start(request, process) for process in queryset]
        for outcome in outcomes:
            self._tell(request, outcome)

    def run_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the form, or launch what it says; a POST without the form runs what is stored."""
        if not self.has_run_permission(request):
            raise PermissionDenied
        process: Process = self.found(request, object_id)
        filled = "run_form" in request.POST
        form = RunForm(process, request.POST if filled else None, like=_like(request, process))
        if filled and form.is_valid():
            execution = self._launch(request, process, **form.asked(), kind=_kind(request))
        elif request.method == "POST" and not filled:
            execution = self._launch(request, process)
        else:
            execution = None
        if execution is not None:
            return self._shown(request, execution, process)
        return self._run_page(request, process, form)

    def _launch(self, request: HttpRequest, process: Process, **asked: Any) -> Execution | None:
        """Launch the process for the person who asked, and tell what came of it."""
        return self._tell(request, self._start(request, process, **asked), on_its_page=True)

    def _start(self, request: HttpRequest, process: Process, **asked: Any) -> Execution | str:
        """Return the new execution, or the sentence that says why there is none."""
        user: Any = request.user
        try:
            return launch(process, trigger=Trigger.MANUAL, requested_by=user, **asked)
        except (ParameterError, PreviewError) as error:
            text = _("%(process)s was not started. %(error)s")
            return text % {"process": process, "error": error}
        except Process.DoesNotExist as error:  # Deleted since it was looked up.
            raise Http404(str(self.gone)) from error

    def _tell(
        self, request: HttpRequest, outcome: Execution | str, *, on_its_page: bool = False
    ) -> Execution | None:
        if isinstance(outcome, str):
            self.message_user(request, outcome, messages.ERROR)
            return None
        tell(self, request, outcome, on_its_page=on_its_page)
        return outcome

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


def may_see_executions(request: HttpRequest) -> bool:
    return request.user.has_perm("automation.view_execution")


def tell(
    page: admin.ModelAdmin, request: HttpRequest, execution: Execution, *, on_its_page: bool = False
) -> None:
    """Say whether it is queued and when it starts, or why it was not started.

    `on_its_page`: whoever may see executions is led to its page, which says that it is queued as
    long as that is so.
    """
    address = reverse("admin:automation_execution_change", args=[execution.pk])
    link = format_html('<a href="{}">{}</a>', address, execution.title)
    if not may_see_executions(request):
        link = format_html("{}", execution.title)
    if execution.status == Status.SKIPPED:
        text = format_html(_("{} was not started: {}"), link, execution.reason_in_words)
        page.message_user(request, text, messages.WARNING)
    elif not (on_its_page and may_see_executions(request)):
        _tell_queued(page, request, execution, link)


def _tell_queued(
    page: admin.ModelAdmin, request: HttpRequest, execution: Execution, link: str
) -> None:
    why = why_it_waits(execution)
    text = format_html(_("{} is queued; a worker starts it as soon as one is free."), link)
    if why:
        text = format_html(_("{} is queued. {}"), link, why)
    page.message_user(request, text, messages.WARNING if why else messages.SUCCESS)


def _kind(request: HttpRequest) -> Kind:
    return Kind.PREVIEW if "preview" in request.POST else Kind.RUN


def _filled(parameters: Any) -> dict[str, Any]:
    """Return the parameters, empty where they are no JSON object: no form stores such."""
    return parameters if isinstance(parameters, dict) else {}


def _like(request: HttpRequest, process: Process) -> Execution | None:
    """Return the execution whose parameters fill the form, for people who may see it."""
    if not may_see_executions(request):
        return None
    number = number_in(request.GET.get("like", ""))
    return Execution.objects.filter(process=process, pk=number).first() if number else None
