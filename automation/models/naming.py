"""What a process is called: a name for programs, and a label for people."""

from django.db import models
from django.utils.translation import gettext_lazy as _

#: Characters of a name, and of a label, at most.
MAX_NAME, MAX_LABEL = 100, 100


class Named(models.Model):
    """`name` is what commands, log lines and JSON call it; `label` is what people read."""

    name = models.SlugField(_("name"), max_length=MAX_NAME, unique=True)
    label = models.CharField(
        _("label"),
        max_length=MAX_LABEL,
        blank=True,
        default="",
        db_default="",
        help_text=_("What people read, in any script. Empty: the name."),
    )

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """The label; where there is none, the name."""
        return title_of(self.label, self.name)


def title_of(label: str, name: str) -> str:
    """Return a label or name on one line: it may become the subject of a mail."""
    return " ".join(label.split()) or name
