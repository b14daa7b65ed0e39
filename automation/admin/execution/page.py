"""The page of an execution: the story of one run, and what can be done about it."""

import json
from typing import Any
from urllib.parse import quote
from zlib import crc32

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from automation import instants
from automation.admin.addresses import number_in
from automation.admin.base import PROCESS_GONE
from automation.admin.execution import story
from automation.admin.execution.change_rows import ExecutionChanges, address_of_all
from automation.admin.execution.list import ExecutionList
from automation.admin.process.explain import why_url
from automation.admin.process.run import tell
from automation.engine.end import cancelling, retrying
from automation.engine.end.cancelling import CancelError
from automation.engine.end.retrying import RetryError
from automation.engine.start import undo
from automation.engine.start.launch import MAX_NOTE, PreviewError, launch
from automation.engine.start.undo import UndoError
from automation.models import Execution, Pause, Process, Trigger, attempts_of
from automation.parameters import ParameterError
from automation.reports import changes
from automation.reports.workers import silence_of, why_it_waits

#: The header by which the script of an open page asks for the story alone, if it has changed.
_FRAGMENT = "X-Automation-Fragment"
#: The header with the number of the first log line to send: the page has the earlier ones.
_LOG_FROM = "X-Automation-Log-From"
#: The header of an answer that says when it was given, by the clock of the site.
_NOW = "X-Automation-Now"


@admin.register(Execution)
class ExecutionAdmin(ExecutionChanges, ExecutionList):
    gone = gettext_lazy("There is no such execution.")

    class Media:
        js = ["automation/live.js"]

    def get_urls(self) -> list[URLPattern]:
        return [
            self.address("<path:object_id>/changes/", self.changes_view, "changes"),
            self.address("<path:object_id>/undo/", self.undo_view, "undo"),
            self.address("<path:object_id>/apply/", self.apply_view, "apply"),
            self.address("<path:object_id>/cancel/", self.cancel_view, "cancel"),
            self.address("<path:object_id>/retry/", self.retry_view, "retry"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        execution = self._found(object_id)
        is_fragment = _FRAGMENT in request.headers
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(
            request, execution
        ):
            raise PermissionDenied
        if execution is None and not is_fragment:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]
        execution = self.or_404(execution)
        if is_fragment:
            return self._fragment(request, execution)
        template, title = "admin/automation/execution/page.html", execution.title
        return self.show(request, template, title, title, **self._story(request, execution))

    def _fragment(self, request: HttpRequest, execution: Execution) -> HttpResponse:
        """Answer with the story alone, or with 304 where it reads as the page has it already."""
        version = _version(execution)
        response: HttpResponse = HttpResponseNotModified()
        if request.headers.get("If-None-Match") != version:
            context = self._story(request, execution)
            response = TemplateResponse(request, "automation/story.html", context)
            response["ETag"] = version
        response[_NOW] = quote(instants.to_second(timezone.now()))
        patch_cache_control(response, private=True, no_cache=True)
        return response

    def _found(self, object_id: str) -> Execution | None:
        rows = Execution.objects.select_related("process", "undo_of").defer("token")
        return rows.filter(pk=number_in(unquote(object_id))).first()

    def _story(self, request: HttpRequest, execution: Execution) -> dict[str, Any]:
        attempts = story.attempts(execution)
        retry = story.retry_under_way(execution, attempts)
        undone_by = list(execution.undone_by.order_by("-pk").only("status", "undo_of"))
        log_from = number_in(request.headers.get(_LOG_FROM, ""))
        return {
            "execution": execution,
            "cause": story.cause(execution),
            "course": story.course(execution),
            "waits_until": story.waits_until(execution),
            "obstacle": why_it_waits(execution) or silence_of(execution),
            "attempts": attempts,
            "retry": retry,
            "retry_obstacle": why_it_waits(retry) if retry else "",
            "is_followed": story.is_followed(execution, attempts, undone_by),
            "now": instants.to_second(timezone.now()),
            "zone": execution.zone,
            "parameters": {k: story.plain(v) for k, v in execution.parameters_shown.items()},
            "changes": changes.of(execution),
            "all_changes_url": address_of_all(request, execution),
            "log": story.log_of(execution, request.GET.get("level", ""), log_from),
            "notice": execution.notices.first(),
            "pause": Pause.objects.filter(execution=execution).first(),
            "undone_by": undone_by,
            **_shown_result(execution.result),
            **_neighbours(execution),
            **self._permitted(request, execution),
        }

    def _permitted(self, request: HttpRequest, execution: Execution) -> dict[str, Any]:
        """Return what the person may do with the execution, and where links may lead."""
        may_run = request.user.has_perm("automation.run_process")
        return {
            "may_run": may_run and execution.process_id is not None,
            "may_apply": may_run and not undo.why_not_apply(execution),
            "may_undo": may_run and not undo.why_not_undo(execution),
            "may_retry": may_run and not retrying.why_not_retry(execution),
            "may_cancel": self.has_cancel_permission(request) and not execution.is_final,
            "why_url": why_url(execution),
            "may_see_process": request.user.has_perm("automation.view_process"),
        }

    # Undo a run, apply a preview

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what would be put back, then launch the undoing."""
        execution = self._to_act_on(request, object_id)
        refusal = undo.why_not_undo(execution)
        if request.method == "POST" and not refusal:
            user: Any = request.user
            try:
                note = request.POST.get("note", "")[:MAX_NOTE]
                undoing = undo.launch_undo(execution, requested_by=user, note=note)
            except UndoError as error:
                refusal = error.why
            else:
                tell(self, request, undoing, on_its_page=True)
                return self._shown(request, undoing)
        return self.show(
            request,
            "admin/automation/execution/undo.html",
            _("Undo %(execution)s") % {"execution": execution.title},
            *(execution, _("Undo")),
            execution=execution,
            refusal=refusal.text if refusal else "",
            changes=changes.of(execution),
            may_see_execution=self.has_view_permission(request),
        )

    def apply_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Run for real what was previewed, with the same parameters."""
        execution = self._to_act_on(request, object_id)
        if request.method != "POST":
            raise PermissionDenied
        refusal = undo.why_not_apply(execution)
        if refusal or execution.process is None:
            self.message_user(request, refusal.text if refusal else "", "ERROR")
            return self._shown(request, execution)
        user: Any = request.user
        try:
            applied = launch(
                execution.process,
                trigger=Trigger.MANUAL,
                parameters=execution.parameters,
                requested_by=user,
                applied_preview=execution.pk,
            )
        except (ParameterError, PreviewError) as error:
            self.message_user(request, str(error), "ERROR")
            applied = execution
        except Process.DoesNotExist as error:  # Deleted since it was looked up.
            raise Http404(str(PROCESS_GONE)) from error
        else:
            tell(self, request, applied, on_its_page=True)
        return self._shown(request, applied)

    # Cancel, try again

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask whether to cancel the execution; on POST, cancel it."""
        execution = self._to_act_on(request, object_id, "automation.cancel_execution")
        user: Any = request.user
        if request.method == "POST":
            try:
                cancelled = cancelling.cancel(execution, by=user)
            except CancelError as error:
                self.message_user(request, str(error), "ERROR")
            else:
                self.message_user(request, _told_of_cancelling(cancelled), "SUCCESS")
            return self._shown(request, execution)
        return self.show(
            request,
            "admin/automation/execution/cancel.html",
            _("Cancel %(execution)s") % {"execution": execution.title},
            *(execution, _("Cancel")),
            execution=execution,
            is_atomic=bool(execution.process and execution.process.is_atomic),
        )

    def retry_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Start another attempt, with the parameters that the execution had."""
        execution = self._to_act_on(request, object_id)
        if request.method != "POST":
            raise PermissionDenied
        user: Any = request.user
        try:
            attempt = retrying.retry(execution, requested_by=user)
        except RetryError as error:
            self.message_user(request, str(error), "ERROR")
            return self._shown(request, execution)
        tell(self, request, attempt, on_its_page=True)
        return self._shown(request, attempt)

    def _to_act_on(
        self, request: HttpRequest, object_id: str, permission: str = "automation.run_process"
    ) -> Execution:
        if not request.user.has_perm(permission):
            raise PermissionDenied
        return self.or_404(self._found(object_id))

    def _shown(self, request: HttpRequest, execution: Execution) -> HttpResponse:
        if self.has_view_permission(request):
            return redirect("admin:automation_execution_change", execution.pk)
        return redirect("admin:index")


def _shown_result(result: Any) -> dict[str, Any]:
    """Return what the function returned as facts and tables, and whole, as JSON."""
    facts, tables = story.facts_and_tables(result)
    whole = "" if result is None else json.dumps(result, indent=2, ensure_ascii=False)
    is_cut = story.is_cut(result, tables)
    return {"facts": facts, "tables": tables, "is_result_cut": is_cut, "result_as_json": whole}


def _neighbours(execution: Execution) -> dict[str, Any]:
    """Return the executions of the same process just before and just after this one."""
    siblings = Execution.objects.filter(process=execution.process_id or 0)
    return {
        "before": siblings.filter(pk__lt=execution.pk).order_by("-pk").values("pk").first(),
        "after": siblings.filter(pk__gt=execution.pk).order_by("pk").values("pk").first(),
    }


def _told_of_cancelling(execution: Execution) -> str:
    told = _("Stopping %(execution)s; that takes a few seconds at most.")
    silence = silence_of(execution)
    if silence:
        told = _("It is asked for that %(execution)s be stopped. %(silence)s")
    if execution.is_final:
        told = _("Cancelled %(execution)s before it began.")
    return told % {"execution": execution.title, "silence": silence}


def _version(execution: Execution) -> str:
    """Return an entity tag that changes whenever the story of the execution may read otherwise."""
    names = ("pk", "status", "after_commit", "progress_done", "progress_total", "progress_message")
    parts = [getattr(execution, name) for name in (*names, "cancel_requested_at")]
    others = [(one.pk, one.status) for one in attempts_of(execution)]
    others += execution.undone_by.order_by("pk").values_list("pk", "status")
    counts = [execution.log_lines.count(), *others]
    is_early = story.waits_until(execution) is not None
    obstacle = why_it_waits(execution) or silence_of(execution)
    seen = parts, counts, is_early, obstacle, get_language()
    return f'"{crc32(repr(seen).encode()):x}"'
