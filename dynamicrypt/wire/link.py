"""Codec of wire 2, the authenticated link (docs/protocol.md, "Wire 2").

A line is fields joined by TAB and ended by LF, at most MAX_LINE bytes with the LF; its first
field names the message. `decode` is total and stateless: any bytes give a message or a
RemoteError, and `encode` gives back exactly the bytes that it took.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Final

from dynamicrypt.errors import ParameterError, RemoteError
from dynamicrypt.params import (
    MAX_ROUND_OUTPUT,
    ExchangeParameters,
    MachineParameters,
    Rule,
)
from dynamicrypt.wire import link_fields as field
from dynamicrypt.wire.link_fields import Field, FieldError
from dynamicrypt.wire.link_messages import (
    Accept,
    Answer,
    Close,
    Confirm,
    Epoch,
    Fault,
    Goodbye,
    Held,
    Hello,
    Message,
    Open,
    Pause,
    Ping,
    Pong,
    Proof,
    Query,
    Received,
    Refuse,
    Resume,
    Round,
    Unknown,
    Unmatched,
)

#: The version that this codec speaks.
VERSION: Final = (2, 0)
#: Longest line with its LF: the outputs of the largest round in base64, its probes, and numbers.
MAX_LINE: Final = 64 * 1024
#: Channels of one link at a time.
MAX_CHANNELS: Final = 1024
#: Largest number of a channel, round or key; each fits a machine word with room to spare.
MAX_CHANNEL: Final = (1 << 32) - 1
MAX_ROUND: Final = (1 << 48) - 1
#: Longest name of a service or node in bytes of UTF-8.
MAX_NAME: Final = 255
#: Bytes of an incarnation, key id and confirmation tag; of a nonce and proof.
SHORT: Final = 16
LONG: Final = 32
#: Bytes of the ratchet shares: X25519 and an ML-KEM-768 encapsulation key, or a ciphertext.
OFFER_BYTES: Final = 32 + 1184
ANSWER_BYTES: Final = 32 + 1088
#: Confirmations, or key ids, of one line.
MAX_KEYS: Final = 1024

_VERSION: Final = re.compile(rb"(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})")
_INPUTS: Final = re.compile(r"random|query:([1-9][0-9]{0,7})")


class LinkLineError(RemoteError):
    """The partner sent a line that is no message of wire 2. Check that it speaks this protocol."""


class VersionError(RemoteError):
    """The partner speaks another major version of the link. Update the older of the two nodes."""


def check_name(name: str) -> None:
    """Raise ParameterError for a name of a service or node that no message can carry."""
    try:
        _name.decode(name.encode())
    except (FieldError, UnicodeEncodeError):
        raise ParameterError(
            f"a name must be 1 to {MAX_NAME} bytes of printable characters"
        ) from None


def clip(text: str) -> str:
    """The text as a detail or reason may carry it: printable, and cut to MAX_NAME bytes."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return printable.encode(errors="replace")[:MAX_NAME].decode(errors="ignore")


def _encode_version(version: tuple[int, int]) -> bytes:
    return b"%d.%d" % version


def _decode_version(raw: bytes) -> tuple[int, int]:
    match = _VERSION.fullmatch(raw)
    if match is None:
        raise FieldError("no version")
    major, minor = int(match[1]), int(match[2])
    if major != VERSION[0]:
        raise VersionError(
            f"the partner speaks {major}.{minor}, we speak {VERSION[0]}.{VERSION[1]}"
        )
    return major, minor


def _encode_parameters(parameters: ExchangeParameters) -> bytes:
    machine = parameters.machine
    return b"%d %d %d %b %b %d %d %d %d %d" % (
        machine.K,
        machine.N,
        machine.L,
        machine.rule.value.encode(),
        parameters.inputs.encode(),
        parameters.package,
        parameters.fusion,
        parameters.machines,
        parameters.agreements,
        parameters.step_limit,
    )


def _decode_parameters(raw: bytes) -> ExchangeParameters:
    parts = raw.split(b" ", 10)
    if len(parts) != 10:
        raise FieldError("not ten parameters")
    K, N, L, package, fusion, machines, agreements, limit = (
        _count.decode(parts[at]) for at in (0, 1, 2, 5, 6, 7, 8, 9)
    )
    try:
        inputs = _INPUTS.fullmatch(parts[4].decode("ascii"))
        rule = Rule(parts[3].decode("ascii"))
        if inputs is None:
            raise FieldError("no kind of inputs")
        return ExchangeParameters(
            machine=MachineParameters(K=K, N=N, L=L, rule=rule),
            query=int(inputs[1]) if inputs[1] else None,
            package=package,
            fusion=fusion,
            machines=machines,
            agreements=agreements,
            step_limit=limit,
        )
    except ParameterError as error:
        raise FieldError(str(error)) from None
    except ValueError:
        raise FieldError("no parameters") from None


_count: Final = field.number((1 << 31) - 1)
_channel: Final = field.number(MAX_CHANNEL)
_round: Final = field.number(MAX_ROUND)
_name: Final = field.text(MAX_NAME)
_detail: Final = field.text(MAX_NAME, least=0)
_short: Final = field.fixed(SHORT)
_long: Final = field.fixed(LONG)
_bits: Final = field.data(MAX_ROUND_OUTPUT)
_probes: Final = field.data(8192)

_FORMS: Final[dict[bytes, tuple[type[Message], tuple[Field, ...]]]] = {
    b"round": (Round, (_channel, _round, _bits, _probes)),
    b"query": (Query, (_channel, _round, _bits, _bits, _probes)),
    b"confirm": (Confirm, (_channel, _round, field.data(MAX_KEYS * SHORT, SHORT))),
    b"unmatched": (Unmatched, (_channel, _round, field.data(MAX_KEYS * SHORT, SHORT))),
    b"held": (Held, (_channel, field.data(MAX_KEYS * 2 * SHORT, 2 * SHORT), field.flag())),
    b"pause": (Pause, (_channel,)),
    b"resume": (Resume, (_channel,)),
    b"close": (Close, (_channel, _detail)),
    b"open": (
        Open,
        (_channel, _name, _name, _long, Field(_encode_parameters, _decode_parameters)),
    ),
    b"accept": (Accept, (_channel, _long)),
    b"refuse": (Refuse, (_channel, field.word(), _detail)),
    b"epoch": (
        Epoch,
        (
            _round,
            field.fixed(OFFER_BYTES),
            field.pairs(MAX_CHANNELS, MAX_CHANNEL, MAX_ROUND),
        ),
    ),
    b"answer": (Answer, (_round, field.fixed(ANSWER_BYTES))),
    b"proof": (Proof, (_round, _long)),
    b"hello": (
        Hello,
        (
            Field(_encode_version, _decode_version),
            field.words(16),
            _name,
            _short,
            field.data(OFFER_BYTES),
        ),
    ),
    b"ping": (Ping, (_round,)),
    b"pong": (Pong, (_round,)),
    b"fault": (Fault, (field.word(), _detail)),
    b"goodbye": (Goodbye, (_detail,)),
}
#: How each message is written, by its form, and read, by its word: every field with its name.
_WRITERS: Final = {
    form: (
        word,
        tuple((item.name, each.encode) for item, each in zip(fields(form), of, strict=True)),
    )
    for word, (form, of) in _FORMS.items()
}
_READERS: Final = {
    word: (
        form,
        tuple((item.name, each.decode) for item, each in zip(fields(form), of, strict=True)),
    )
    for word, (form, of) in _FORMS.items()
}
_word: Final = field.word()


def encode(message: Message) -> bytes:
    """The line of a message with its LF."""
    word, writers = _WRITERS[type(message)]
    parts = [word]
    parts += [write(getattr(message, name)) for name, write in writers]
    return b"\t".join(parts) + b"\n"


def decode(line: bytes) -> Received:
    """The message of a line without its LF.

    Raises VersionError for the hello of another major version, and LinkLineError or FieldError
    for anything else that is no message.
    """
    if len(line) >= MAX_LINE or b"\n" in line:
        raise LinkLineError("not one line within the limit")
    word, *texts = line.split(b"\t")
    if (known := _READERS.get(word)) is None:
        return Unknown(word=_word.decode(word))
    form, readers = known
    if word == b"hello" and texts:
        # Another major version may have other fields, and must be told apart from noise.
        _decode_version(texts[0])
    if len(texts) != len(readers):
        raise LinkLineError(f"{len(texts)} fields instead of {len(readers)} in {word.decode()}")
    return form(**{name: read(raw) for (name, read), raw in zip(readers, texts, strict=True)})
