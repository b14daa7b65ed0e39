"""Badges in templates: `{{ execution.status|status_badge }}`."""

from django import template

from automation.admin import badges

register = template.Library()
register.filter(badges.status_badge)
register.filter(badges.after_commit_badge)
register.filter(badges.step_badge)
