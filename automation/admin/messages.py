"""Messages on top of a page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

#: Rows that a message names.
NAMED = 10


def names_of(titles: list[str]) -> str:
    """Names for a message, the first ones of many."""
    return get_text_list(titles[:NAMED] + (["…"] if len(titles) > NAMED else []), _("and"))


class AsWritten(admin.ModelAdmin):
    """Its messages stand as they are written: the page would begin each with a capital, names too."""

    def message_user(self, request: HttpRequest, message: Any, *args: Any, **options: Any) -> None:
        text = format_html('<span dir="auto">{}</span>', message)
        super().message_user(request, text, *args, **options)
