"""Writes src/posthaste/types.py and src/posthaste/operations.py anew from the OpenAPI document.

The types are made by datamodel-code-generator. The operations are a line each: where they go, what they take and what comes back; they
are made here, for they are all that is left once the types are there.

Usage: generate.py OPENAPI FOLDER          in an environment with requirements-generate.txt
"""

import json
import re
import subprocess
import sys
from pathlib import Path

# What is written by hand in client.py, with idempotency keys.
BY_HAND = {"enqueue", "enqueue_batch", "enqueue_raw", "read_payload"}
# What is of no use to a program with a key: the browser's session, streams of events, pages, the documents themselves.
LEFT_OUT = re.compile(r"^(/v1/session.*|/v1/events.*|/docs|/openapi.json|/proto/.*|/.well-known/.*|/healthz)$")
# A POST that may be made again, for doing it twice is doing it once.
HARMLESS = re.compile(r"/(pause|resume|enable|disable|cancel|purge|expunge|sign-out)$|:simulate$|:preview$|/verify$|/vault/rotate$")

KINDS = {"string": "str", "integer": "int", "boolean": "bool", "number": "float"}

HEAD = '''\
"""Every operation of the API by its name. Made from gateway/openapi.json by generate.py; not to be changed by hand."""

from __future__ import annotations

from typing import Any

from . import types
from .transport import {transport}, part


class {name}({transport}):
    """The operations as methods: of the path first, then the body, then, by name, the query."""
'''


def types(document: Path, target: Path) -> None:
    """The types of bodies and answers."""
    subprocess.run(
        [
            Path(sys.executable).parent / "datamodel-codegen",
            "--input", document, "--input-file-type", "openapi", "--output", target,
            "--output-model-type", "typing.TypedDict", "--target-python-version", "3.10", "--no-use-closed-typed-dict",
            "--use-schema-description", "--use-field-description", "--use-union-operator", "--use-standard-collections",
            "--enum-field-as-literal", "all", "--disable-timestamp", "--formatters", "builtin",
            "--custom-file-header", '"""What the API takes and answers. Made from gateway/openapi.json by generate.py; not to be changed by hand."""',
        ],
        check=True,
    )


def type_of(schema: dict | None) -> str:
    """The type of a schema that has a name, or of a plain one."""
    if not schema:
        return "Any"
    if "$ref" in schema:
        return "types." + schema["$ref"].rsplit("/", 1)[1].replace("_", "")
    return KINDS.get(str(schema.get("type")), "Any")


def method(path: str, verb: str, operation: dict, asynchronous: bool) -> str:
    """One operation as a method."""
    arguments, query = ["self"], []
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        if parameter["in"] == "path":
            arguments.append(f"{name}: str")
        elif parameter["in"] == "query":
            query.append((name, f"{name}: {type_of(parameter['schema'])} | None = None"))
    body = operation.get("requestBody")
    if body:
        kind = type_of(body["content"]["application/json"]["schema"])
        arguments.append(f"body: {kind}" if body.get("required") else f"body: {kind} | None = None")
    if query:
        arguments += ["*", *(argument for _, argument in query)]
    answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    content = answers[0].get("content", {}).get("application/json")
    returned = type_of(content["schema"]) if content else "None"
    address = re.sub(r"\{(\w+)\}", r"{part(\1)}", path)
    call = [f'"{verb.upper()}"', f'f"{address}"' if "{" in address else f'"{address}"']
    if query:
        call.append("query={" + ", ".join(f'"{name}": {name}' for name, _ in query) + "}")
    if body:
        call.append("body=body")
    if verb == "post" and HARMLESS.search(path):
        call.append("harmless=True")
    head, wait = ("async def", "await ") if asynchronous else ("def", "")
    summary = operation["summary"].rstrip(".")
    return (
        f"\n    {head} {operation['operationId']}({', '.join(arguments)}) -> {returned}:\n"
        f'        """{summary}."""\n'
        f"        return {wait}self.call({', '.join(call)})\n"
    )


def operations(document: dict, asynchronous: bool) -> str:
    """All of them as a class."""
    name, transport = ("AsyncOperations", "AsyncTransport") if asynchronous else ("Operations", "Transport")
    methods = [
        method(path, verb, operation, asynchronous)
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
        if "operationId" in operation and not LEFT_OUT.match(path) and operation["operationId"] not in BY_HAND
    ]
    return HEAD.format(name=name, transport=transport) + "".join(methods)


def main(source: Path, folder: Path) -> None:
    types(source, folder / "types.py")
    document = json.loads(source.read_text())
    (folder / "operations.py").write_text(operations(document, asynchronous=False))
    (folder / "async_operations.py").write_text(operations(document, asynchronous=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
