"""How many messages an SMS text becomes, as the networks count them (3GPP TS 23.038 and 23.040)."""

GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENDED = frozenset("\f^{}\\[~]|€")
"""Two places each."""
SINGLE_GSM_7, PART_GSM_7 = 160, 153
SINGLE_UCS_2, PART_UCS_2 = 70, 67


def segments(text: str) -> int:
    """1, 2, 3, …: the parts that are sent and paid for. One character beyond GSM-7 makes the whole text UCS-2."""
    if all(character in GSM_7 or character in GSM_7_EXTENDED for character in text):
        length = len(text) + sum(character in GSM_7_EXTENDED for character in text)
        return _parts(length, SINGLE_GSM_7, PART_GSM_7)
    return _parts(len(text.encode("utf-16-le")) // 2, SINGLE_UCS_2, PART_UCS_2)


def _parts(length: int, single: int, part: int) -> int:
    return 1 if length <= single else -(-length // part)
