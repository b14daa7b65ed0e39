"""What people type: digits of other scripts, and spaces wherever they fell."""


def plain(text: str) -> str:
    """Return the text on one line, its digits those of English, its spaces single."""
    digits = (str(int(sign)) if sign.isdecimal() else sign for sign in text)
    return " ".join("".join(digits).split())
