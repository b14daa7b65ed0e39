"""The zone in which times are read and written where the named one may be gone."""

from zoneinfo import ZoneInfo

from django.conf import settings

from automation.conf import default_time_zone
from automation.instants import SiteZone
from automation.schedule import ScheduleError, zone_named


def zone_or_sites(name: str) -> ZoneInfo:
    """Return the zone of that name; where this machine does not know it, the site's."""
    try:
        return zone_named(name)
    except ScheduleError:
        return SiteZone.in_place_of(name, site_zone())


def site_zone() -> ZoneInfo:
    """Return the default zone of processes; where that is unknown too, Django's own."""
    try:
        return zone_named(default_time_zone())
    except ScheduleError:
        return ZoneInfo(settings.TIME_ZONE)
