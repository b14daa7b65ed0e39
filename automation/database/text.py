"""Texts of any origin, made storable in every database."""

#: Characters of a traceback or an error message that are kept.
MAX_TEXT = 20_000


def storable(text: str, limit: int) -> str:
    """Return a text without NUL and lone surrogates, cut in the middle where it is too long."""
    # By `str` itself: an author's subclass of it may do anything in its methods.
    text = str.encode(text, "utf-8", "replace").decode("utf-8")
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
