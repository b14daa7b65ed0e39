"""The reason `deaf` is called `time_limit_ignored`, in the history too."""

from django.db import migrations


def rename(old, new):
    def change(apps, schema_editor):
        executions = apps.get_model("automation", "Execution").objects
        executions.filter(status="timed_out", reason=old).update(reason=new)

    return change


class Migration(migrations.Migration):

    dependencies = [("automation", "0017_node_stopping_at")]

    operations = [
        migrations.RunPython(
            rename("deaf", "time_limit_ignored"), rename("time_limit_ignored", "deaf")
        )
    ]
