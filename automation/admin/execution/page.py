"""The page of an execution: the story of one run, and what can be done about it."""

import json
from typing import Any
from zlib import crc32

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from automation.admin.addresses import number_in
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

#: What a page sends that only wants the story again, to see whether it went on.
_FRAGMENT = "X-Automation-Fragment"
#: The number of the first log line that it has not: only those from it on are sent.
_LOG_FROM = "X-Automation-Log-From"
#: When the answer was given, by the clock of the site.
_NOW = "X-Automation-Now"


@admin.register(Execution)
class ExecutionAdmin(ExecutionChanges, ExecutionList):
    class Media:
        css = {"all": ["automation/admin.css"]}
        js = ["automation/live.js"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Execution | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Execution | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Any, name: str) -> Any:
            wrapped = self.admin_site.admin_view(view)
            return path(route, wrapped, name=f"automation_execution_{name}")

        return [
            page("<path:object_id>/changes/", self.changes_view, "changes"),
            page("<path:object_id>/undo/", self.undo_view, "undo"),
            page("<path:object_id>/apply/", self.apply_view, "apply"),
            page("<path:object_id>/cancel/", self.cancel_view, "cancel"),
            page("<path:object_id>/retry/", self.retry_view, "retry"),
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
        if execution is None and is_fragment:
            raise Http404(_("There is no such execution."))
        if execution is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]
        if is_fragment:
            return self._fragment(request, execution)
        context = self._story(request, execution) | self.admin_site.each_context(request)
        return TemplateResponse(request, "admin/automation/execution/page.html", context)

    def _fragment(self, request: HttpRequest, execution: Execution) -> HttpResponse:
        """The story alone, where it reads otherwise than what the page has."""
        version = _version(execution)
        response: HttpResponse = HttpResponseNotModified()
        if request.headers.get("If-None-Match") != version:
            context = self._story(request, execution)
            response = TemplateResponse(request, "automation/story.html", context)
            response["ETag"] = version
        response[_NOW] = f"{timezone.localtime():%H:%M:%S}"
        patch_cache_control(response, private=True, no_cache=True)
        return response

    def _found(self, object_id: str) -> Execution | None:
        rows = Execution.objects.select_related("process", "undo_of").defer("token")
        return rows.filter(pk=number_in(unquote(object_id))).first()

    def _story(self, request: HttpRequest, execution: Execution) -> dict[str, Any]:
        facts, tables = story.facts_and_tables(execution.result)
        may_run = request.user.has_perm("automation.run_process")
        attempts = story.attempts(execution)
        retry = story.retry_under_way(execution, attempts)
        undone_by = list(execution.undone_by.order_by("-pk").only("status", "undo_of"))
        log_from = number_in(request.headers.get(_LOG_FROM, ""))
        siblings = Execution.objects.filter(process=execution.process_id or 0)
        return {
            "title": execution.title,
            "opts": self.opts,
            "media": self.media,
            "execution": execution,
            "cause": story.cause(execution),
            "course": story.course(execution),
            "waits_until": story.waits_until(execution),
            "obstacle": why_it_waits(execution) or silence_of(execution),
            "attempts": attempts,
            "retry": retry,
            "retry_obstacle": why_it_waits(retry) if retry else "",
            "is_followed": story.is_followed(execution, attempts, undone_by),
            "now": timezone.now(),
            "facts": facts,
            "tables": tables,
            "is_result_cut": story.is_cut(execution.result, tables),
            "result_as_json": _pretty(execution.result),
            "parameters": {k: story.plain(v) for k, v in execution.parameters_shown.items()},
            "changes": changes.of(execution),
            "all_changes_url": address_of_all(request, execution),
            "log": story.log_of(execution, request.GET.get("level", ""), log_from),
            "notice": execution.notices.first(),
            "pause": Pause.objects.filter(execution=execution).first(),
            "undone_by": undone_by,
            "before": siblings.filter(pk__lt=execution.pk).order_by("-pk").values("pk").first(),
            "after": siblings.filter(pk__gt=execution.pk).order_by("pk").values("pk").first(),
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
        context = {
            **self.admin_site.each_context(request),
            "title": _("Undo %(execution)s") % {"execution": execution.title},
            "opts": self.opts,
            "media": self.media,
            "execution": execution,
            "refusal": refusal.text if refusal else "",
            "changes": changes.of(execution),
            "may_see_execution": self.has_view_permission(request),
        }
        return TemplateResponse(request, "admin/automation/execution/undo.html", context)

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
            raise Http404(_("This process does not exist any more.")) from error
        else:
            tell(self, request, applied, on_its_page=True)
        return self._shown(request, applied)

    # Cancel, try again

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask once more, then cancel."""
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
        context = {
            **self.admin_site.each_context(request),
            "title": _("Cancel %(execution)s") % {"execution": execution.title},
            "opts": self.opts,
            "media": self.media,
            "execution": execution,
            "is_atomic": bool(execution.process and execution.process.is_atomic),
            "may_see_execution": self.has_view_permission(request),
        }
        return TemplateResponse(request, "admin/automation/execution/cancel.html", context)

    def retry_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Try it again, with the parameters it had."""
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
        execution = self._found(object_id)
        if execution is None:
            raise Http404(_("There is no such execution."))
        return execution

    def _shown(self, request: HttpRequest, execution: Execution) -> HttpResponse:
        if self.has_view_permission(request):
            return redirect("admin:automation_execution_change", execution.pk)
        return redirect("admin:index")


def _pretty(value: Any) -> str:
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)


def _told_of_cancelling(execution: Execution) -> str:
    told = _("Stopping %(execution)s; that takes a few seconds at most.")
    silence = silence_of(execution)
    if silence:
        told = _("It is asked for that %(execution)s be stopped. %(silence)s")
    if execution.is_final:
        told = _("Cancelled %(execution)s before it began.")
    return told % {"execution": execution.title, "silence": silence}


def _version(execution: Execution) -> str:
    """What changes exactly when the story may read otherwise."""
    names = ("pk", "status", "after_commit", "progress_done", "progress_total", "progress_message")
    parts = [getattr(execution, name) for name in (*names, "cancel_requested_at")]
    others = [(one.pk, one.status) for one in attempts_of(execution)]
    others += execution.undone_by.order_by("pk").values_list("pk", "status")
    counts = [execution.log_lines.count(), *others]
    is_early = story.waits_until(execution) is not None
    obstacle = why_it_waits(execution) or silence_of(execution)
    seen = parts, counts, is_early, obstacle, get_language()
    return f'"{crc32(repr(seen).encode()):x}"'
