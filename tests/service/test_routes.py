"""The routes: what is told, what is refused and how, who may do what."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest
from support import EXEC_CANCELED, report
from support_service import ADMIN, HOST, ORDER, RISK, TRADE, bearer, served

from grandmodel.execution.service.port import EnginePort


def test_the_missions_curl_lines(serving):
    async def work(here):
        found = {}
        for name in ("health", "stats", "venues", "monitor"):
            answer = await here.http.get(f"/execution/{name}")
            assert answer.status_code == 200
            found[name] = answer.json()
        return found

    found = serving(work)
    assert found["health"]["status"] == "ok"
    assert found["health"]["accepting"] is True
    assert found["stats"]["statistics"]["accepted"] == 0
    assert found["stats"]["account"]["cash_e9"] == 100_000_000 * 10**9
    assert found["venues"]["NYSE"]["kind"] == "exchange"
    assert found["monitor"]["metrics"]["rejection_rate"] is None  # not known: nothing was submitted
    assert found["monitor"]["alerts"] == []


def test_an_order_from_submission_to_its_end(serving):
    async def work(here):
        answer = await here.http.post("/execution/orders", json=ORDER, headers=bearer(TRADE))
        assert answer.status_code == 201, answer.text
        order = answer.json()
        assert (order["symbol"], order["status"], order["limit_price"]) == ("AAPL", "NEW", 1.25)
        await here.fresh()
        live = (await here.http.get("/execution/orders")).json()["orders"]
        assert [row["order_id"] for row in live] == [order["order_id"]]
        why = (await here.http.get(f"/execution/orders/{order['order_id']}/explain")).json()
        assert why["status"] == "NEW"
        assert why["venues"]
        answer = await here.http.delete(f"/execution/orders/{order['order_id']}", headers=bearer(TRADE))
        assert answer.status_code == 202
        assert answer.json()["status"] == "CANCELED"
        again = await here.http.delete(f"/execution/orders/{order['order_id']}", headers=bearer(TRADE))
        assert again.status_code == 409
        await here.fresh()
        assert (await here.http.get("/execution/orders")).json()["orders"] == []
        ended = (await here.http.get("/execution/orders", params={"state": "ended"})).json()["orders"]
        assert [row["status"] for row in ended] == ["CANCELED"]

    serving(work)


def test_an_order_on_which_its_venue_is_silent_is_resolved_by_hand(serving):
    async def work(here):
        order_id = (await here.http.post("/execution/orders", json=ORDER, headers=bearer(TRADE))).json()["order_id"]
        path = f"/execution/orders/{order_id}/resolution"
        body = {"executions": [{"quantity": 60, "price": 1.25, "fee": 0.1}]}
        early = await here.http.post(path, json=body, headers=bearer(ADMIN))
        assert (early.status_code, "owes a word" in early.text) == (409, True)
        core = here.engine.core
        core.report(report(core, order_id, EXEC_CANCELED, quantity=core.get_order(order_id).quantity - 60))
        order = (await here.http.get(f"/execution/orders/{order_id}")).json()
        assert (order["status"], order["leaves_quantity"], order["owes_executions"]) == ("UNKNOWN", 60, True)
        assert (await here.http.post(path, json=body, headers=bearer(TRADE))).status_code == 403
        wrong = await here.http.post(path, json={"executions": [{"quantity": 61}]}, headers=bearer(ADMIN))
        assert (wrong.status_code, "executions[0] has no 'price'" in wrong.text) == (422, True), wrong.text
        nothing = await here.http.post(path, json={}, headers=bearer(ADMIN))  # must not end it by mistake
        assert (nothing.status_code, "executions is missing" in nothing.text) == (422, True), nothing.text
        ended = (await here.http.post(path, json=body, headers=bearer(ADMIN))).json()
        assert (ended["status"], ended["filled_quantity"], ended["owes_executions"]) == ("CANCELED", 60, False)
        assert core.portfolio.position("AAPL") == (60, 0, 0)

    serving(work)


def test_fills_venues_and_metrics_of_what_was_done(serving):
    async def work(here):
        taking = {**ORDER, "limit_price": 900.0, "time_in_force": "IOC"}
        filled = 0
        for _ in range(5):
            order = (await here.http.post("/execution/orders", json=taking, headers=bearer(TRADE))).json()
            filled += order["filled_quantity"]
        await here.fresh()
        fills = (await here.http.get("/execution/fills")).json()["fills"]
        assert sum(fill["quantity"] for fill in fills) == filled > 0
        venues = (await here.http.get("/execution/venues")).json()
        assert sum(row.get("filled_quantity", 0) for row in venues.values()) == filled
        assert sum(row.get("orders", 0) for row in venues.values()) == 5
        text = (await here.http.get("/metrics")).text
        assert "grandmodel_accepted_total 5.0" in text
        assert 'grandmodel_latency_ns{quantile="p50",stage="total"}' in text
        ended = (await here.http.get("/execution/orders", params={"state": "ended"})).json()["orders"]
        rows = {row["order_id"]: row for row in ended}
        for order_id, row in rows.items():
            order = here.engine.order_manager.get_order(order_id)
            assert (row["status"], row["filled_quantity"]) == (order.status, order.filled_quantity)
            if order.filled_quantity:
                assert row["average_price"] == pytest.approx(order.average_price)

    serving(work)


def test_an_algorithms_parent_and_its_progress(serving):
    async def work(here):
        parent = {
            "symbol": "AAPL", "side": "sell", "quantity": 500, "order_type": "market",
            "algorithm": {"algorithm": "twap", "duration_minutes": 60},
        }  # fmt: skip
        answer = await here.http.post("/execution/orders", json=parent, headers=bearer(TRADE))
        assert answer.status_code == 201, answer.text
        order_id = answer.json()["order_id"]
        assert answer.json()["algorithm"] == "twap"
        await here.fresh()
        progress = here.client.snapshot["progress"][str(order_id)]
        assert progress["quantity"] == 500
        assert progress["is_paused"] is False
        wrong = {**parent, "algorithm": {"algorithm": "twap", "duration_minutes": 0}}
        answer = await here.http.post("/execution/orders", json=wrong, headers=bearer(TRADE))
        assert answer.status_code == 422
        assert "duration_minutes" in answer.json()["message"]
        await here.http.delete(f"/execution/orders/{order_id}", headers=bearer(TRADE))
        for _ in range(200):
            if here.engine.order_manager.get_order(order_id).status.is_closed:
                break
            await asyncio.sleep(0.02)
        assert here.engine.order_manager.get_order(order_id).status == "CANCELED"

    serving(work)


def test_what_is_refused_is_told_by_field_or_by_check(serving):
    async def work(here):
        given = {**ORDER, "quantity": -1, "side": "up"}
        wrong = await here.http.post("/execution/orders", json=given, headers=bearer(TRADE))
        assert wrong.status_code == 422
        assert set(wrong.json()["errors"]) == {"quantity", "side"}
        large = await here.http.post(
            "/execution/orders", json={**ORDER, "quantity": 10_000, "limit_price": 250.0}, headers=bearer(TRADE)
        )
        assert large.status_code == 409
        assert large.json()["failed_checks"] == ["order_size_limit"]
        missing = await here.http.get("/execution/orders/77")
        assert missing.status_code == 404

    serving(work, risk_controls={"order_limits": {"max_order_size": 500}})


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"1", b"{", b'{"quantity": NaN}', b'{"quantity": 1e999}', b'{"quantity": -Infinity}', b"\xff",
        b'{"symbol": "AAPL"}', b"null", b'{"a":' * 5000 + b"1" + b"}" * 5000,
        json.dumps({**ORDER, "quantity": 2**63}).encode(), json.dumps({**ORDER, "quantity": True}).encode(),
        json.dumps({**ORDER, "algorithm": 5}).encode(), json.dumps({**ORDER, "symbol": "\u0000\ud83d\ude00"}).encode(),
    ],
)  # fmt: skip
def test_bad_bodies_are_the_callers_fault(serving, body):
    async def work(here):
        answer = await here.http.post("/execution/orders", content=body, headers=bearer(TRADE))
        assert answer.status_code == 422, answer.text
        assert here.engine.order_manager.statistics()["accepted"] == 0

    serving(work)


def test_who_may_do_what(serving):
    async def work(here):
        async def status(method, path, token=None, **more):
            headers = {} if token is None else bearer(token)
            return (await here.http.request(method, path, headers=headers, **more)).status_code

        kill = {"scope": "symbol:AAPL", "reason": "a test"}
        assert await status("POST", "/execution/orders", json=ORDER) == 401
        assert await status("POST", "/execution/orders", "gmx_wrong", json=ORDER) == 401
        assert await status("POST", "/execution/orders", RISK, json=ORDER) == 403
        assert await status("POST", "/execution/kill", TRADE, json=kill) == 403
        assert await status("POST", "/execution/kill", RISK, json=kill) == 200
        assert await status("POST", "/execution/orders", ADMIN, json=ORDER) == 409  # stopped
        await here.fresh()
        assert (await here.http.get("/execution/kill")).json()["kill_switches"][0]["name"] == "symbol:AAPL"
        assert await status("DELETE", "/execution/kill/symbol:AAPL?reason=looked", RISK) == 200
        assert await status("DELETE", "/execution/kill/symbol:AAPL?reason=looked", RISK) == 404
        assert await status("POST", "/execution/orders", ADMIN, json=ORDER) == 201
        limits = {"limits": {"order_limits": {"max_order_size": 50}}, "why": "a test"}
        assert await status("PUT", "/execution/limits", TRADE, json=limits) == 403
        assert await status("PUT", "/execution/limits", RISK, json=limits) == 200
        assert await status("POST", "/execution/orders", TRADE, json=ORDER) == 409  # 100 is above 50 now
        looser = {"limits": {"order_limits": {"max_order_size": 5000}}, "why": "a test", "allow_loosening": True}
        assert await status("PUT", "/execution/limits", RISK, json=looser) == 403
        assert await status("PUT", "/execution/limits", ADMIN, json=looser) == 200

    serving(work, risk_controls={"order_limits": {"max_order_size": 500}})


def test_hosts_origins_and_sizes(serving):
    async def work(here):
        async def status(**headers):
            given = {**bearer(TRADE), **{name.replace("_", "-"): value for name, value in headers.items()}}
            return (await here.http.post("/execution/orders", json=ORDER, headers=given)).status_code

        assert await status(Host="evil.example") == 421
        assert (await here.http.get("/execution/health", headers={"Host": "evil.example"})).status_code == 421
        assert await status(Origin="http://evil.example") == 403
        assert await status(Origin="null") == 403
        assert await status(Origin=f"http://{HOST}") == 201
        assert await status(Host="localhost:8000", Origin="http://localhost:8000") == 201
        big = await here.http.post("/execution/orders", content=b" " * 2000, headers=bearer(TRADE))
        assert big.status_code == 413

        async def pieces():
            for _ in range(40):
                yield b" " * 100

        streamed = await here.http.post("/execution/orders", content=pieces(), headers=bearer(TRADE))
        assert streamed.status_code == 413
        answer = await here.http.get("/execution/health")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"

    serving(work, service={"max_body": 1024})


def test_writes_have_a_rate(serving):
    async def work(here):
        codes = [
            (await here.http.post("/execution/orders", json=ORDER, headers=bearer(TRADE))).status_code for _ in range(6)
        ]
        assert codes[:2] == [201, 201]
        assert 429 in codes
        assert (await here.http.get("/execution/health")).status_code == 200  # reads go on

    serving(work, service={"writes_per_second": 2})


def test_an_engine_that_is_gone_is_said_to_be(serving):
    async def work(here):
        await here.port.close()
        here.client.taken -= 1000
        assert (await here.http.get("/execution/health")).status_code == 503
        assert (await here.http.get("/execution/ready")).status_code == 503
        assert (await here.http.get("/execution/live")).status_code == 200
        answer = await here.http.post("/execution/orders", json=ORDER, headers=bearer(TRADE))
        assert answer.status_code == 503
        assert "not there" in answer.json()["message"]
        await here.port.start()
        await here.fresh()
        assert (await here.http.get("/execution/health")).status_code == 200

    serving(work)


def test_a_closed_engine_is_not_ready(serving):
    async def work(here):
        here.port.accepting = False
        await here.fresh()
        assert (await here.http.get("/execution/ready")).status_code == 503
        health = (await here.http.get("/execution/health")).json()
        assert (health["status"], health["reasons"]) == ("unhealthy", ["no orders are taken"])
        answer = await here.http.post("/execution/orders", json=ORDER, headers=bearer(TRADE))
        assert answer.status_code == 503
        here.port.accepting = True

    serving(work)


def test_a_kill_switch_is_told_at_once_by_its_list_health_and_readiness(serving):
    async def work(here):
        async def now():
            health = (await here.http.get("/execution/health")).json()
            ready = (await here.http.get("/execution/ready")).status_code
            return health["status"], health["trading_state"], health["reasons"], ready

        stop = {"scope": "engine", "reason": "a drill", "name": "drill"}
        assert (await here.http.post("/execution/kill", json=stop, headers=bearer(RISK))).status_code == 200
        # no snapshot was taken in between but by the route itself: the next is due in half a minute
        told = (await here.http.get("/execution/kill")).json()["kill_switches"]
        assert told == [{"name": "drill", "scope": "engine", "reason": "a drill", "action": "kill"}]
        assert await now() == ("halted", "HALTED", ["kill switch drill of engine: a drill"], 503)
        assert "drill" in (await here.http.get("/execution/ready")).text
        lifted = await here.http.delete("/execution/kill/drill?reason=over", headers=bearer(RISK))
        assert lifted.status_code == 200
        assert (await here.http.get("/execution/kill")).json() == {"kill_switches": []}
        assert await now() == ("ok", "ACTIVE", [], 200)

    serving(work)


def test_a_reduction_and_a_narrow_stop_are_told_and_orders_go_on(serving):
    async def work(here):
        manager = here.engine.order_manager
        manager.kill("symbol:AAPL", "a halt")
        await here.fresh()
        health = (await here.http.get("/execution/health")).json()
        assert (health["status"], health["reasons"]) == ("ok", ["kill switch symbol:AAPL: a halt"])
        manager.reduce("engine", "the close")
        assert len((await here.http.get("/execution/kill")).json()["kill_switches"]) == 2  # the engine's own word
        await here.fresh()
        health = (await here.http.get("/execution/health")).json()
        assert (health["status"], health["reasons"][1]) == ("reducing", "reduction engine: the close")
        assert (await here.http.get("/execution/ready")).status_code == 200

    serving(work)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"symbol": "AAPL", "side": "buy", "quantity": 1, "quantity": 900, "order_type": "market"}', "quantity"),
        (b'{"symbol": "AAPL", "side": "buy", "quantity": 1, "order_type": "market", '
         b'"algorithm": {"algorithm": "twap", "algorithm": "vwap"}}', "algorithm"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "\\ud800"),
    ],
)  # fmt: skip
def test_a_key_given_twice_is_refused_by_its_name(serving, body, key):
    async def work(here):
        answer = await here.http.post("/execution/orders", content=body, headers=bearer(TRADE))
        assert (answer.status_code, answer.json()["detail"]) == (422, f'the key "{key}" is given twice')
        assert here.engine.order_manager.statistics()["accepted"] == 0

    serving(work)


def test_messages_are_in_the_words_of_http(serving):
    async def work(here):
        async def told(method, path, token, body):
            answer = await here.http.request(method, path, headers=bearer(token), json=body)
            return answer.status_code, answer.json()["message"]

        for scope in ("fly", None, 5, True, [], ["symbol"], ["symbol", None], ["account", True], [["symbol"], "AAPL"]):
            status, text = await told("POST", "/execution/kill", RISK, {"scope": scope, "reason": "a test"})
            assert status == 422
            assert text.startswith(f"scope is {json.dumps(scope)}, must be"), text
            assert '"symbol:AAPL" or ["symbol", "AAPL"]' in text
        for scope, name in ((["account", 3], "account:3"), (["symbol", "AAPL"], "symbol:AAPL")):
            body = {"scope": scope, "reason": "a test"}
            answer = await here.http.post("/execution/kill", json=body, headers=bearer(RISK))
            assert (answer.status_code, answer.json()["name"]) == (200, name)
        for method, path, body, text in (
            ("POST", "/execution/kill", {"scope": "engine", "reason": None}, "reason is null, must be text"),
            ("POST", "/execution/kill", {"scope": "engine", "reason": "x", "name": True}, "name is true, must be text"),
            ("PUT", "/execution/limits", {"limits": {}, "why": None}, "why is null, must be text"),
            ("PUT", "/execution/limits", {"limits": {}, "why": "x", "allow_loosening": None},
             "allow_loosening is null, must be true or false"),
        ):  # fmt: skip
            assert await told(method, path, RISK, body) == (422, text)
        missing = await here.http.put("/execution/limits", json={"why": "x"}, headers=bearer(RISK))
        assert (missing.status_code, missing.json()["detail"]) == (422, '"limits" is missing')
        status, text = await told("POST", "/execution/orders", TRADE, ORDER)
        assert (status, "DELETE /execution/kill/NAME?reason=..." in text, "reset_kill" in text) == (409, True, False)
        await here.fresh()
        assert "DELETE /execution/kill/" in here.app.state.hub.board.refusals[-1]["reason_text"]
        limits = {"limits": {"order_limits": {"max_order_size": 5000}}, "why": "a test"}
        status, text = await told("PUT", "/execution/limits", RISK, limits)
        assert (status, '"allow_loosening": true permits it' in text, "True" in text) == (422, True, False)

    serving(work, risk_controls={"order_limits": {"max_order_size": 500}})


def test_a_parameter_that_a_route_does_not_know_is_named(serving):
    async def work(here):
        for path, unknown, known in (
            ("/execution/orders?stat=all", "stat", "known are state, top, limit"),
            ("/execution/fills?limit=1&Limit=2", "Limit", "known are limit"),
            ("/execution/health?x", "x", "there are none"),
            ("/execution/orders/1?full=1", "full", "there are none"),
        ):
            answer = await here.http.get(path + ("=" if path.endswith("?x") else ""))
            told = f'the parameter "{unknown}" is not known here; {known}'
            assert (answer.status_code, answer.json()["detail"]) == (422, told)
        assert (await here.http.get("/execution/orders?state=all&top=true&limit=5")).status_code == 200
        assert (await here.http.get("/execution/static/dashboard.js?v=1")).status_code == 200

    serving(work)


def test_the_examples_of_the_page_are_valid_bodies(serving):
    async def work(here):
        schema = (await here.http.get("/execution/openapi.json")).json()
        tried = 0
        for path, methods in schema["paths"].items():
            for method, route in methods.items():
                if "requestBody" in route and "{" not in path:
                    body = route["requestBody"]["content"]["application/json"]["example"]
                    answer = await here.http.request(method, path, json=body, headers=bearer(ADMIN))
                    assert answer.status_code in (200, 201), (path, answer.text)
                    tried += 1
                    await here.http.delete("/execution/kill/aapl-news?reason=over", headers=bearer(ADMIN))
        assert tried == 3
        docs = (await here.http.get("/execution/docs")).text
        assert "keys" not in docs
        assert "`" not in docs
        assert "<code>symbol:AAPL</code>" in docs
        assert "<link rel=icon href=data:,>" in docs  # a browser asks for no other

    serving(work)


def test_pages_ask_nothing_of_another_host(serving):
    async def work(here):
        for path in ("/execution/dashboard", "/execution/docs", "/execution/static/dashboard.js",
                     "/execution/static/dashboard.css"):  # fmt: skip
            answer = await here.http.get(path)
            assert answer.status_code == 200
            told = answer.text.replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in told
            assert "https://" not in told
        assert (await here.http.get("/execution/static/../app.py")).status_code == 404
        assert (await here.http.get("/execution/static/secrets")).status_code == 404
        docs = (await here.http.get("/execution/docs")).text
        assert "/execution/orders" in docs
        schema = (await here.http.get("/execution/openapi.json")).json()
        body = schema["paths"]["/execution/orders"]["post"]["requestBody"]["content"]["application/json"]
        assert "symbol" in body["schema"]["properties"]

    serving(work)


def test_a_faulty_request_over_the_socket_is_an_answer(serving):
    async def work(here):
        told = here.port.answer(b"nonsense")
        assert told["error"]["kind"] == "value"
        assert here.port.answer(b'{"op": "fly", "id": 3}')["id"] == 3
        told = here.port.answer(b'{"op": "cancel", "order_id": true}')
        assert told["error"]["message"] == "order_id is True, must be a whole number"
        assert here.port.answer(b'{"op": "submit", "order": {"symbol": NaN}}')["error"]["kind"] == "value"
        directory = here.port.path.parent.parent / "open"
        directory.mkdir(mode=0o755)
        with pytest.raises(ValueError, match="0700"):
            await EnginePort(here.engine, directory / "x.sock").start()

    serving(work)


def test_who_may_trade_may_not_have_code_loaded(serving, tmp_path):
    """An algorithm's parameter that names a module or a file is the configuration's to give."""
    (tmp_path / "mine.py").write_text("LOADED = True\n\ndef policy(seen):\n    return [0, 0]\n")
    place = f"{tmp_path / 'mine.py'}:policy"

    async def work(here):
        for policy in (place, "os:system"):
            way = {"algorithm": "policy", "policy": policy}
            answer = await here.http.post("/execution/orders", json={**ORDER, "algorithm": way}, headers=bearer(TRADE))
            assert (answer.status_code, "algorithm.policy names code" in answer.text) == (422, True), answer.text
        assert not [name for name in sys.modules if name.startswith("_policy_mine")]
        return here.engine.core.orders_array().tolist()

    assert serving(work) == []

    async def by_configuration(here):
        way = {"algorithm": "policy"}
        answer = await here.http.post("/execution/orders", json={**ORDER, "algorithm": way}, headers=bearer(TRADE))
        assert (answer.status_code, answer.json()["algorithm"]) == (201, "policy")
        here.engine.core.cancel(answer.json()["order_id"])

    (tmp_path / "other").mkdir()
    asyncio.run(_served(tmp_path / "other", by_configuration, routing={"algorithms": {"policy": {"policy": place}}}))


async def _served(directory, work, **changes):
    async with served(directory, **changes) as here:
        await work(here)
