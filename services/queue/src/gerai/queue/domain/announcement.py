"""How a number is read out: "Nomor antrean A nol satu dua, silakan menuju loket tiga"."""

DIGITS = ("nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan")
TEN = 10
HUNDRED = 100


def announcement(number: str, desk_name: str) -> str:
    """The sentence for a called ticket. Digits of the number are read one by one, the desk's number as a number."""
    prefix, _, digits = number.partition("-")
    spelled = " ".join([*prefix, *(DIGITS[int(digit)] for digit in digits if digit.isdigit())])
    return f"Nomor antrean {spelled}, silakan menuju {spoken_desk(desk_name)}"


def spoken_desk(name: str) -> str:
    """ "Loket 3" → "loket tiga"; words stay as they are."""
    return " ".join(spoken(int(word)) if word.isdigit() else word for word in name.split()).lower()


def spoken(number: int) -> str:
    """An Indonesian number word, 0 to 999."""
    if number < TEN:
        return DIGITS[number]
    if number == TEN:
        return "sepuluh"
    if number == TEN + 1:
        return "sebelas"
    if number < 2 * TEN:
        return f"{DIGITS[number - TEN]} belas"
    if number < HUNDRED:
        return _joined(f"{DIGITS[number // TEN]} puluh", number % TEN)
    hundreds = "seratus" if number < 2 * HUNDRED else f"{DIGITS[number // HUNDRED]} ratus"
    return _joined(hundreds, number % HUNDRED)


def _joined(words: str, rest: int) -> str:
    return f"{words} {spoken(rest)}" if rest else words
