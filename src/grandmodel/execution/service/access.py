"""Who may do what: bearer tokens with scopes, the hosts that are served, how often may be written."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SCOPES = ("trade", "risk", "admin")
#: A token's letters; the text is 32 random bytes.
PREFIX = "gmx_"
#: Buckets that are kept, of those who wrote last.
CLIENTS = 1024


def new_token() -> str:
    """A token, to be shown once."""
    return PREFIX + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of it: SHA-256, hexadecimal. A token is 256 random bits, so nothing slower is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose token it is, and what it is for. Scope `admin` has all the others."""

    name: str
    sha256: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        return scope in self.scopes or "admin" in self.scopes


class Tokens:
    """The tokens that are known, by hash."""

    def __init__(self, holders: Iterable[Holder] = ()) -> None:
        self._holders = tuple(holders)

    @classmethod
    def of(cls, configured: Mapping[str, Mapping[str, object]]) -> Tokens:
        """From the configuration's {name: {sha256, scopes}}."""
        rows = []
        for name, row in configured.items():
            scopes = row["scopes"]
            assert isinstance(scopes, Iterable)
            rows.append(Holder(name, str(row["sha256"]), frozenset(map(str, scopes))))
        return cls(rows)

    def __len__(self) -> int:
        return len(self._holders)

    def holder(self, authorization: str | None) -> Holder | None:
        """Who sent this `Authorization: Bearer` header; None: nobody known. Hashes are compared in constant time."""
        scheme, _, token = (authorization or "").partition(" ")
        given = token_hash(token.strip()) if scheme.lower() == "bearer" else ""
        found = None
        for holder in self._holders:
            if hmac.compare_digest(given, holder.sha256):
                found = holder
        return found


class Rate:
    """A token bucket for each client: `per_second` on the average, `burst` at once."""

    def __init__(self, per_second: float, burst: int) -> None:
        self.per_second, self.burst = per_second, burst
        self._buckets: dict[str, tuple[float, float]] = {}

    def allows(self, client: str, now: float | None = None) -> bool:
        """May this client do one more thing? It counts if so."""
        now = time.monotonic() if now is None else now
        left, then = self._buckets.pop(client, (float(self.burst), now))
        left = min(float(self.burst), left + (now - then) * self.per_second)
        allowed = left >= 1.0
        self._buckets[client] = (left - 1.0 if allowed else left, now)
        while len(self._buckets) > CLIENTS:
            del self._buckets[next(iter(self._buckets))]
        return allowed


def served_hosts(host: str, port: int, more: Iterable[str] = ()) -> frozenset[str]:
    """The values of a `Host` header that are answered: what stands against DNS rebinding."""
    names = {host, *more}
    if host in ("127.0.0.1", "::1", "localhost"):
        names |= {"127.0.0.1", "localhost", "[::1]"}
    if ":" in host and not host.startswith("["):
        names.add(f"[{host}]")
    return frozenset({*names, *(f"{name}:{port}" for name in names)})
