"""A cron rule in words, in the active language where cron-descriptor knows it, else in English."""

import calendar
from functools import cache, lru_cache
from pathlib import Path

import cron_descriptor
from cron_descriptor import CasingTypeEnum, ExpressionDescriptor, Options
from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.translation import get_language


def in_words(expression: str) -> str:
    """Return the rule in words; the rule itself where it is one that the library does not know."""
    return _in_words(expression, get_language() or "en")


@lru_cache(maxsize=1_000)  # The library reads its file of words each time.
def _in_words(expression: str, language: str) -> str:
    options = Options()
    options.locale_code = _locale_of(language)
    options.use_24hour_time_format = True
    options.casing_type = CasingTypeEnum.Sentence
    options.verbose = False
    try:
        words = str(ExpressionDescriptor(expression, options).get_description())
    except Exception:  # It knows fewer rules than cronsim; the rule itself is fine.
        return expression
    return words if options.locale_code == "en_US" else _with_local_names(words)


def _with_local_names(words: str) -> str:
    """The library takes the names of days and months from the machine's own language."""
    names = {str(calendar.day_name[day]): str(name) for day, name in WEEKDAYS.items()}
    names |= {str(calendar.month_name[month]): str(name) for month, name in MONTHS.items()}
    for english, local in names.items():
        words = words.replace(english, local)
    return words


@cache
def _locale_of(language: str) -> str:
    """Django says fa or pt-br, the library has fa_IR and pt_PT."""
    folder = Path(cron_descriptor.__file__).parent / "locale"
    known = sorted(path.stem for path in folder.glob("*.mo"))
    base = language.partition("-")[0]
    return next((name for name in known if name.partition("_")[0] == base), "en_US")
