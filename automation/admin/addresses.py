"""What people may type into an address."""

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest

#: Digits of the greatest number that a row may have.
_DIGITS = 19


def number_in(text: str) -> int:
    """The number of a row; 0, which none has, where the text is no such number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0


class ForgivingChangeList(ChangeList):
    """Takes a filter that the database refuses, such as one with a NUL character, for a wrong one."""

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except ValueError as error:
            raise IncorrectLookupParameters(error) from error
