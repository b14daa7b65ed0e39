"""What people type: digits of other scripts, and spaces wherever they fell."""

#: Arabic and Persian.
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "0123456789" * 2)


def plain(text: str) -> str:
    """Return the text on one line, its digits those of English, its spaces single."""
    return " ".join(text.translate(_DIGITS).split())
