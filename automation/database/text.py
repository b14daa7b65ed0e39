"""Text from anywhere, as every database takes it."""

#: Characters that are kept of a traceback or an error message.
MAX_TEXT = 20_000


def storable(text: str, limit: int) -> str:
    """The text as every database takes it (no NUL, no lone surrogate), cut in the middle."""
    # Of `str` itself, for an author's own kind of text may do anything in its methods.
    text = str.encode(text, "utf-8", "replace").decode("utf-8")
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
