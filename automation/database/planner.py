"""What the planner of PostgreSQL expects."""

import json
from typing import Any

from django.db import connection
from django.db.models import QuerySet


def expected(rows: QuerySet[Any]) -> tuple[float, int]:
    """What reading all the rows would cost, and how many there are; 0 and 0 where nobody tells."""
    if connection.vendor != "postgresql":
        return 0, 0
    told = rows.order_by().values("pk").explain(format="json")
    if not told:  # No row can match, and nothing would be asked.
        return 0, 0
    (plan,) = json.loads(told)
    return float(plan["Plan"]["Total Cost"]), int(plan["Plan"]["Plan Rows"])
