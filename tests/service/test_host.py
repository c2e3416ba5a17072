"""`gmexec serve` as a user starts it: processes, signals, what is left behind; and the dashboard in a browser."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
import yaml
from support_service import GTC as ORDER
from support_service import Run, free_port
from typer.testing import CliRunner

from grandmodel.execution.cli import app
from grandmodel.execution.config import load_config
from grandmodel.execution.engine import ExecutionEngine
from grandmodel.execution.service.access import Rate, Tokens, token_hash
from grandmodel.execution.service.process import listen, start_service, stop_service

pytest.importorskip("uvicorn", reason="the extra `service` is not installed")
httpx = pytest.importorskip("httpx", reason="httpx is not installed")

def test_it_serves_until_it_is_told_to_stop_and_seals_the_journal(tmp_path):
    with Run(tmp_path) as run:
        order = run.submit()
        run._until(lambda: run.http.get("/execution/orders").json()["orders"])
        assert run.http.get("/execution/health").json()["status"] == "ok"
        assert run.stop() == 0
        told = run.log.read_text()
        assert "1 orders, 0 fills, 1 cancelled, 0 left open" in told
        assert str(run.journal) in told
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{run.port}/execution/live", timeout=2)
    with ExecutionEngine({"journal": {"path": str(run.journal)}, "seed": 4}) as again:
        assert again.order_manager.get_order(order["order_id"]).status == "CANCELED"


def test_open_orders_are_left_where_the_configuration_says_so(tmp_path):
    with Run(tmp_path, service={"on_exit": "leave"}) as run:
        order = run.submit()
        assert run.stop() == 0
        assert "0 cancelled, 1 left open" in run.log.read_text()
    with ExecutionEngine({"journal": {"path": str(run.journal)}, "seed": 4}) as again:
        assert again.order_manager.get_order(order["order_id"]).status == "NEW"


def test_a_service_that_dies_is_started_again_and_the_engine_goes_on(tmp_path):
    with Run(tmp_path) as run:
        first = run.submit()
        children = subprocess.run(["pgrep", "-P", str(run.process.pid)], capture_output=True, text=True, check=True)
        os.kill(int(children.stdout.split()[0]), signal.SIGKILL)
        run._until(lambda: run.http.get("/execution/ready").status_code == 200)
        second = run.submit()
        assert second["order_id"] == first["order_id"] + 1
        assert run.stop() == 0


def test_ctrl_c_stops_it_in_order_without_a_traceback(tmp_path):
    with Run(tmp_path) as run:
        os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does: everybody in the group
        assert run.process.wait(60) == 0
        assert "Traceback" not in run.log.read_text()


def test_a_day_is_served_while_it_runs(tmp_path):
    file = tmp_path / "day.yaml"
    file.write_text(f"journal: {{path: {tmp_path / 'log'}}}\n")
    port = free_port()
    command = [sys.executable, "-c", "from grandmodel.execution.cli import main; main()", "run", "--serve", "--speed",
               "3000", "--port", str(port), "--config", str(file), "--json"]  # fmt: skip
    answers = 0
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                answers += httpx.get(f"http://127.0.0.1:{port}/execution/live", timeout=1).status_code == 200
            time.sleep(0.1)
        told = process.stdout.read()
    assert process.returncode == 0, told
    assert answers > 0
    orders = json.loads(told.splitlines()[-1])["orders"]
    assert len(orders) == 7
    assert all(order["executed_quantity"] == order["quantity"] for order in orders)


def _refused(directory, **service):
    """What `gmexec serve` says when it cannot, and that it has begun nothing."""
    file = directory / "engine.yaml"
    file.write_text(json.dumps({"journal": {"path": str(directory / "log")}, "service": service}))
    code = "from grandmodel.execution.cli import main; main()"
    command = [sys.executable, "-c", code, "serve", "--config", str(file), "--seconds", "5"]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (2, ""), ended
    assert not (directory / "log").exists()
    return ended.stderr


def test_a_port_in_use_is_said_before_anything_is_begun(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert _refused(tmp_path, port=port) == f"gmexec: port {port} is in use\n"


def test_a_tls_file_that_is_missing_or_wrong_is_named(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    files = {"port": free_port(), "tls_key": str(key), "tls_certificate": str(certificate)}
    certificate.write_text("nothing of that kind\n")
    assert _refused(tmp_path, **files) == f"gmexec: {key}: No such file or directory\n"
    key.write_text("neither\n")
    told = _refused(tmp_path, **files)
    assert str(certificate) in told
    assert "no pair of PEM files" in told


def test_a_service_that_ends_at_its_first_start_is_an_error(tmp_path, monkeypatch):
    settings = load_config({"service": {"port": free_port()}}).service
    listening = listen(settings)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # a module of that name breaks the start
    (tmp_path / "uvicorn.py").write_text("raise ImportError('broken')\n")
    with pytest.raises(OSError, match="does not start: its process ended with status 1"):
        start_service(settings, listening, tmp_path / "engine.sock", None)
    (tmp_path / "uvicorn.py").unlink()
    child = start_service(settings, listening, tmp_path / "engine.sock", None)
    assert httpx.get(f"http://127.0.0.1:{settings.port}/execution/live", timeout=10).status_code == 200  # at once
    assert stop_service(child) == 0
    for each in listening:
        each.close()


@pytest.mark.parametrize("form", ["json", "console"])
def test_logs_are_a_line_each(form):
    code = (
        "import logging; from grandmodel.execution.service.logs import configure;"
        f"configure({form!r}); logging.getLogger('grandmodel.x').warning('a %s', 'word');"
        "\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    logging.getLogger('y').exception('it failed')"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    if form == "json":
        first, second = map(json.loads, told.splitlines())
        assert (first["event"], first["level"], first["logger"]) == ("a word", "warning", "grandmodel.x")
        assert "ZeroDivisionError" in second["exception"]
    else:
        assert "a word" in told
        assert "ZeroDivisionError" in told


def test_an_address_for_others_wants_tls_and_a_token(tmp_path):
    file = tmp_path / "open.yaml"
    file.write_text("service: {host: 0.0.0.0}\n")
    result = CliRunner().invoke(app, ["serve", "--config", str(file)])
    assert result.exit_code != 0
    assert "tls_certificate" in str(result.exception)
    with pytest.raises(ValueError, match="expected a token"):
        load_config({"service": {"host": "0.0.0.0", "tls_certificate": "/x", "tls_key": "/y"}})


def test_a_token_is_shown_once_and_its_hash_is_kept():
    result = CliRunner().invoke(app, ["token", "desk", "--scope", "trade", "--scope", "risk"])
    token = next(word for word in result.output.split() if word.startswith("gmx_"))
    assert len(token) > 40
    config = load_config(yaml.safe_load(result.output.split("for the configuration:\n")[1]))
    tokens = Tokens.of({name: row.model_dump() for name, row in config.service.tokens.items()})
    holder = tokens.holder(f"Bearer {token}")
    assert (holder.name, holder.may("trade"), holder.may("risk"), holder.may("admin")) == ("desk", True, True, False)
    assert token not in repr(config)
    for wrong in (None, "", "Bearer", f"Basic {token}", f"Bearer {token}x", f"bearer {token_hash(token)}"):
        assert tokens.holder(wrong) is None
    assert CliRunner().invoke(app, ["token", "desk", "--scope", "all"]).exit_code != 0


@pytest.mark.parametrize("name", ["yes", "123", "1e5", "null", "desk-1.a_b"])
def test_a_tokens_block_is_configuration_whatever_the_name(name):
    result = CliRunner().invoke(app, ["token", name])
    config = load_config(yaml.safe_load(result.output.split("for the configuration:\n")[1]))
    assert set(config.service.tokens) == {name}


@pytest.mark.parametrize("name", ["ü x", "", "a b", 'a"b', "a" * 33, "-a", "desk\n"])
def test_a_name_that_the_configuration_refuses_gets_no_token(name):
    result = CliRunner().invoke(app, ["token", "--", name])
    assert "gmx_" not in result.output
    assert "must be a name of up to 32 letters, digits, _ . -" in str(result.exception)


def test_a_rate_is_by_client_and_bounded():
    rate = Rate(2.0, 2)
    assert [rate.allows("a", 0.0) for _ in range(3)] == [True, True, False]
    assert rate.allows("b", 0.0)
    assert rate.allows("a", 0.5)
    for k in range(5000):
        rate.allows(str(k), 1.0)
    assert len(rate._buckets) <= 1024


# ---- in a browser


def test_the_dashboard_shows_an_order_and_raises_no_error(tmp_path):
    pytest.importorskip("bokeh", reason="the extra `service` is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_path is None:
        pytest.skip("there is no chromium")
    with Run(tmp_path) as run, playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        errors, hosts = [], set()
        page.on("console", lambda m: errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.on("request", lambda r: hosts.add(r.url.split("/")[2]))
        page.goto(f"http://127.0.0.1:{run.port}/execution/dashboard")
        expect = playwright.expect
        expect(page.locator("#engine")).to_have_text("answers")
        version = int(page.locator("body").get_attribute("data-version"))
        order = run.submit({**ORDER, "quantity": 777})
        expect(page.locator("#live")).to_contain_text("777", timeout=10_000)
        assert str(order["order_id"]) in page.locator("#live tr").first.inner_text()
        run.submit({**ORDER, "limit_price": 900.0, "time_in_force": "IOC"})
        expect(page.locator("#ended")).to_contain_text("FILLED", timeout=10_000)
        expect(page.locator("#price .bk-Figure")).to_be_visible(timeout=10_000)
        assert int(page.locator("body").get_attribute("data-version")) > version  # it updates
        page.keyboard.press("Tab")  # the first stop is the way past the header
        assert page.evaluate("document.activeElement.textContent") == "Skip to the orders"
        before = page.locator("#theme").get_attribute("aria-pressed")
        page.click("#theme")
        assert page.locator("#theme").get_attribute("aria-pressed") != before
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert errors == []
        assert hosts == {f"127.0.0.1:{run.port}"}
        browser.close()
        assert run.stop() == 0
