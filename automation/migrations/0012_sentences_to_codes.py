"""What was stored as a sentence, in the language of whoever stored it, becomes a code with data."""

import re
import signal

from django.db import migrations

#: "It failed." and "It failed 2 times in a row.", in the languages that there were.
FAILED = re.compile(r"^(It failed\.|It failed (\d+) times in a row\.|(\d+) بار (پیاپی )?ناموفق بود\.)$")
APPLIES = re.compile(r"^(?:Applies the preview #(\d+)\.|اعمال پیش‌نمایش شمارهٔ (\d+)\.)$")
ITSELF = {"itself", "خود فرایند"}


def failures_of(why):
    found = FAILED.match(why)
    return int(found[2] or found[3] or 1) if found else None


def how_of(exit_code):
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"signal {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"signal {-exit_code}"


def exit_code_of(how):
    kind, _, value = how.rpartition(" ")
    if kind == "signal":
        number = getattr(signal, value, value)
        return -int(number) if str(int(number)).isdigit() else None
    return int(value) if value.lstrip("-").isdigit() else None


def to_codes(apps, schema_editor):
    pauses = apps.get_model("automation", "Pause").objects.all()
    for pause in pauses.filter(by_name="").iterator():
        pause.failures = failures_of(pause.why)
        if pause.failures:
            pause.why = ""
            pause.save(update_fields=["why", "failures"])
    executions = apps.get_model("automation", "Execution").objects.all()
    for row in executions.filter(reason__in=["paused", "all_paused"]).only("reason_data").iterator():
        if row.reason_data.get("by") in ITSELF:
            row.reason_data["by"] = ""
            if failures := failures_of(row.reason_data.get("why", "")):
                row.reason_data |= {"why": "", "failures": failures}
            row.save(update_fields=["reason_data"])
    for row in executions.filter(reason="worker_died").only("reason_data").iterator():
        if "how" in row.reason_data:
            row.reason_data["exit_code"] = exit_code_of(row.reason_data.pop("how"))
            row.save(update_fields=["reason_data"])
    for row in executions.filter(trigger="manual").exclude(note="").only("note").iterator():
        if found := APPLIES.match(row.note):
            row.note, row.applied_preview = "", int(found[1] or found[2])
            row.save(update_fields=["note", "applied_preview"])


def sentence_of(failures):
    return "It failed." if failures == 1 else f"It failed {failures} times in a row."


def to_sentences(apps, schema_editor):
    pauses = apps.get_model("automation", "Pause").objects.all()
    for pause in pauses.filter(failures__isnull=False).iterator():
        pause.why = sentence_of(pause.failures)
        pause.save(update_fields=["why"])
    executions = apps.get_model("automation", "Execution").objects.all()
    for row in executions.filter(reason__in=["paused", "all_paused"]).only("reason_data").iterator():
        if not row.reason_data.get("by"):
            row.reason_data["by"] = "itself"
            if failures := row.reason_data.pop("failures", None):
                row.reason_data["why"] = sentence_of(failures)
            row.save(update_fields=["reason_data"])
    for row in executions.filter(reason="worker_died").only("reason_data").iterator():
        if "exit_code" in row.reason_data:
            row.reason_data["how"] = how_of(row.reason_data.pop("exit_code"))
            row.save(update_fields=["reason_data"])
    for row in executions.filter(applied_preview__isnull=False).only("applied_preview").iterator():
        row.note = f"Applies the preview #{row.applied_preview}."
        row.save(update_fields=["note"])


class Migration(migrations.Migration):

    dependencies = [("automation", "0011_codes_for_sentences")]

    operations = [migrations.RunPython(to_codes, to_sentences)]
