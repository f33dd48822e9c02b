"""Who gave an order: its signature over canonical bytes that name the site, the kind and every field.

The bytes are `hubpulse-order-1`, `{prov}/{city}/{site}`, the kind, and all fields but `sig` as JSON with sorted keys,
without spaces, in UTF-8, each part but the last followed by a line feed. Numbers are whole: two languages write a
fraction in two ways. `sig` is `hmac-sha256:` or `ed25519:` and the signature in base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from agent.orders.order import Fields, Kind, RefusedError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Algorithm = Literal["hmac-sha256", "ed25519"]
LEAST_SECRET_BYTES = 32
"""A shared secret shorter than this could be guessed (`openssl rand -hex 32` gives 64 characters)."""


class KeyFormError(ValueError):
    """A key file that holds no usable key; the text says what is wrong, never what is in it."""


def canonical(site: str, kind: Kind, fields: Fields) -> bytes:
    """The bytes that are signed; `site` is PROV/CITY/SITE. Raises RefusedError for fields that have no such form."""
    said = {name: value for name, value in fields.items() if name != "sig"}
    try:
        if not _is_whole(said):
            raise RefusedError("signature", "a signed order holds whole numbers only")
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return f"hubpulse-order-1\n{site}\n{kind}\n{text}".encode()
    except (RecursionError, UnicodeEncodeError):
        raise RefusedError("signature", "fields that cannot be signed") from None


def digest(fields: Fields) -> str:
    """Tells one order from another with the same number."""
    text = json.dumps(fields, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """HMAC-SHA-256 with a secret that the bureau and this site have."""

    secret: bytes = field(repr=False)
    algorithm: Algorithm = "hmac-sha256"

    def sign(self, octets: bytes) -> bytes:
        return hmac.digest(self.secret, octets, "sha256")

    def verify(self, octets: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(self.sign(octets), signature)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Ed25519: the bureau alone can sign."""

    key: Ed25519PublicKey
    algorithm: Algorithm = "ed25519"

    def verify(self, octets: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature

        try:
            self.key.verify(signature, octets)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """The other half, at the bureau."""

    key: Ed25519PrivateKey = field(repr=False)
    algorithm: Algorithm = "ed25519"

    def sign(self, octets: bytes) -> bytes:
        return self.key.sign(octets)


Verifier = SharedSecret | PublicKey
Signer = SharedSecret | PrivateKey


def verifier(algorithm: Algorithm, text: str) -> Verifier:
    """The key by which a site knows the bureau: a secret, or a public key as PEM. Raises KeyFormError."""
    if algorithm == "hmac-sha256":
        return _secret(text)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text.encode())
    except ValueError:
        raise KeyFormError("no public key in PEM form") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFormError("a public key, but none for Ed25519")
    return PublicKey(key)


def signer(text: str) -> Signer:
    """The key by which the bureau signs: a private Ed25519 key as PEM, or else a secret. Raises KeyFormError."""
    if not text.startswith("-----BEGIN"):
        return _secret(text)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError):
        raise KeyFormError("no private key in PEM form, or one with a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFormError("a private key, but none for Ed25519")
    return PrivateKey(key)


def signed(key: Signer, site: str, kind: Kind, fields: Fields) -> dict[str, object]:
    """The fields with their signature. Raises RefusedError for fields that cannot be signed."""
    signature = base64.b64encode(key.sign(canonical(site, kind, fields))).decode()
    return {**fields, "sig": f"{key.algorithm}:{signature}"}


def demand(key: Verifier | None, site: str, kind: Kind, fields: Fields, *, required: bool) -> None:
    """Raise RefusedError unless the signature is that of `key`; without one, or unsigned, only where `required`."""
    said = fields.get("sig")
    if said is None or key is None:
        if required:
            raise RefusedError("unsigned", "this site obeys signed orders only")
        return
    algorithm, _, text = said.partition(":") if isinstance(said, str) else ("", "", "")
    if algorithm != key.algorithm:
        raise RefusedError("signature", f"`sig` is {key.algorithm}:<base64>")
    try:
        signature = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("signature", "`sig` is no base64") from None
    if not key.verify(canonical(site, kind, fields), signature):
        raise RefusedError("signature", "it is not that of these fields, this site and this key")


def _secret(text: str) -> SharedSecret:
    secret = text.encode()
    if len(secret) < LEAST_SECRET_BYTES:
        raise KeyFormError(f"a secret below {LEAST_SECRET_BYTES} characters; make one with: openssl rand -hex 32")
    return SharedSecret(secret)


def _is_whole(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_whole, value.values()))
    return all(map(_is_whole, value)) if isinstance(value, list) else not isinstance(value, float)
