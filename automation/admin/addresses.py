"""What people may type into an address."""

#: Digits of the greatest number that a row may have.
_DIGITS = 19


def number_in(text: str) -> int:
    """The number of a row; 0, which none has, where the text is no such number."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    number = int(text) if is_number else 0
    return number if number < 2**63 else 0
