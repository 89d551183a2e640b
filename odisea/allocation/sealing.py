"""Sealing: age ciphertexts to the custodian's key, salted commitments, and the secret that a list is drawn from.

The form is that of age version 1 (age-encryption.org/v1: X25519, HKDF-SHA256, ChaCha20-Poly1305), so a custodian can also
open an envelope with any other age program. A commitment is SHA-256 over salt and canonical JSON: it hides the entry as long
as the salt is unknown, and binds it for good (Halevi and Micali, Practical and provably-secure commitment schemes from
collision-free hashing, CRYPTO 1996, with the hash taken as a random function).

The secret comes from the operating system. It keys the same generator that the simulator uses, so what the distributional
tests say about a method holds for the list of a real trial; 63 bits each for seed and replicate are all that the generator's
key takes as signed 64-bit numbers. The simulator's seed is chosen by its user and is public: no option gives one here.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyrage

from odisea.errors import Problem, ProtocolError

KEY_BITS = 63
SALT_KEY_BYTES = 32
OWNER_ONLY = 0o600
OTHERS = 0o077
SECRET_KEY = "AGE-SECRET-KEY-"
MAKE_A_KEY = "Make one with odisea randomise --new-key FILE, or with age-keygen"


class Secret(NamedTuple):
    """What a list is drawn from.

    Parameters
    ----------
    seed, replicate : int
        The generator's key, 63 random bits each.
    salt_key : bytes (32,)
        Key of the salts.
    """

    seed: int
    replicate: int
    salt_key: bytes


class Identities(NamedTuple):
    """The secret keys of an identity file.

    Parameters
    ----------
    keys : tuple of pyrage.x25519.Identity
        They open what was sealed to their recipients.
    recipients : tuple of str
        Their public halves, `age1...`.
    source : str
        The file, as messages call it.
    """

    keys: tuple[Any, ...]
    recipients: tuple[str, ...]
    source: str


def draw_secret() -> Secret:
    """Return a new secret from the operating system's cryptographic generator."""
    return Secret(secrets.randbits(KEY_BITS), secrets.randbits(KEY_BITS), secrets.token_bytes(SALT_KEY_BYTES))


def canonical(content: Any) -> bytes:
    """Return the one way to write a value as JSON: keys sorted, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes as hexadecimal text."""
    return hashlib.sha256(content).hexdigest()


def salt_of(salt_key: bytes, name: str) -> bytes:
    """Return the 256-bit salt of a named thing: HMAC-SHA-256, so nobody without the key can tell it from a random number."""
    return hmac.digest(salt_key, name.encode(), "sha256")


def commitment(salt: bytes, entry: Mapping[str, Any]) -> str:
    """Return SHA-256 over salt and canonical JSON of an entry, as hexadecimal text."""
    return digest(salt + canonical(entry))


def recipients(texts: Sequence[str]) -> tuple[Any, ...]:
    """Return the public keys of custodians.

    Raises
    ------
    ProtocolError
        With every text that is no age recipient.
    """
    read, problems = [], []
    for text in texts:
        try:
            read.append(pyrage.x25519.Recipient.from_str(text))
        except pyrage.RecipientError:
            # A secret key given here by mistake must not be repeated in a message, which may end in a log.
            found = "a secret key stands here" if text.upper().startswith(SECRET_KEY) else f"{text!r} is no age recipient"
            problems.append(Problem("--custodian", found, "a recipient starts with age1 and has 62 characters", MAKE_A_KEY))
    if problems:
        raise ProtocolError(problems)
    return tuple(read)


def seal(content: bytes, length: int, to: Sequence[Any]) -> bytes:
    """Return the age ciphertext of a content.

    Parameters
    ----------
    content : bytes
        JSON; spaces at its end change nothing.
    length : int
        It is padded to this many bytes, so that the size of a ciphertext says nothing about what is in it. (The header of an
        age file also holds random filler of random length, which the library adds.)
    to : sequence of recipients
        Each of them alone can open it.
    """
    if len(content) > length:
        raise ValueError(f"{len(content)} bytes do not fit into {length}")
    return bytes(pyrage.encrypt(content.ljust(length), list(to)))


def unseal(ciphertext: bytes, identities: Identities, name: str) -> bytes:
    """Return what was sealed.

    Raises
    ------
    ProtocolError
        No identity opens it, or it was changed. The message holds nothing of the content.
    """
    try:
        return bytes(pyrage.decrypt(ciphertext, list(identities.keys)))
    except pyrage.DecryptError:
        found, allowed = f"{identities.source} does not open it", "it was sealed to another key, or changed"
        raise ProtocolError(Problem(name, found, allowed, "Give the custodian's identity file")) from None


def read_identities(path: Path) -> Identities:
    """Read an identity file as age or this command writes it.

    Raises
    ------
    ProtocolError
        The file is missing, can be read by others than its owner, or holds no identity.
    """
    if not path.is_file():
        raise ProtocolError(Problem(str(path), "there is no such file", "needed: the custodian's identity file", MAKE_A_KEY))
    if os.name == "posix" and path.stat().st_mode & OTHERS:
        remedy = f"Run: chmod 600 {path.name}"
        raise ProtocolError(Problem(str(path), "others than its owner may use this secret key", "only its owner may", remedy))
    lines = [line.strip() for line in path.read_bytes().decode("utf-8", errors="replace").splitlines()]
    try:
        keys = tuple(pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#"))
    except pyrage.IdentityError:
        keys = ()
    if not keys:
        allowed = f"one line per key, starting with {SECRET_KEY}1; keys locked with a passphrase are unlocked with age first"
        raise ProtocolError(Problem(str(path), "the file holds no age identity", allowed, MAKE_A_KEY))
    return Identities(keys, tuple(str(key.to_public()) for key in keys), str(path))


def write_identity(path: Path, made: str) -> str:
    """Write a new identity file that only its owner can read; return its recipient.

    Parameters
    ----------
    path : Path
        A new file.
    made : str
        The time, for the file's first line.

    Raises
    ------
    ProtocolError
        The file exists: a key that may be the only one to open a list is never overwritten.
    """
    key = pyrage.x25519.Identity.generate()
    recipient = str(key.to_public())
    text = f"# created: {made}\n# public key: {recipient}\n{key}\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except FileExistsError:
        remedy = "Give the name of a new file"
        raise ProtocolError(Problem(str(path), "the file exists", "a secret key is never overwritten", remedy)) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    return recipient
