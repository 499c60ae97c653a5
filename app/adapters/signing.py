"""The Ed25519 key of an installation on one machine: made at the first start, never shown, never moved."""

import base64
import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.core.errors import SettingsError
from app.core.statement import PAYLOAD_TYPE, Envelope, Signature, decoded, encoded

FILE: Final = "signing-key.pem"
"""In the folder of the installation; only its owner may read it, and no box sees that folder."""


class SigningKey:
    """Signs statements. `repr` shows its id alone."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = PublicKey(private.public_key())

    def __repr__(self) -> str:
        return f"SigningKey({self.public.id})"

    @classmethod
    def at(cls, file: Path) -> "SigningKey":
        """The key in this file, made if there is none. Raises SettingsError if it cannot be used."""
        try:
            if not file.exists():
                _make(file)
            private = serialization.load_pem_private_key(file.read_bytes(), password=None)
        except OSError as error:
            said = f"The signing key {file} can neither be read nor made: {error.strerror}."
            raise SettingsError(f"{said} Set MINIONS_HOME to a folder that can be written.") from None
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SettingsError(f"The signing key {file} cannot be used: {error}") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise SettingsError(f"The signing key {file} is not Ed25519; openssl genpkey -algorithm ed25519 makes one.")
        return cls(private)

    def sealed(self, body: bytes) -> Envelope:
        """The statement in an envelope with our signature."""
        signature = self._private.sign(encoded(PAYLOAD_TYPE, body))
        return Envelope(
            payloadType=PAYLOAD_TYPE,
            payload=base64.b64encode(body).decode(),
            signatures=(Signature(keyid=self.public.id, sig=base64.b64encode(signature).decode()),),
        )


class PublicKey:
    """Checks signatures."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.id = hashlib.sha256(der).hexdigest()
        """SHA-256 of the key as DER, as `openssl pkey -pubin -outform DER | sha256sum` gives it."""

    @property
    def pem(self) -> str:
        """As text for a file."""
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_bytes(serialization.Encoding.PEM, spki).decode()

    def signed(self, sealed: Envelope) -> bool:
        """Whether one of the signatures is by this key. Raises Unreadable."""
        for signature in sealed.signatures:
            try:
                self._key.verify(decoded(signature.sig), sealed.signed)
            except InvalidSignature:
                continue
            return True
        return False


def public_keys(text: bytes) -> Sequence[PublicKey]:
    """Every Ed25519 key in a text of PEM blocks. Raises SettingsError if there is none."""
    end = b"-----END PUBLIC KEY-----"
    found = []
    for block in text.split(end)[:-1]:
        try:
            key = serialization.load_pem_public_key(block[block.find(b"-----BEGIN") :] + end + b"\n")
        except (ValueError, UnsupportedAlgorithm):
            continue
        if isinstance(key, Ed25519PublicKey):
            found.append(PublicKey(key))
    if not found:
        raise SettingsError("There is no public Ed25519 key: a text that begins with -----BEGIN PUBLIC KEY-----.")
    return found


def _make(file: Path) -> None:
    """Two processes may start at once: each writes a whole file of its own, and the first that links it has made it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    own = file.with_name(f".{file.name}.{os.getpid()}")
    handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, pem)
        os.fsync(handle)
        with suppress(FileExistsError):
            os.link(own, file)
    finally:
        os.close(handle)
        own.unlink(missing_ok=True)
