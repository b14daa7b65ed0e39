"""What an adopted process is called: its label as it was there, and a name made of that."""

import unicodedata
from hashlib import sha256

from django.utils.text import slugify

from automation.models.naming import MAX_LABEL, MAX_NAME

#: Hexadecimal digits that tell names apart of which letters were lost.
_DIGITS = 6


def label_of(name: str) -> str:
    """In one line, and no longer than a label may be."""
    shown = "".join(
        char for char in name if unicodedata.category(char) not in {"Cc", "Cs"} or char.isspace()
    )
    return " ".join(shown.split())[:MAX_LABEL].rstrip()


def name_of(label: str, key: str) -> str:
    """Return a name, always one for one label and key; "" where there is nothing to make one of.

    A name has ASCII letters alone. Where most of the label's letters are others, it begins with what
    is run (`key`), and where any are, it ends in a number computed from the label.
    """
    letters = [char for char in unicodedata.normalize("NFKD", label) if char.isalnum()]
    kept = [char for char in letters if char.isascii()]
    base = slugify(label if len(kept) * 2 > len(letters) else key) or slugify(key)
    if len(kept) == len(letters):
        return base[:MAX_NAME]
    number = sha256(label.encode()).hexdigest()[:_DIGITS]
    return f"{(base or 'process')[: MAX_NAME - _DIGITS - 1]}-{number}"
