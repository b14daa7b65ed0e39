"""How often, and after which delays, a process is tried again."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext, ngettext

from automation.limits import MAX_RETRY_DELAY

if TYPE_CHECKING:
    from automation.models.process import Process

#: Delays that the words name; of more the last one follows.
_NAMED = 5


def delay_before(process: "Process", retry: int) -> float:
    """Seconds before a retry (from 1), the jitter left out.

    The first delay, times the factor for each further one, at most the longest.
    """
    longest = float(min(process.retry_max_delay, MAX_RETRY_DELAY))
    try:
        # Of whole numbers Python would compute every digit.
        return min(process.retry_delay * float(process.retry_backoff) ** (retry - 1), longest)
    except OverflowError:
        return longest


def in_words(process: "Process") -> str:
    """One sentence: how often it is tried again, and when."""
    if process.max_retries == 0:
        return gettext("It is not tried again.")
    count = process.max_retries
    # Whatever number is typed: the first ones and the last, none between them.
    delays = [delay_before(process, retry) for retry in range(1, min(count, _NAMED) + 1)]
    last = delay_before(process, count)
    unit = next(unit for unit in (3600, 60, 0) if min(*delays, last) >= unit) or 1
    named = [f"{delay / unit:.3g}" for delay in delays]
    if count > _NAMED:
        named = [*named, "…", f"{last / unit:.3g}"]
    sentence = ngettext(
        "%(count)s retry, after about %(delays)s.",
        "%(count)s retries: after about %(delays)s.",
        count,
    )
    return sentence % {"count": count, "delays": _with_unit(named, unit)}


def _with_unit(named: list[str], unit: int) -> str:
    plural = 1 if named == ["1"] else 2
    told = {
        1: ngettext("%(numbers)s second", "%(numbers)s seconds", plural),
        60: ngettext("%(numbers)s minute", "%(numbers)s minutes", plural),
        3600: ngettext("%(numbers)s hour", "%(numbers)s hours", plural),
    }
    return told[unit] % {"numbers": _joined(named)}


def _joined(texts: list[str]) -> str:
    if len(texts) == 1:
        return texts[0]
    first = gettext(", ").join(texts[:-1])
    return gettext("%(first)s and %(last)s") % {"first": first, "last": texts[-1]}
