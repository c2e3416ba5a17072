"""The section ``service``: who is served over HTTP, and how."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from .fields import (
    HOUR_NS,
    LISTED,
    Name,
    Section,
    checked,
    choice,
    integer,
    lasting,
    number,
    read_path,
    schema,
    size,
    text,
    without_none,
)
from .units import RefusedError


def read_scopes(value: Any) -> tuple[str, ...]:
    """What a token of the service is for."""
    known = ("trade", "risk", "admin")
    if not isinstance(value, list | tuple) or not value or not all(isinstance(one, str) for one in value):
        raise RefusedError(f"a list of scopes among {', '.join(known)}")
    if not set(value) <= set(known):
        raise RefusedError(f"a list of scopes among {', '.join(known)}")
    return tuple(dict.fromkeys(value))


def read_hosts(value: Any) -> tuple[str, ...]:
    """Values of the Host header."""
    if not isinstance(value, list | tuple) or not all(
        isinstance(one, str) and re.fullmatch(r"[0-9A-Za-z.:\[\]-]{1,255}", one) for one in value
    ):
        raise RefusedError("a list of host names such as 'desk.example.com:8000'")
    return tuple(value)


class Token(Section):
    """One of ``service.tokens``: whose hash (``gmexec token`` makes both), and what it is for."""

    sha256: Annotated[str, *text(r"[0-9a-f]{64}", "64 hexadecimal digits; see `gmexec token`")]
    scopes: Annotated[tuple[str, ...], checked(read_scopes), LISTED, schema("array", items={"type": "string"})]


class Service(Section):
    """``service``: HTTP. Reads are open on the loopback; writes want one of ``tokens``.

    Any other address than the loopback wants ``tls_certificate`` and ``tls_key`` (PEM files) and a token, for reads
    too. ``allowed_hosts`` are further values of the Host header that are answered. The dashboard is told of changes
    ``updates_per_second`` at most. ``on_exit``: what becomes of open orders when the process is told to stop.
    """

    host: Annotated[str, *text(r"[0-9A-Za-z.:-]{1,255}", "an address such as '127.0.0.1'")] = "127.0.0.1"
    port: Annotated[int, *integer(1, 65535)] = 8000
    tokens: dict[Name, Token] = Field(default_factory=dict)
    tls_certificate: Annotated[str, checked(read_path), schema("string")] | None = None
    tls_key: Annotated[str, checked(read_path), schema("string")] | None = None
    allowed_hosts: Annotated[
        tuple[str, ...], checked(read_hosts), LISTED, schema("array", items={"type": "string"})
    ] = ()
    max_body: Annotated[int, *size(1024, 2**24)] = 65_536
    max_connections: Annotated[int, *integer(1, 65_536)] = 512
    updates_per_second: Annotated[float, *number(0.1, 50, "updates a second")] = 10.0
    writes_per_second: Annotated[float, *number(0.1, 1e6, "writes a second")] = 100.0
    window_seconds: Annotated[float, *lasting("s", 10**9, 24 * HOUR_NS)] = 60.0
    on_exit: Annotated[Literal["cancel", "leave"], *choice("cancel", "leave")] = "cancel"
    log_format: Annotated[Literal["json", "console"], *choice("json", "console")] = "console"

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, data: Any) -> Any:
        return without_none(data, "tokens", "allowed_hosts")

    @model_validator(mode="after")
    def _closed(self) -> Self:
        problem = ""
        if (self.tls_certificate is None) != (self.tls_key is None):
            problem = "expected tls_certificate and tls_key together"
        elif not self.is_loopback and self.tls_certificate is None:
            problem = f"expected tls_certificate and tls_key, since {self.host} is not the loopback"
        elif not self.is_loopback and not self.tokens:
            problem = f"expected a token, since {self.host} is not the loopback"
        if problem:
            raise PydanticCustomError("refused", "{problem}", {"problem": problem, "bare": True})
        return self

    @property
    def is_loopback(self) -> bool:
        """Can only this machine connect?"""
        return self.host in ("127.0.0.1", "::1", "localhost")
