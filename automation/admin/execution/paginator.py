"""A paginator for a history of any length: it counts where that is quick, else it estimates."""

from functools import cached_property

from django.core.paginator import Paginator
from django.db.models import QuerySet

from automation.database.planner import expected

#: What PostgreSQL's planner may expect an exact count to cost, in its own unit (reading a page of
#: the table is 1): some ten milliseconds.
EXACT_COST = 20_000

#: Rows that can be paged through; the filters reach the rest.
REACH = 10_000


class EstimatingPaginator(Paginator):
    """Counts exactly where that is quick, else by the planner's estimate."""

    is_estimated = False

    @cached_property
    def total(self) -> int:
        """How many rows there are, or about how many."""
        rows = self.object_list
        if isinstance(rows, QuerySet):
            cost, estimate = expected(rows)
            if cost > EXACT_COST:
                self.is_estimated = True
                return _rounded(estimate)
        return int(super().count)

    @cached_property
    def count(self) -> int:
        return min(self.total, REACH)

    @property
    def reach(self) -> int | None:
        """The number of rows that can be paged through, where there are more."""
        return REACH if self.total > REACH else None


def _rounded(number: int) -> int:
    """Round an estimate to two digits: more would claim what nobody counted."""
    digits = max(len(str(number)) - 2, 0)
    return round(number, -digits)
