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

from automation import instants, operations
from automation.admin.addresses import number_in
from automation.admin.execution import story
from automation.admin.execution.change_rows import ExecutionChanges, address_of_all
from automation.admin.execution.list import ExecutionList
from automation.admin.operating import asker, can, may, require
from automation.admin.process.explain import why_url
from automation.models import Execution, Pause, attempts_of
from automation.operations import Operation, Start
from automation.reports import changes
from automation.reports.workers import silence_of, why_it_waits
from automation.why_not import RefusedError

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
        return {
            "may_run": may(request, operations.RUN) and execution.process_id is not None,
            "may_apply": can(request, operations.APPLY, execution),
            "may_undo": can(request, operations.UNDO, execution),
            "may_retry": can(request, operations.RETRY, execution),
            "may_cancel": can(request, operations.CANCEL, execution),
            "why_url": why_url(execution),
            "may_see_process": request.user.has_perm("automation.view_process"),
        }

    # Undo a run, apply a preview, cancel, try again

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say what would be put back, then launch the undoing."""
        execution = self._to_act_on(request, object_id, operations.UNDO)
        refusal = operations.UNDO.why_not(asker(request), execution)
        if request.method == "POST" and not refusal:
            note = request.POST.get("note", "")
            try:
                undoing = operations.UNDO.do(asker(request), execution, note=note)
            except RefusedError as error:
                refusal = error.why
            else:
                return self._started(request, operations.UNDO, undoing)
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
        return self._start(request, object_id, operations.APPLY)

    def retry_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Try it again, with the parameters it had."""
        return self._start(request, object_id, operations.RETRY)

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask whether to cancel the execution; on POST, cancel it."""
        execution = self._to_act_on(request, object_id, operations.CANCEL)
        if request.method == "POST":
            try:
                cancelled = operations.CANCEL.do(asker(request), execution)
            except RefusedError as error:
                self.message_user(request, str(error), "ERROR")
            else:
                self.say(request, operations.CANCEL.say(cancelled))
            return self._shown(request, execution)
        refusal = operations.CANCEL.why_not(asker(request), execution)
        return self.show(
            request,
            "admin/automation/execution/cancel.html",
            _("Cancel %(execution)s") % {"execution": execution.title},
            *(execution, _("Cancel")),
            execution=execution,
            refusal=refusal.text if refusal else "",
            is_atomic=bool(execution.process and execution.process.is_atomic),
        )

    def _start(
        self, request: HttpRequest, object_id: str, operation: Start[Execution]
    ) -> HttpResponse:
        execution = self._to_act_on(request, object_id, operation)
        if request.method != "POST":
            raise PermissionDenied
        try:
            started = operation.do(asker(request), execution)
        except RefusedError as error:
            if error.why.code == "gone":
                raise Http404(str(error)) from error
            self.message_user(request, str(error), "ERROR")
            return self._shown(request, execution)
        return self._started(request, operation, started)

    def _started(
        self, request: HttpRequest, operation: Start[Execution], started: Execution
    ) -> HttpResponse:
        self.say_of_start(request, operation, started)
        return self._shown(request, started)

    def _to_act_on(
        self, request: HttpRequest, object_id: str, operation: Operation[Execution, Any]
    ) -> Execution:
        require(request, operation)
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
