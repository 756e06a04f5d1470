"""How the thesis' program encrypts: AES-256-CBC under a folded digit key, IV of zeros."""

import base64
import hashlib

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

LINE = 72


def fold(key: str) -> bytes:
    """32 bytes of AES key from the 72 digits of a key string."""
    digits = bytearray(key, "ascii")
    first, last = 0, len(digits) - 1
    for _ in range(39):
        digits[first] = (digits[first] + digits[last]) % 256
        if first == 32:
            first = 0
        first += 1
        last -= 1
    return bytes(digits[:32])


def digest(message: str) -> str:
    return hashlib.sha256(message.encode()).hexdigest().upper()


def encrypt(key: str, message: str) -> str:
    padding = PKCS7(128).padder()
    padded = padding.update(message.encode()) + padding.finalize()
    sealing = Cipher(AES(fold(key)), CBC(bytes(16))).encryptor()
    text = base64.b64encode(sealing.update(padded) + sealing.finalize()).decode()
    return "".join(text[start : start + LINE] + "\n" for start in range(0, len(text), LINE))


def decrypt(key: str, text: str) -> str:
    """The plaintext; ValueError (which UnicodeDecodeError is) for the wrong key, nearly always."""
    opening = Cipher(AES(fold(key)), CBC(bytes(16))).decryptor()
    padded = opening.update(base64.b64decode(text)) + opening.finalize()
    padding = PKCS7(128).unpadder()
    return (padding.update(padded) + padding.finalize()).decode()


def open_with_any(keys: list[str], text: str, expected: str) -> tuple[int, str] | None:
    """Number and plaintext of the first key that gives the expected digest."""
    for number, key in enumerate(keys):
        try:
            message = decrypt(key, text)
        except ValueError:
            continue
        if digest(message) == expected:
            return number, message
    return None
