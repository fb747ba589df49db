"""Requests that schemathesis makes of our own /openapi.json, by its rules for what must be refused. Needs the extra [fuzz].

Knows no mutators of ours; counts and judges as the campaign does.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from tests.fuzz.campaign import Report
from tests.fuzz.oracle import Oracle
from tests.fuzz.sending import Answer, fault_of
from tests.journeys.server import Served


def describe(served: Served, number: int, examples: int) -> Report:
    """``examples`` wrong requests for each operation, the oracle after every operation."""
    begin, report, oracle = time.monotonic(), Report(number), Oracle(served)
    report.before = oracle.memory()
    for operation in _operations(served):
        _attack(served, operation, examples, report)
        if broken := oracle.broken():
            report.faults.append(f"after {operation.label}: {broken}")
            break
    report.after = oracle.memory()
    report.seconds = time.monotonic() - begin
    return report


def _operations(served: Served) -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(httpx.get(f"{served.url}/openapi.json", headers=served.headers).json())
    for result in schema.get_all_operations():
        yield result.ok()


def _attack(served: Served, operation: Any, examples: int, report: Report) -> None:
    @seed(report.seed)
    @settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
    def attack(case: Any) -> None:
        response = case.call(base_url=served.url, headers=served.headers, timeout=60)
        report.count(operation.label, [response.status_code])
        headers = {name.lower().encode(): value[0].encode() for name, value in response.headers.items()}
        if fault := fault_of(Answer(response.status_code, headers, response.content, True)):
            report.faults.append(f"{operation.label}: {fault}\n    again: {case.as_curl_command(headers=served.headers)}")

    with suppress(Unsatisfiable):  # where there is neither body nor parameter, nothing can be wrong
        attack()
