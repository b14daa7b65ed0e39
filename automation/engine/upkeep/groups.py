"""Ready-made groups of permissions, so that a site need not compose its own."""

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

VIEWER = (
    *("view_process", "view_execution", "view_notice"),
    *("view_node", "view_concurrencygroup", "view_calendar"),
    *("view_pause", "view_maintenancewindow"),
)
OPERATOR = (*VIEWER, "run_process", "cancel_execution", "pause_process")
MANAGER = (
    *(*OPERATOR, "add_process", "change_process", "delete_process"),
    *("add_concurrencygroup", "change_concurrencygroup", "delete_concurrencygroup"),
    *("add_calendar", "change_calendar", "delete_calendar"),
    *("add_maintenancewindow", "change_maintenancewindow", "delete_maintenancewindow"),
)

GROUPS = {
    "Automation viewer": VIEWER,
    "Automation operator": OPERATOR,
    "Automation manager": MANAGER,
}


def create_groups() -> list[str]:
    """Create the groups that do not exist; return their names. An existing one is not changed."""
    known = set(Group.objects.filter(name__in=GROUPS).values_list("name", flat=True))
    missing = [name for name in GROUPS if name not in known]
    if missing:
        # Django creates permissions after migrate too, but maybe later than this.
        create_permissions(apps.get_app_config("automation"), verbosity=0)
    for name in missing:
        found = Permission.objects.filter(
            content_type__app_label="automation", codename__in=GROUPS[name]
        )
        Group.objects.create(name=name).permissions.set(found)
    return missing
