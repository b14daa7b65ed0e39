"""What people may type into an address."""

#: Digits of the greatest number that a row may have.
_DIGITS = 19


def number_in(text: str) -> int:
    """Return the number of a row that the text is; 0, which no row has, where it is none."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    number = int(text) if is_number else 0
    return number if number < 2**63 else 0
