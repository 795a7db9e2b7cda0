"""What became of tests, as the JUnit XML that CI systems read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from pointsman.gateway.policy_tests.report import Tested, details

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document may have, however they are written."""


def junit(config: str, tested: Sequence[Tested], whens: Mapping[str, str]) -> bytes:
    failed = sum(not test.result.passed for test in tested)
    seconds = sum(test.result.seconds for test in tested)
    counts = {"tests": str(len(tested)), "failures": str(failed), "errors": "0", "time": f"{seconds:.3f}"}
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": _plain(config), **counts})
    for test in tested:
        suite.append(_case(config, test, whens))
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(config: str, test: Tested, whens: Mapping[str, str]) -> ET.Element:
    place = {"file": _plain(test.file), "line": str(test.line)}
    name = {"classname": _plain(config), "name": _plain(test.title)}
    case = ET.Element("testcase", {**name, **place, "time": f"{test.result.seconds:.3f}"})
    if not test.result.passed:
        said = [f"{m.what}: expected {m.expected}, got {m.got}" for m in test.result.mismatches]
        said += [f"`{signal}` could not be evaluated: {why}" for signal, why in test.result.failures.items()]
        failure = ET.SubElement(case, "failure", {"message": _plain("; ".join(said))})
        failure.text = _plain("\n".join([f"{test.file}:{test.line}:{test.column}", *details(test, whens)]))
    return case


def _plain(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
