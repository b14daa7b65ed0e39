from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("automation", "0006_ledger")]

    operations = [
        migrations.AddField(
            model_name="node",
            name="stop_grace",
            field=models.FloatField(
                help_text="Seconds. Empty: as long as its time limit.",
                null=True,
                verbose_name="what runs gets at a stop",
            ),
        ),
    ]
