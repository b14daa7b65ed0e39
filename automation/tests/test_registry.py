import importlib.util
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured

from automation import Run, checks, command_process, process, registry
from automation.parameters import MASK


@pytest.fixture(autouse=True)
def forget_new_functions():
    before = dict(registry._functions)
    yield
    registry._functions.clear()
    registry._functions.update(before)


def test_process_functions_of_installed_apps_are_found_by_key():
    assert registry.get("tasks.reschedule_remaining_tasks").description == (
        "Move unfinished tasks of earlier days to today, at the time of day they had."
    )


def test_decorated_function_stays_callable():
    @process
    def add(*, a: int, b: int) -> int:
        return a + b

    assert add(a=1, b=2) == 3
    assert registry.get("automation.add").function is add


def test_unknown_key_is_refused_with_the_nearest_one():
    with pytest.raises(registry.ProcessNotRegisteredError, match=r"Did you mean probes\.greet\?"):
        registry.get("probes.great")


def test_default_cron_may_be_computed_at_each_look():
    rules = iter(["0 1 * * *", "0 2 * * *"])

    @process(default_cron=lambda: next(rules))
    def nightly() -> None: ...

    function = registry.get("automation.nightly")
    assert [function.default_cron, function.default_cron] == ["0 1 * * *", "0 2 * * *"]


def test_async_function_is_refused_with_the_reason():
    with pytest.raises(ImproperlyConfigured, match=r"is async; .* Make it a plain function"):

        @process
        async def nightly() -> None: ...


def test_second_positional_parameter_is_refused_with_an_example():
    with pytest.raises(ImproperlyConfigured, match="everything else by keyword: def function"):

        @process
        def nightly(run: Run, limit: int) -> None: ...


def test_any_number_of_arguments_is_refused():
    with pytest.raises(ImproperlyConfigured, match="everything else by keyword"):

        @process
        def nightly(*args: int) -> None: ...


def test_parameter_of_another_type_is_refused_at_import():
    with pytest.raises(ImproperlyConfigured, match=r"nightly: parameter 'odd' has the type"):

        @process
        def nightly(*, odd: dict) -> None: ...


def test_same_key_from_two_modules_is_refused():
    @process
    def nightly() -> None: ...

    def other() -> None: ...

    other.__name__, other.__module__ = "nightly", "automation.elsewhere"
    with pytest.raises(ImproperlyConfigured, match=r"Two process functions .* automation\.nightly"):
        process(other)


def test_same_key_twice_in_one_module_is_refused():
    @process
    def nightly() -> None: ...

    with pytest.raises(
        ImproperlyConfigured, match=r"nightly: .*test_registry\.py, line \d+ and .*"
    ):

        @process
        def nightly() -> None: ...

    with pytest.raises(ImproperlyConfigured, match="Rename one"):
        process(registry.get("automation.nightly").function)


def test_functions_that_one_decorator_makes_are_two():
    def bare(function):
        def inner() -> None:
            function()

        return inner

    process(bare(print))

    with pytest.raises(
        ImproperlyConfigured, match=r"Two process functions are called automation\.inner"
    ):
        process(bare(len))


def test_one_command_twice_is_refused_whatever_its_arguments():
    command_process("migrate", "auth")

    with pytest.raises(
        ImproperlyConfigured, match=r"automation\.migrate: .*test_registry\.py, line"
    ):
        command_process("migrate", "tasks")


def test_commands_of_a_loop_are_told_apart():
    def register_all():
        for app in ("auth", "tasks"):
            command_process("migrate", app)

    with pytest.raises(ImproperlyConfigured, match=r"automation\.migrate"):
        register_all()


def test_module_may_be_run_again(tmp_path):
    file = tmp_path / "again.py"
    file.write_text(
        "from automation import command_process, process\n"
        "@process\ndef nightly():\n    return 1\n"
        "command_process('migrate', 'auth')\n"
    )
    module: Any = None
    for name in ("automation.again", "automation.again", "automation.elsewhere"):
        spec: Any = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)

    assert registry.get("automation.nightly").function is module.nightly


def test_function_is_found_by_its_older_keys():
    function = registry.get("probes.call_old_service")

    assert function.key == "probes.call_service"


def test_alias_of_two_functions_is_a_check_error():
    assert registry.clashes() == []

    @process(aliases=["probes.greet"])
    def welcome() -> None: ...

    (error,) = checks.check_keys_are_unique()
    assert error.id == "automation.E005"
    assert "'probes.greet' is an alias of automation.welcome" in error.msg


def test_wrong_default_rule_is_a_check_error():
    assert checks.check_default_rules() == []

    @process(default_cron="0 0 31 2 *")
    def nightly() -> None: ...

    (error,) = checks.check_default_rules()
    assert error.id == "automation.E006"
    assert "automation.nightly: '0 0 31 2 *' never comes due" in error.msg


@pytest.mark.parametrize("rule", [730, lambda: ["0 0 * * *"]])
def test_default_rule_that_is_no_text_is_a_check_error(rule):
    @process(default_cron=rule)
    def nightly() -> None: ...

    (error,) = checks.check_default_rules()
    assert "is no text" in error.msg


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"preview": True, "atomic": False}, "preview=True needs atomic=True"),
        ({"undo": print}, "undo= needs changes="),
        ({"changes": Group}, "changes=Group has no foreign key named 'execution'"),
        ({"sensitive": ["key"]}, "sensitive= names 'key', which is no parameter"),
        ({"default_cron": "0 0 * * *"}, "'limit' needs a default"),
        ({"sensitive": "limit"}, 'sensitive= is the text "limit"; it takes several'),
        ({"aliases": "tasks.old"}, 'aliases= is the text "tasks.old"; it takes several'),
    ],
)
def test_options_that_contradict_one_another_are_refused(options, says):
    with pytest.raises(ImproperlyConfigured, match=says):

        @process(**options)
        def nightly(*, limit: int) -> None: ...


def test_sensitive_parameters_are_hidden_and_all_of_a_function_that_is_gone():
    stored = {"api_key": "secret", "retries": 2}

    assert registry.masked("probes.call_service", stored) == {"api_key": MASK, "retries": 2}
    assert registry.masked("probes.gone", stored) == {"api_key": MASK, "retries": MASK}


def test_parameters_that_a_function_has_no_more_are_hidden():
    assert registry.masked("probes.call_service", {"old_key": "secret"}) == {"old_key": MASK}
