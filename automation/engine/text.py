"""Text from anywhere, as every database takes it."""

#: Characters that are kept of a traceback or an error message.
MAX_TEXT = 20_000


def storable(text: str, limit: int) -> str:
    """The text as every database takes it (no NUL, no lone surrogate), cut in the middle."""
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
