"""The cipher of the 2019 program: AES-256-CBC under a folded key string (thesis, chapter 5).

Kept for channels of wire 1, whose partners know nothing else. It promises little: the IV is
constant, so equal beginnings of two messages under one key show; nothing authenticates the
ciphertext but the SHA-256 of the plaintext, which travels in clear and lets anybody test guesses;
and a key has about 130 bits of entropy. See docs/security.md.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from dynamicrypt.errors import BadCiphertextError, ParameterError
from dynamicrypt.keys.cells import KEY_BYTES

#: Characters of a key string: one digit for each weight of the thesis' machine.
KEY_STRING_BYTES: Final = 72
#: Folding steps; one more would run past the middle of what is left of the key string.
_FOLDS: Final = 39
#: Characters of base64 in a line of the message.
_LINE: Final = 72
_BLOCK_BITS: Final = 128
_IV: Final = bytes(16)


def fold(key_string: bytes | bytearray | memoryview) -> bytearray:
    """Return the AES key of a key string; the caller wipes it.

    The characters from the end are added one by one to those of the front (modulo 256), first to
    0..32 and then to 1 onwards again. Character 32 is no part of the key, so it and the one that
    is added to it (39) are lost. Raises ParameterError for another length than 72.
    """
    if len(key_string) != KEY_STRING_BYTES:
        raise ParameterError(f"a key string has {KEY_STRING_BYTES} bytes, not {len(key_string)}")
    folded = bytearray(key_string)
    first, last = 0, KEY_STRING_BYTES - 1
    for _ in range(_FOLDS):
        folded[first] = (folded[first] + folded[last]) % 256
        if first == KEY_BYTES:
            first = 0
        first += 1
        last -= 1
    key = folded[:KEY_BYTES]
    folded[:] = bytes(KEY_STRING_BYTES)
    return key


def digest(plaintext: bytes) -> str:
    """Return what travels beside the message: SHA-256 of the plaintext in upper-case hex."""
    return hashlib.sha256(plaintext).hexdigest().upper()


def encrypt(key: bytearray | memoryview, plaintext: bytes) -> str:
    """Return the message: base64 in lines of 72 characters, each ended by LF.

    Inside is AES-256-CBC with PKCS#7 padding and an IV of zeros (thesis, chapter 5).
    Equal plaintexts under one key give equal messages.
    """
    padder = PKCS7(_BLOCK_BITS).padder()
    encryptor = Cipher(AES256(key), CBC(_IV)).encryptor()
    padded = padder.update(plaintext) + padder.finalize()
    ciphertext = encryptor.update(padded) + encryptor.finalize()
    text = binascii.b2a_base64(ciphertext, newline=False).decode("ascii")
    return "".join(f"{text[at : at + _LINE]}\n" for at in range(0, len(text), _LINE))


def decode(message: str) -> bytes:
    """Return the ciphertext of a message, of one block at least.

    Line ends may be missing or CR LF. Raises BadCiphertextError where the message cannot be one.
    """
    try:
        ciphertext = binascii.a2b_base64("".join(message.split()), strict_mode=True)
    except ValueError:
        raise BadCiphertextError("the message is not base64") from None
    if not ciphertext or len(ciphertext) % (_BLOCK_BITS // 8):
        raise BadCiphertextError("the message is not a whole number of blocks")
    return ciphertext


def decrypt(key: bytearray | memoryview, ciphertext: bytes, hash_: str) -> bytes | None:
    """Return the plaintext of a decoded message if this key and hash fit it, else None."""
    decryptor = Cipher(AES256(key), CBC(_IV)).decryptor()
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    try:
        plaintext = unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        return None
    expected = digest(plaintext).encode("ascii")
    if not hmac.compare_digest(expected, hash_.encode("utf-8", "replace")):
        return None
    return plaintext
