"""Whatever the OpenAPI document allows, and what it does not: no answer is a server's error."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from support_service import Run

pytest.importorskip("uvicorn", reason="the extra `service` is not installed")
schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

EXAMPLES = 200 if os.environ.get("GRANDMODEL_LONG") == "1" else 15


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Run(tmp_path_factory.mktemp("run"), service={"writes_per_second": 1e6}) as run:
        yield run


def test_no_answer_is_a_servers_error(running):
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{running.port}/execution/openapi.json")
    headers = {"Authorization": f"Bearer {running.token}"}
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path == "/execution/monitor":
            continue  # a stream, where Accept asks for one
        strategy = operation.as_strategy()

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=strategy)
        def check(case):
            nonlocal tried
            answer = case.call(headers=headers)
            tried += 1
            assert answer.status_code < 500, (case.method, case.formatted_path, answer.status_code, answer.text)

        check()
    assert tried > 100
    assert running.http.get("/execution/health").status_code == 200
