"""The routes. Reads are answered from what this process knows already; writes go through the engine's gate."""

# Annotations are evaluated here, not put off: FastAPI reads dependencies from them that are local to a function.
import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse

from .._core.values import to_json
from ..config import Service
from .access import Rate, Tokens, served_hosts
from .board import Board
from .engine_client import EngineClient, EngineError
from .openapi import KILL_BODY, LIMITS_BODY, ORDER_BODY, RESOLUTION_BODY, page

#: Seconds between two rows of the monitor's stream.
MONITOR_EVERY = 1.0
#: HTTP status by kind of an EngineError.
STATUS = {"value": 422, "validation": 422, "refused": 409, "unknown": 404, "state": 409, "closed": 503, "gone": 503,
          "fault": 502}  # fmt: skip
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATIC = {"dashboard.js": "text/javascript", "dashboard.css": "text/css"}
_BOKEH = ("bokeh.min.js", "bokeh-api.min.js")


class Json(Response):
    """JSON in which what is not a number is null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return to_json(content).encode()


class Hub:
    """What the routes answer from: the engine's snapshot and the journal's board, kept current in the background."""

    def __init__(self, client: EngineClient, board: Board | None, updates_per_second: float = 10.0) -> None:
        self.client, self.board = client, board
        self.look = 1.0 / updates_per_second  # seconds between two looks at the journal, and two updates of a stream
        self.version = 0  # of the state: it goes up with each change
        self.failure: str | None = None  # why the journal cannot be read
        self.started = time.monotonic()
        self._changed = asyncio.Event()
        self._health: bytes = b""
        self._health_of: dict[str, Any] | None = None

    async def follow(self) -> None:
        """Reads the journal again and again, a piece at a time, so that requests are answered in between."""
        taken: Any = None
        while True:
            moved, began = 0, time.monotonic()
            if self.board is not None:
                try:
                    moved = self.board.read()
                    self.failure = None
                except Exception as error:
                    self.failure = f"{type(error).__name__}: {error}"
            if moved or self.client.snapshot is not taken:
                taken = self.client.snapshot
                self.version += 1
                self._changed.set()
                self._changed = asyncio.Event()
            await asyncio.sleep(0 if moved > 1 << 20 else max(0.0, began + self.look - time.monotonic()))

    async def changed(self, seen: int, patience: float) -> int:
        """Waits until the state is another than `seen`, at most `patience` seconds; its version."""
        if self.version == seen:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._changed.wait()
        return self.version

    def snapshot(self) -> dict[str, Any]:
        """The engine's last snapshot. 503 when there is none that is current."""
        if self.client.snapshot is None or not self.client.is_current:
            raise HTTPException(503, "the engine does not answer")
        return self.client.snapshot

    def health_body(self) -> bytes:
        """The health page's JSON, made once for each snapshot: it is asked for most."""
        snapshot = self.snapshot()
        if snapshot is not self._health_of:
            health, state = snapshot["health"], snapshot["trading_state"]
            reasons = [f"journal {health['journal']}"] if health["journal"] != "healthy" else []
            reasons += [] if health["accepting"] else ["no orders are taken"]
            reasons += [_stop_told(each) for each in snapshot["kill_switches"]]
            reasons += [f"{venue} is out" for venue in health["venues_out"]]
            well = health["accepting"] and health["journal"] == "healthy"
            body = {
                "status": {"HALTED": "halted", "REDUCING": "reducing"}.get(state, "ok") if well else "unhealthy",
                "trading_state": state,
                "reasons": reasons,
                "time_ns": snapshot["time_ns"],
                **health,
            }
            self._health, self._health_of = to_json(body).encode(), snapshot
        return self._health


def _stop_told(stop: dict[str, Any]) -> str:
    """A kill switch or reduction that stands, in one line."""
    kind = "kill switch" if stop["action"] == "kill" else "reduction"
    about = "" if stop["name"] == stop["scope"] else f" of {stop['scope']}"
    return f"{kind} {stop['name']}{about}: {stop['reason']}"


class Guard:
    """Middleware: host, origin, size of the body, rate of writes, and the headers of every answer."""

    def __init__(self, app: Any, settings: Service, hosts: frozenset[str]) -> None:
        self.app, self.settings, self.hosts = app, settings, hosts
        self.rate = Rate(settings.writes_per_second, max(1, round(settings.writes_per_second)))
        self._headers = [(name.lower().encode(), value.encode()) for name, value in _SECURITY.items()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *self._headers]}
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, guarded)
        elif scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, guarded)
        else:
            await self._bounded(scope, receive, guarded)

    def _refusal(self, scope: Any, headers: dict[bytes, bytes]) -> Response | None:
        host = headers.get(b"host", b"").decode("latin-1")
        if host not in self.hosts:
            return PlainTextResponse("this host is not served", 421)
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return None
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1") != f"{scope['scheme']}://{host}":
            return PlainTextResponse("another origin may not write", 403)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.settings.max_body:
            return PlainTextResponse(f"a body may have {self.settings.max_body} bytes", 413)
        client = scope["client"][0] if scope["client"] else ""
        return None if self.rate.allows(client) else PlainTextResponse("too many writes", 429, {"Retry-After": "1"})

    async def _bounded(self, scope: Any, receive: Any, send: Any) -> None:
        """A body without a length is counted as it comes."""
        seen, started = 0, False

        async def counted() -> Any:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.settings.max_body:
                raise _TooLarge
            return message

        async def watched(message: Any) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, counted, watched)
        except _TooLarge:
            if not started:
                response = PlainTextResponse(f"a body may have {self.settings.max_body} bytes", 413)
                await response(scope, receive, send)


class _TooLarge(Exception):  # noqa: N818
    """A body is larger than is read."""


def create_app(client: EngineClient, board: Board | None, settings: Service, tokens: Tokens | None = None) -> FastAPI:
    """The service's application.

    Parameters
    ----------
    client : of the engine's port
    board : of the engine's journal; None: it cannot be read (it is temporary), and orders are not listed
    tokens : None: those of the settings
    """
    hub = Hub(client, board, settings.updates_per_second)
    known = Tokens.of({name: row.model_dump() for name, row in settings.tokens.items()}) if tokens is None else tokens
    hosts = served_hosts(settings.host, settings.port, settings.allowed_hosts)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        client.start()
        task = asyncio.get_running_loop().create_task(hub.follow())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await client.close()

    app = FastAPI(
        title="GrandModel Execution",
        version="1",
        description="Orders, their state and cost; the engine's health, venues, limits and stops.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/execution/openapi.json",
        default_response_class=Json,
        dependencies=[Depends(_known_query)],
    )
    app.state.hub = hub
    app.add_middleware(Guard, settings=settings, hosts=hosts)

    def reads(request: Request) -> None:
        if not settings.is_loopback and known.holder(request.headers.get("authorization")) is None:
            raise HTTPException(401, "a token is wanted", {"WWW-Authenticate": "Bearer"})

    def may(scope: str) -> Callable[[Request], str]:
        def check(request: Request) -> str:
            holder = known.holder(request.headers.get("authorization"))
            if holder is None:
                raise HTTPException(401, "a token is wanted", {"WWW-Authenticate": "Bearer"})
            if not holder.may(scope):
                raise HTTPException(403, f"the token of {holder.name} is not for {scope}")
            return holder.name

        return check

    @app.exception_handler(EngineError)
    async def engine_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, EngineError)
        return Json(error.told, STATUS.get(error.kind, 502))

    _read_routes(app, hub, reads)
    _order_routes(app, hub, reads, may)
    _control_routes(app, hub, reads, may)
    _page_routes(app, hub, reads)
    return app


def _read_routes(app: FastAPI, hub: Hub, reads: Callable[[Request], None]) -> None:
    guarded = [Depends(reads)]
    unwell: dict[int | str, dict[str, Any]] = {503: {"description": "The engine does not answer"}}

    @app.get("/execution/live", tags=["health"])
    async def live() -> Any:
        """This process answers."""
        return {"live": True, "seconds": time.monotonic() - hub.started}

    @app.get("/execution/ready", tags=["health"], responses=unwell)
    async def ready() -> Any:
        """The engine answers and takes orders; 503 otherwise, also while a kill switch stops all of it."""
        snapshot = hub.snapshot()
        if snapshot["trading_state"] == "HALTED":
            names = ", ".join(each["name"] for each in snapshot["kill_switches"] if each["scope"] == "engine")
            raise HTTPException(503, f"the engine is halted by its kill switch: {names}")
        if not snapshot["health"]["accepting"]:
            raise HTTPException(503, "the engine takes no orders")
        return {"ready": True}

    @app.get("/execution/health", tags=["health"], dependencies=guarded, responses=unwell)
    async def health() -> Any:
        """`status` is ok, reducing, halted or unhealthy, and `reasons` say why; the journal; venues that are out."""
        return Response(hub.health_body(), media_type="application/json")

    @app.get("/execution/stats", tags=["figures"], dependencies=guarded, responses=unwell)
    async def stats() -> Any:
        """Counters since the start, percentiles of the order path (ns), the account and its positions."""
        names = ("time_ns", "statistics", "latency", "account", "positions", "utilisation")
        return {name: hub.snapshot()[name] for name in names}

    @app.get("/execution/venues", tags=["figures"], dependencies=guarded, responses=unwell)
    async def venues() -> Any:
        """Every venue's terms and state, and what it has been sent and has filled."""
        snapshot = hub.snapshot()
        seen = {} if hub.board is None else hub.board.venue_rows()
        out = snapshot["health"]["venues_out"]
        return {
            name: {**terms, "out": out.get(name), **seen.get(name, {})} for name, terms in snapshot["venues"].items()
        }

    def figures() -> dict[str, Any]:
        snapshot = hub.snapshot()
        return {
            "time_ns": snapshot["time_ns"],
            "metrics": snapshot["metrics"],
            "alerts": snapshot["alerts"],
            "kill_switches": snapshot["kill_switches"],
            "trading_state": snapshot["trading_state"],
        }

    @app.get("/execution/monitor", tags=["figures"], dependencies=guarded, responses=unwell)
    async def monitor(request: Request) -> Any:
        """The risk monitor's metrics and the alerts that stand; as server-sent events where `Accept` asks for them."""
        if "text/event-stream" not in request.headers.get("accept", ""):
            return figures()

        async def events() -> AsyncIterator[str]:
            while True:
                with contextlib.suppress(HTTPException):
                    yield f"event: monitor\ndata: {to_json(figures())}\n\n"
                await asyncio.sleep(MONITOR_EVERY)

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.get("/metrics", tags=["figures"], dependencies=guarded, response_class=PlainTextResponse, responses=unwell)
    async def metrics() -> Any:
        """For Prometheus."""
        from .metrics import CONTENT_TYPE, exposition

        text = exposition(hub.snapshot(), {} if hub.board is None else hub.board.venue_rows())
        return Response(text, media_type=CONTENT_TYPE)


def _board(hub: Hub) -> Board:
    if hub.board is None:
        raise HTTPException(503, "the journal is temporary, so nothing but its engine can read it: give journal.path")
    if hub.failure is not None:
        raise HTTPException(503, f"the journal cannot be read: {hub.failure}")
    return hub.board


def _problems(missing: str, conflict: str) -> dict[int | str, dict[str, Any]]:
    """What a guarded route may answer but what it is for: by status."""
    return {
        401: {"description": "A token is wanted"}, 403: {"description": "The token is not for this"},
        404: {"description": missing}, 409: {"description": conflict},
        413: {"description": "The body is too large"}, 429: {"description": "Too many writes"},
        503: {"description": "The engine does not answer"},
    }  # fmt: skip


def _order_routes(
    app: FastAPI, hub: Hub, reads: Callable[[Request], None], may: Callable[[str], Callable[[Request], str]]
) -> None:
    guarded = [Depends(reads)]
    number = Annotated[int, Path(ge=1, lt=2**63, description="The order's id")]
    problems = _problems("No such order", "Refused, or not in this state")

    @app.get("/execution/orders", tags=["orders"], dependencies=guarded, responses=problems)
    async def orders(
        state: Annotated[str, Query(pattern="^(live|ended|all)$", description="live, ended or all")] = "live",
        top: Annotated[bool, Query(description="Without children of algorithms")] = False,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Any:
        """Orders, the newest first, as the journal has them."""
        wanted = None if state == "all" else state == "live"
        return {"orders": _board(hub).order_rows(live=wanted, top=top, limit=limit)}

    @app.get("/execution/fills", tags=["orders"], dependencies=guarded, responses=problems)
    async def fills(limit: Annotated[int, Query(ge=1, le=500)] = 100) -> Any:
        """The last fills, the newest first."""
        return {"fills": [*reversed(_board(hub).fills)][:limit]}

    @app.get("/execution/orders/{order_id}", tags=["orders"], dependencies=guarded, responses=problems)
    async def order(order_id: number) -> Any:
        """One order, live or ended."""
        return await hub.client.ask("status", order_id=order_id)

    @app.get("/execution/orders/{order_id}/explain", tags=["orders"], dependencies=guarded, responses=problems)
    async def explain(order_id: number) -> Any:
        """Why an order is what it is: checks against limits, venues and their scores, every state with its time."""
        return await hub.client.ask("explain", order_id=order_id)

    @app.post(
        "/execution/orders",
        tags=["orders"],
        status_code=201,
        responses=problems,
        openapi_extra={"requestBody": ORDER_BODY},
    )
    async def submit(request: Request, who: Annotated[str, Depends(may("trade"))]) -> Any:
        """Submits an order; with `algorithm`, a parent that it works. What is refused is told field by field."""
        body = await _object(request)
        algorithm = body.pop("algorithm", None)
        return Json(await hub.client.ask("submit", order=body, algorithm=algorithm), 201)

    @app.delete("/execution/orders/{order_id}", tags=["orders"], status_code=202, responses=problems)
    async def cancel(order_id: number, who: Annotated[str, Depends(may("trade"))]) -> Any:
        """Asks for an order's cancel; it is done when its venue says so."""
        return Json(await hub.client.ask("cancel", order_id=order_id), 202)

    @app.post(
        "/execution/orders/{order_id}/resolution",
        tags=["orders"],
        responses=problems,
        openapi_extra={"requestBody": RESOLUTION_BODY},
    )
    async def resolve(order_id: number, request: Request, who: Annotated[str, Depends(may("admin"))]) -> Any:
        """Says in a venue's place what became of an order on which it is silent: what it had executed, and that it has
        ended."""
        given = _only(await _object(request), "executions")
        return await hub.client.ask("resolve", order_id=order_id, **given)


def _control_routes(
    app: FastAPI, hub: Hub, reads: Callable[[Request], None], may: Callable[[str], Callable[[Request], str]]
) -> None:
    guarded = [Depends(reads)]
    problems = _problems("Nothing of that name stands", "Not in this state")

    @app.get("/execution/kill", tags=["control"], dependencies=guarded, responses=problems)
    async def kill_switches() -> Any:
        """The kill switches that stand."""
        return await hub.client.ask("kill_switches")

    @app.post(
        "/execution/kill",
        tags=["control"],
        responses=problems,
        openapi_extra={"requestBody": KILL_BODY},
    )
    async def kill(request: Request, who: Annotated[str, Depends(may("risk"))]) -> Any:
        """Stops a scope (`engine`, `symbol:AAPL`, `strategy:...`, `venue:...`, `account:0`) and cancels its orders. It
        stands, over restarts too, until `DELETE /execution/kill/NAME?reason=...`."""
        given = await _object(request)
        told = await hub.client.ask("kill", **_only(given, "scope", "reason", "name"))
        await hub.client.look()
        return told

    @app.delete("/execution/kill/{name}", tags=["control"], responses=problems)
    async def reset_kill(
        name: Annotated[str, Path(max_length=47)],
        who: Annotated[str, Depends(may("risk"))],
        reason: Annotated[str, Query(min_length=1, max_length=100)],
    ) -> Any:
        """Lifts the kill switch of that name."""
        told = await hub.client.ask("reset_kill", name=name, reason=reason)
        await hub.client.look()
        return told

    @app.get("/execution/limits", tags=["control"], dependencies=guarded, responses=problems)
    async def limits() -> Any:
        """The limits in force, each in its own integer unit (money in 1e-9)."""
        return await hub.client.ask("limits")

    @app.put(
        "/execution/limits",
        tags=["control"],
        responses=problems,
        openapi_extra={"requestBody": LIMITS_BODY},
    )
    async def set_limits(request: Request, who: Annotated[str, Depends(may("risk"))]) -> Any:
        """Puts other limits in force (a mapping as `risk_controls`). What loosens wants `allow_loosening` and a token
        for admin."""
        given = _only(await _object(request), "limits", "why", "allow_loosening")
        if "limits" not in given:  # without any, the engine tells those in force
            raise HTTPException(422, '"limits" is missing')
        if given.get("allow_loosening") is True:
            who = may("admin")(request)
        return await hub.client.ask("limits", who=who[:31], **given)


def _page_routes(app: FastAPI, hub: Hub, reads: Callable[[Request], None]) -> None:
    here = files("grandmodel.execution.service").joinpath("static")
    guarded = [Depends(reads)]

    @app.get("/execution/docs", include_in_schema=False)
    async def docs() -> Any:
        return HTMLResponse(page(app.openapi()))

    @app.get("/execution/dashboard", include_in_schema=False, dependencies=guarded)
    async def dashboard() -> Any:
        return HTMLResponse(here.joinpath("dashboard.html").read_text("utf-8"))

    @app.get("/execution/static/{name}", include_in_schema=False)
    async def static(name: str) -> Any:
        if name in _STATIC:
            return Response(here.joinpath(name).read_bytes(), media_type=_STATIC[name])
        if name in _BOKEH:
            try:
                script = files("bokeh").joinpath("server", "static", "js", name).read_bytes()
            except ModuleNotFoundError:
                raise HTTPException(404, "bokeh is not installed") from None
            return Response(script, media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})
        raise HTTPException(404, "no such file")

    @app.get("/execution/stream", include_in_schema=False, dependencies=guarded)
    async def stream() -> Any:
        async def events() -> AsyncIterator[str]:
            seen = -1
            while True:
                seen = await hub.changed(seen, 5.0)
                began = time.monotonic()
                yield f"event: state\ndata: {to_json(dashboard_state(hub))}\n\n"
                await asyncio.sleep(max(0.0, began + hub.look - time.monotonic()))

        return StreamingResponse(events(), media_type="text/event-stream")


def dashboard_state(hub: Hub) -> dict[str, Any]:
    """All that the dashboard shows."""
    snapshot, board = hub.client.snapshot, hub.board
    current = snapshot is not None and hub.client.is_current
    state: dict[str, Any] = {"version": hub.version, "engine": current, "journal": hub.failure or "read"}
    if snapshot is not None:
        state |= {
            name: snapshot[name]
            for name in (
                "time_ns", "health", "trading_state", "statistics", "latency", "account", "positions", "utilisation",
                "kill_switches", "metrics", "alerts", "quotes", "progress",
            )
        }  # fmt: skip
        out = snapshot["health"]["venues_out"]
        rows = {} if board is None else board.venue_rows()
        state["venues"] = {
            name: {"kind": terms["kind"], "enabled": terms["enabled"], "out": out.get(name), **rows.get(name, {})}
            for name, terms in snapshot["venues"].items()
        }
    if board is not None:
        state |= {
            "orders": board.order_rows(live=True, limit=50),
            "ended": board.order_rows(live=False, top=True, limit=20),
            "fills": [*reversed(board.fills)][:200],
            "refusals": [*reversed(board.refusals)][:20],
            "events": [*reversed(board.events)][:20],
        }
    return state


def _known_query(request: Request) -> None:
    """A parameter that a route does not know is most likely misspelled: what it asks for would be passed over."""
    route = request.scope["route"]
    if request.method != "GET" or not route.include_in_schema:  # of a page, nothing depends on it
        return
    known = [each.alias for each in route.dependant.query_params]
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        told = f"known are {', '.join(known)}" if known else "there are none"
        raise HTTPException(422, f"the parameter {json.dumps(unknown[0])} is not known here; {told}")


async def _object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; 422 for anything else; infinities, NaN and a key given twice included."""
    text = await request.body()
    try:
        body = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise HTTPException(422, "the body must be a JSON object")
    return body


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a key that is given twice nobody knows which value was meant."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise HTTPException(422, f"the key {json.dumps(key)} is given twice")
        found[key] = value
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0.0:
        raise ValueError(f"{text[:20]} is too large")
    return value


def _only(given: dict[str, Any], *names: str) -> dict[str, Any]:
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise HTTPException(422, f"{json.dumps(unknown[0])} is not known here; known are {', '.join(names)}")
    return given
