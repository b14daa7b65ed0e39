"""Pauses stay as history when their process is deleted, as notices do."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Exists, OuterRef, Subquery


def name_them(apps, schema_editor):
    process = apps.get_model("automation", "Process").objects.filter(pk=OuterRef("process"))
    apps.get_model("automation", "Pause").objects.filter(process__isnull=False).update(
        process_name=Subquery(process.values("name")), process_label=Subquery(process.values("label"))
    )


def delete_those_of_nothing(apps, schema_editor):
    process = apps.get_model("automation", "Process").objects.filter(pk=OuterRef("process"))
    pauses = apps.get_model("automation", "Pause").objects.filter(process__isnull=False)
    pauses.exclude(Exists(process)).delete()


class Migration(migrations.Migration):
    dependencies = [("automation", "0013_notice_of_a_broken_rule")]

    operations = [
        migrations.AlterField(
            model_name="pause",
            name="process",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="Empty: everything.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="pauses",
                to="automation.process",
                verbose_name="process",
            ),
        ),
        migrations.AddField(
            model_name="pause",
            name="process_name",
            field=models.CharField(blank=True, db_default="", default="", max_length=100, verbose_name="process"),
        ),
        migrations.AddField(
            model_name="pause",
            name="process_label",
            field=models.CharField(blank=True, db_default="", default="", max_length=100, verbose_name="label"),
        ),
        migrations.RunPython(name_them, delete_those_of_nothing),
    ]
