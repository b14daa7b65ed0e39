"""Names of processes in a sentence about several."""

from collections.abc import Sequence

from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from automation.operations.operation import Said

#: Processes that a sentence names at most.
NAMED = 10


def names_of(titles: Sequence[str]) -> str:
    """Return names for a sentence; of many, the first ones."""
    shown = list(titles[:NAMED])
    return get_text_list(shown + (["…"] if len(titles) > NAMED else []), _("and"))


def nothing_changed() -> Said:
    return Said.plainly(_("It was so already; nothing was changed."), "info")
