"""The alert rules and the dashboard: whether Prometheus could read them, and whether they speak of metrics that there are."""

import json
import re

import promql_parser
import yaml
from facts import Facts, seconds

# Of the scrape itself, and of the process: no metrics of ours.
FOREIGN = {"up", "process_resident_memory_bytes"}


def names(node: object, found: set[str]) -> None:
    """The metrics that an expression selects."""
    if isinstance(node, promql_parser.VectorSelector):
        found.add(node.name)
        return
    for part in ("expr", "lhs", "rhs", "vector_selector", "param"):
        inner = getattr(node, part, None)
        if inner is not None:
            names(inner, found)
    for inner in getattr(node, "args", None) or []:
        names(inner, found)


def check(facts: Facts) -> None:
    """Notes what is wrong with deploy/monitoring."""
    kinds = {}
    for line in (facts.root / "docs/metrics.txt").read_text().splitlines():
        name, kind = line.split(":")[0].split(" ")
        kinds[name] = kind

    def known(name: str) -> bool:
        if name in FOREIGN or kinds.get(name) in ("counter", "gauge"):
            return True
        base = re.sub(r"_(bucket|count|sum)$", "", name)
        return base != name and kinds.get(base) == "histogram"

    def expression(where: str, text: str) -> None:
        # Grafana's own variables, as Prometheus would be given them.
        text = text.replace("$__rate_interval", "5m").replace("$queue", ".*")
        try:
            parsed = promql_parser.parse(text)
        except ValueError as error:
            facts.problems.append(f"{where}: {text!r} is no expression: {error}")
            return
        found: set[str] = set()
        names(parsed, found)
        facts.expect(bool(found), f"{where}: {text!r} selects nothing")
        for name in sorted(found):
            facts.expect(known(name), f"{where}: there is no metric {name}")

    where = "deploy/monitoring/alerts.yaml"
    rules = yaml.safe_load((facts.root / where).read_text())
    facts.expect(set(rules) == {"groups"}, f"{where}: only `groups` is expected")
    seen = set()
    for group in rules["groups"]:
        facts.expect(set(group) == {"name", "rules"}, f"{where}: a group has a name and rules")
        for rule in group["rules"]:
            name = rule["alert"]
            facts.expect(name not in seen, f"{where}: {name} is there twice")
            seen.add(name)
            facts.expect(set(rule) == {"alert", "expr", "for", "labels", "annotations"}, f"{where}: {name} has other parts")
            facts.expect(seconds(rule["for"]) >= 60, f"{where}: {name} fires at once")
            facts.expect(rule["labels"].get("severity") in ("critical", "warning", "info"), f"{where}: {name} has no severity")
            facts.expect({"summary", "description"} <= set(rule["annotations"]), f"{where}: {name} does not say what it is")
            expression(f"{where}: {name}", rule["expr"])

    where = "deploy/monitoring/grafana.json"
    board = json.loads((facts.root / where).read_text())
    ids = [panel["id"] for panel in board["panels"]]
    facts.expect(len(ids) == len(set(ids)) >= 10, f"{where}: panels have ids of their own")
    for panel in board["panels"]:
        for target in panel["targets"]:
            expression(f"{where}: {panel['title']}", target["expr"])
