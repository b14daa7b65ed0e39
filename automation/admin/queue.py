"""django-q2's own pages, to read only.

As they come, they let staff who may add a schedule run any function there is, and staff who may view
failures run them again. What runs here is registered in code and started through a process.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_noop
from django_q import admin as _registers_its_pages  # noqa: F401  # they must be there to be replaced

from automation.admin.base import ReadOnlyAdmin

# The names of its models, for our catalogues: it brings no Persian of its own.
gettext_noop("Scheduled task")
gettext_noop("Scheduled tasks")
gettext_noop("Queued task")
gettext_noop("Queued tasks")
gettext_noop("Successful task")
gettext_noop("Successful tasks")
gettext_noop("Failed task")
gettext_noop("Failed tasks")


class _QueuePage(ReadOnlyAdmin):
    change_list_template = "admin/automation/queue.html"

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        """None, in the list and on the page of a row, which Django tells apart from 6.1."""
        return {}


for _model, _page in list(admin.site._registry.items()):
    if _model._meta.app_label == "django_q":
        admin.site.unregister(_model)
        admin.site.register(_model, type(_page.__class__.__name__, (_QueuePage, type(_page)), {}))
