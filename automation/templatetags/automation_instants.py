"""Instants in templates, as `automation.instants` writes them."""

from datetime import datetime, tzinfo

from django import template
from django.utils.safestring import SafeString

from automation import instants

register = template.Library()


@register.filter
def to_minute(at: datetime | None, zone: tzinfo | None = None) -> SafeString:
    """An instant of a rule; `zone`: that of what it is said of."""
    return instants.element(at, instants.to_minute(at, zone) if at else "")


@register.filter
def to_second(at: datetime | None, zone: tzinfo | None = None) -> SafeString:
    """An instant of a run or a node."""
    return instants.element(at, instants.to_second(at, zone) if at else "")


@register.simple_tag
def beside(at: datetime, first: datetime | None, zone: tzinfo) -> SafeString:
    """An instant of a run below another one, whose day it does not repeat; exactly, as its title."""
    exact = at.astimezone(zone).isoformat(sep=" ")
    return instants.element(at, instants.beside(at, first or at, zone), exact)
