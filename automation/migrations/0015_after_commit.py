from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("automation", "0014_pauses_outlive_processes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="execution",
            name="after_commit",
            field=models.CharField(
                blank=True,
                choices=[
                    ("failed", "failed"),
                    ("timed_out", "timed out"),
                    ("cut_off", "cut off"),
                ],
                db_default="",
                default="",
                help_text=(
                    "Of a completed run: how that ended, if not well, which was to follow its "
                    "commit."
                ),
                max_length=20,
                verbose_name="after the commit",
            ),
        ),
        migrations.AddIndex(
            model_name="execution",
            index=models.Index(
                condition=models.Q(("after_commit", ""), _negated=True),
                fields=["after_commit", "-id"],
                name="execution_after_commit",
            ),
        ),
    ]
