"""The GSM-7 default alphabet and its extension, and the profile of every country that has none of its own.

Source of the tables: 3GPP TS 23.038, sections 6.2.1 and 6.2.1.1. Septet 0x09 is a capital C with cedilla
there, which one of four transcriptions gives as the small letter.
"""

from collections.abc import Iterable

from webapp.pricing.api import ESCAPE, UNUSED, Alphabet, SegmentProfile, hookimpl

sms_credits_api = 1

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    f"Δ_ΦΓΛΩΠΨΣΘΞ{ESCAPE}ÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
EXTENSION_CELLS = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
EXTENSION = "".join(EXTENSION_CELLS.get(septet, UNUSED) for septet in range(128))

GSM_7 = Alphabet("GSM-7", BASIC, EXTENSION)


@hookimpl
def sms_credits_segment_profiles() -> Iterable[SegmentProfile]:
    return [SegmentProfile(country=None, alphabets=(GSM_7,))]
