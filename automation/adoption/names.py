"""The label and the name of an adopted process, made of what it is called in the old scheduler."""

import unicodedata
from hashlib import sha256

from django.utils.text import slugify

from automation.models.naming import MAX_LABEL, MAX_NAME

#: Hexadecimal digits at the end of a name that lost letters, so that such names differ.
_DIGITS = 6


def label_of(name: str) -> str:
    """Return a name on one line, without control characters, no longer than a label may be."""
    shown = "".join(
        char for char in name if unicodedata.category(char) not in {"Cc", "Cs"} or char.isspace()
    )
    return " ".join(shown.split())[:MAX_LABEL].rstrip()


def name_of(label: str, key: str) -> str:
    """Return a name for a process, always the same for one label and key; "" where nothing is left.

    A name has ASCII letters alone. Where most of the label's letters are others, the name begins
    with what is run (`key`); where any are, it ends in a number computed from the label.
    """
    letters = [char for char in unicodedata.normalize("NFKD", label) if char.isalnum()]
    kept = [char for char in letters if char.isascii()]
    base = slugify(label if len(kept) * 2 > len(letters) else key) or slugify(key)
    if len(kept) == len(letters):
        return base[:MAX_NAME]
    number = sha256(label.encode()).hexdigest()[:_DIGITS]
    return f"{(base or 'process')[: MAX_NAME - _DIGITS - 1]}-{number}"
