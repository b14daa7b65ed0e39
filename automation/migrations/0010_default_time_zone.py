"""A process whose zone is empty follows the default of the site."""

from typing import Any

from django.db import migrations, models

from automation.conf import default_time_zone

MODELS = ("Process", "HistoricalProcess")


def leave_the_default_open(apps: Any, _editor: Any) -> None:
    """Empty the zones that are the default.

    Until now the default was copied into each new process, so that a zone that nobody chose cannot
    be told from one that was chosen and is the same. Both have the same times before and after
    this; from now on they follow the default when it is changed, as a chosen zone does not.
    """
    for name in MODELS:
        rows = apps.get_model("automation", name).objects
        rows.filter(timezone=default_time_zone()).update(timezone="")


def write_the_default_down(apps: Any, _editor: Any) -> None:
    for name in MODELS:
        rows = apps.get_model("automation", name).objects
        rows.filter(timezone="").update(timezone=default_time_zone())


class Migration(migrations.Migration):
    dependencies = [("automation", "0009_node_time_zone")]

    operations = [
        *(
            migrations.AlterField(
                model_name=name.lower(),
                name="timezone",
                field=models.CharField(
                    blank=True,
                    default="",
                    help_text="In which its times are read. Empty: the default of the site.",
                    max_length=64,
                    verbose_name="time zone",
                ),
            )
            for name in MODELS
        ),
        migrations.RunPython(leave_the_default_open, write_the_default_down),
    ]
