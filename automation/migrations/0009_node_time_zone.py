from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("automation", "0008_labels")]

    operations = [
        migrations.AddField(
            model_name="node",
            name="time_zone",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="An IANA name.",
                max_length=64,
                verbose_name="default time zone",
            ),
        ),
    ]
