"""The Django app of the engine: connects signals, the database router and the process functions."""

from django.apps import AppConfig
from django.db.models.signals import post_delete, post_migrate, post_save, pre_delete, pre_save
from django.utils.translation import gettext_lazy as _

from automation import registry, routing


class AutomationConfig(AppConfig):
    name = "automation"
    verbose_name = _("Automation")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from automation import checks, signals  # noqa: F401, PLC0415  # models exist only now

        process, schedule = self.get_model("Process"), "django_q.Schedule"
        message = "django_q.OrmQ"
        post_save.connect(signals.process_saved, sender=process)
        pre_delete.connect(signals.process_about_to_be_deleted, sender=process)
        post_delete.connect(signals.process_deleted, sender=process)
        post_save.connect(signals.calendar_saved, sender=self.get_model("Calendar"))
        pre_save.connect(signals.schedule_about_to_be_saved, sender=schedule)
        post_save.connect(signals.schedule_saved, sender=schedule)
        post_delete.connect(signals.schedule_deleted, sender=schedule)
        post_save.connect(signals.message_saved, sender=message)
        post_migrate.connect(signals.migrated, sender=self)
        routing.put_first()
        registry.discover()
