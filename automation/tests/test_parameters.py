import inspect
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from traceback import format_exception
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.parameters import ParameterError, Parameters, UnsupportedParameterError


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


def everything(
    *,
    text: str,
    number: int,
    share: float,
    flag: bool,
    price: Decimal,
    day: date,
    moment: datetime,
    span: timedelta,
    size: Literal["s", "m", 3],
    colour: Colour,
    names: list[str],
    maybe: int | None = None,
) -> None: ...


def parameters_of(function):
    return Parameters(inspect.signature(function).parameters.values())


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
values = st.fixed_dictionaries(
    {
        "text": texts,
        "number": st.integers(-(2**63), 2**63),
        "share": st.floats(allow_nan=False, allow_infinity=False),
        "flag": st.booleans(),
        "price": st.decimals(allow_nan=False, allow_infinity=False, places=2),
        "day": st.dates(date(1900, 1, 1), date(2200, 12, 31)),
        "moment": st.datetimes(
            *(datetime(1900, 1, 1), datetime(2200, 12, 31)),  # noqa: DTZ001
            timezones=st.just(UTC),
        ),
        "span": st.timedeltas(timedelta(days=-999), timedelta(days=999)),
        "size": st.sampled_from(["s", "m", 3]),
        "colour": st.sampled_from(Colour),
        "names": st.lists(texts),
        "maybe": st.none() | st.integers(),
    }
)


@given(values)
def test_values_come_back_from_json_as_they_went_in(given_values):
    parameters = parameters_of(everything)

    stored = json.loads(json.dumps(parameters.clean(given_values)))

    assert parameters.load(stored) == given_values
    assert parameters.clean(stored) == stored


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("number", " 12 ", 12),
        ("number", "۱۲", 12),
        ("flag", "no", False),
        ("flag", "True", True),
        ("price", "1.50", Decimal("1.50")),
        ("day", "2026-11-22", date(2026, 11, 22)),
        ("span", "P1DT2H", timedelta(days=1, hours=2)),
        ("number", "−۱٬۲۰۰", -1200),
        ("share", "۱٫۵", 1.5),
        ("price", "۱٫۵۰", Decimal("1.50")),
        ("day", "۲۰۲۶/۱۱/۲۲", date(2026, 11, 22)),
        ("moment", "۲۰۲۶/۱۱/۲۲ ۷:۳۰", datetime(2026, 11, 22, 4, tzinfo=UTC)),
        ("moment", "2026-11-22T07:30+02:00", datetime(2026, 11, 22, 5, 30, tzinfo=UTC)),
        ("moment", "2026-11-22T07:30Z", datetime(2026, 11, 22, 7, 30, tzinfo=UTC)),
        ("span", "2 hours", timedelta(hours=2)),
        ("span", "۴۵ دقیقه", timedelta(minutes=45)),
        ("span", "1:30", timedelta(minutes=90)),
        ("span", "PT90M", timedelta(minutes=90)),
        ("span", "-2 hours", -timedelta(hours=2)),
        ("size", "3", 3),
        ("colour", "blue", Colour.BLUE),
        ("names", "a, b\nc", ["a", "b", "c"]),
        ("text", " kept ", " kept "),
    ],
)
def test_text_is_read_as_the_parameter_s_type(name, text, value):
    one = Parameters(
        [p for p in inspect.signature(everything).parameters.values() if p.name == name]
    )

    assert one.load({name: text}) == {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", "many"),
        ("number", 1.5),
        ("number", True),
        ("number", ""),
        ("share", "nan"),
        ("flag", "perhaps"),
        ("flag", ""),
        ("price", "cheap"),
        ("day", "2026-02-30"),
        ("moment", "noon"),
        ("moment", "1405-09-03 08:00"),
        ("day", "1405-09-03"),
        ("span", "90"),
        ("span", 90),
        ("span", "a while"),
        ("size", "xl"),
        ("colour", "RED"),
        ("names", [1, 2]),
        ("names", 3),
        ("text", 7),
        ("text", "a\0b"),
        ("number", None),
    ],
)
def test_value_that_does_not_fit_is_refused_by_name(name, value):
    one = Parameters(
        [p for p in inspect.signature(everything).parameters.values() if p.name == name]
    )

    with pytest.raises(ParameterError, match=f"^{name}: "):
        one.load({name: value})


def test_unknown_name_is_refused_with_the_nearest_one():
    with pytest.raises(ParameterError, match=r"no parameter 'nmber'. Did you mean number\?"):
        parameters_of(everything).load({"nmber": 1})


def test_missing_values_are_named_together():
    with pytest.raises(ParameterError, match=r"A value is needed for text, number, share"):
        parameters_of(everything).load({})


def test_parameters_that_are_no_object_are_refused():
    with pytest.raises(ParameterError, match="JSON object"):
        parameters_of(everything).load([1])


def test_defaults_fill_what_is_not_given():
    def function(*, limit: int = 10, since: date = date(2026, 1, 2), name: str = "") -> None: ...

    assert parameters_of(function).clean({"limit": 3}) == {
        "limit": 3,
        "since": "2026-01-02",
        "name": "",
    }


@pytest.mark.parametrize("annotation", [dict, list[int], int | str, object, set[str]])
def test_other_types_are_refused_with_the_list_of_those_there_are(annotation):
    parameter = inspect.Parameter("odd", inspect.Parameter.KEYWORD_ONLY, annotation=annotation)

    with pytest.raises(UnsupportedParameterError, match=r"'odd' .* one of str, int, float"):
        Parameters([parameter])


def test_parameter_without_annotation_is_refused():
    with pytest.raises(UnsupportedParameterError, match="'odd' has no annotation"):
        Parameters([inspect.Parameter("odd", inspect.Parameter.KEYWORD_ONLY)])


def test_error_of_a_sensitive_parameter_does_not_repeat_its_value():
    (parameter,) = [
        p for p in inspect.signature(everything).parameters.values() if p.name == "size"
    ]
    given = {"size": "secret"}

    with pytest.raises(ParameterError) as refused:
        Parameters([parameter], sensitive=["size"]).load(given)

    assert str(refused.value) == "size: this value does not fit."
    assert "secret" not in "".join(format_exception(refused.value))


def test_parameters_beyond_the_limit_are_refused_with_both_numbers():
    def function(*, text: str = "") -> None: ...

    with pytest.raises(ParameterError, match=r"100,012 characters as JSON; at most 100,000"):
        parameters_of(function).clean({"text": "x" * 100_000})


def test_persian_date_is_not_taken_for_a_gregorian_one_and_its_date_is_suggested():
    def function(*, day: date, moment: datetime) -> None: ...

    with pytest.raises(ParameterError, match=r"Gregorian.* If 1405-09-03 .* write 2026-11-24\."):
        parameters_of(function).load({"day": "۱۴۰۵/۰۹/۰۳", "moment": "2026-11-24 08:00"})
    with pytest.raises(ParameterError, match=r"moment: The year 1405 .* write 2026-11-24\."):
        parameters_of(function).load({"day": "2026-11-24", "moment": "1405-09-03 08:00"})


def test_default_that_nobody_would_type_is_taken_as_it_is():
    def function(*, until: date = date.max) -> None: ...

    parameters = parameters_of(function)

    assert parameters.load(parameters.clean({"until": "9999-12-31"})) == {"until": date.max}


def test_stored_length_or_instant_is_shown_as_a_person_types_it():
    def function(
        *,
        span: timedelta = timedelta(hours=2),
        moment: datetime = datetime(2026, 11, 22, 4, tzinfo=UTC),
        exact: datetime = datetime(2026, 11, 22, 4, 0, 0, 5, tzinfo=UTC),
    ) -> None: ...

    shown = {p.name: p.as_typed(p.default_as_json) for p in parameters_of(function)}

    exact = "2026-11-22T04:00:00.000005+00:00"
    assert shown == {"span": "2 hours", "moment": "2026-11-22 07:30", "exact": exact}
