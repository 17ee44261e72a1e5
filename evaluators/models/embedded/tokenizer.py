"""The embedded model's tokenizer: one token per number from 0 to 99, one per word of the prompts it knows.

Numbers of 100 and more, and numbers that touch a `+`, are written digit by digit, the units first, and each digit
token knows its place (units, tens, ...), because a sum is learned far more easily in that order. Nobody outside
sees the order: decoding turns it round. Spaces cost nothing between known tokens. All else falls back to bytes, so
that any text encodes, and `decode(encode(text)) == text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

PLACES = 8
"""Digit places that have tokens of their own; digits of higher places use the last one."""

_NAMES = (
    "ada alan alma amir amy ana anna ben bill bob carl cleo clara cyd dan dana dave dora ed ella elsa emil emma eric "
    "eva eve ewan fay finn fred gail gina greg gus guy hal hana hank hugo ian ida igor ines ira iris ivan ivy jack "
    "jane jean jim joan joe john jon judy june kai kate ken kim kurt lara lea leo liam lily lina liz lou luca lucy "
    "luke mae marc mary mara mia mike mona nell nick nina nora olga omar oscar otto paul pete ravi rex rita rosa sam "
    "theo zoe"
)
NAMES: tuple[str, ...] = tuple(_NAMES.split())
"""First names with a token of their own, for facts such as `ada has 12.`"""

# The order of these lists is part of the trained weights: append, never insert. What the model can write comes
# first, so that its output layer covers only that part of the vocabulary.
_SPECIALS = ("<pad>", "<bos>", "<sep>", "<end>")
_ANSWERS = ("yes", "no", "none", "unknown")
_PUNCTUATION = (":", ",", ".", "?", "+", "|")
_WORDS = (
    "Add All Both Count Each Facts Find Hanoi How Is Keep List Lists Make Merge Numbers Pegs Read Repeat Say Sort The "
    "Towers What Which Work Write a add again all also and any are as ascending at backwards belongs below best both "
    "change copy count disk disks does duplicates equal fact facts find first from get hanoi has have how if in "
    "intersect into is it its largest last least less list lists many max merge min more most move must new next not "
    "number numbers of one only or order other out peg pegs pick places result reverse same second smallest sort "
    "sorted such sum than that the there these they this those times to two up without word write"
)

_DIGITS = tuple(f"{digit}@{place}" for place in range(PLACES) for digit in range(10))
_JOIN = "<join>"
_BYTES = tuple(f"<{byte:02x}>" for byte in range(256))
VOCABULARY: tuple[str, ...] = (
    *_SPECIALS, *map(str, range(100)), *_DIGITS, *_ANSWERS, _JOIN, *_PUNCTUATION, *_WORDS.split(), *NAMES, *_BYTES,
)  # fmt: skip
"""Every token by its number."""

PAD, BOS, SEP, END = range(4)
FIRST_NUMBER = len(_SPECIALS)
FIRST_DIGIT = FIRST_NUMBER + 100
OUTPUTS = FIRST_DIGIT + len(_DIGITS) + len(_ANSWERS)
"""Tokens below this number are the ones that the model can write."""
JOIN = OUTPUTS
_FIRST_BYTE = len(VOCABULARY) - 256

_PIECE = re.compile(r"\s+|[A-Za-z]+|[0-9]+|.", re.DOTALL)
_KNOWN = {token: number for number, token in enumerate(VOCABULARY) if FIRST_DIGIT + len(_DIGITS) <= number}
_KNOWN = {token: number for token, number in _KNOWN.items() if number < _FIRST_BYTE and number != JOIN}
_NO_SPACE_BEFORE = frozenset((":", ",", ".", "?", "+", ""))
_NO_SPACE_AFTER = frozenset(("+", ""))


def _gap(left: str, right: str) -> str:
    """What stands between two known pieces unless a token says otherwise; "" stands for bytes and for the ends."""
    return "" if left in _NO_SPACE_AFTER or right in _NO_SPACE_BEFORE else " "


def _bytes(text: str) -> list[int]:
    return [_FIRST_BYTE + byte for byte in text.encode("utf-8", "surrogatepass")]


def encode_digits(number: str) -> list[int]:
    """Encode a number digit by digit, the units first."""
    return [FIRST_DIGIT + 10 * min(place, PLACES - 1) + int(digit) for place, digit in enumerate(reversed(number))]


def _encode_number(piece: str, touches_plus: bool) -> list[int]:
    if touches_plus or len(piece) > 2 or (len(piece) == 2 and piece[0] == "0"):
        return encode_digits(piece)
    return [FIRST_NUMBER + int(piece)]


def encode(text: str) -> list[int]:
    """Encode any text, without the tokens that mark its beginning and its end."""
    pieces = _PIECE.findall(text)
    tokens: list[int] = []
    left, space = "", ""
    for index, piece in enumerate(pieces):
        if piece.isspace():
            space = piece
            continue
        known = _KNOWN.get(piece)
        if known is not None:
            new, right = [known], piece
        elif piece[0] in "0123456789":
            touches = "+" in (pieces[index - 1] if index else "", pieces[index + 1] if index + 1 < len(pieces) else "")
            new, right = _encode_number(piece, touches), piece
        else:
            new, right = _bytes(piece), ""
        if space != _gap(left, right):
            tokens.extend(_bytes(space) if space else [JOIN])
        tokens.extend(new)
        left, space = right, ""
    tokens.extend(_bytes(space))
    return tokens


def encode_prompt(text: str) -> list[int]:
    """Encode a prompt as the model reads it: the begin token, the text, the token after which the answer starts."""
    return [BOS, *encode(text), SEP]


def _units(tokens: Iterable[int]) -> list[tuple[str, bytes]]:
    """Group tokens into (kind, text): kind is "byte", "join", or "known"."""
    units: list[tuple[str, bytes]] = []
    in_number = False
    for token in tokens:
        if token <= END:
            continue
        if FIRST_DIGIT <= token < FIRST_DIGIT + len(_DIGITS):
            place, digit = divmod(token - FIRST_DIGIT, 10)
            if in_number and place > 0:
                units[-1] = ("known", b"%d" % digit + units[-1][1])
            else:
                units.append(("known", b"%d" % digit))
            in_number = True
            continue
        in_number = False
        if token >= _FIRST_BYTE:
            units.append(("byte", bytes([token - _FIRST_BYTE])))
        elif token == JOIN:
            units.append(("join", b""))
        else:
            units.append(("known", VOCABULARY[token].encode()))
    return units


def decode(tokens: Sequence[int]) -> str:
    """Turn tokens back into text; special tokens are left out, broken UTF-8 becomes the replacement character."""
    written = bytearray()
    left = ""
    for kind, text in _units(tokens):
        if kind == "known":
            right = text.decode()
            written += _gap(left, right).encode() + text
            left = right
        else:
            written += text
            left = ""
    return written.decode("utf-8", "replace")
