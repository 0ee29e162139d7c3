"""Checks the packages (Dockerfile, compose.yaml, fly.toml, deploy/) with the tools that read them, and against the program itself.

Usage: check.py ROOT PROGRAM          in the environment of requirements.txt, its programs on the PATH
"""

import subprocess
import sys
from pathlib import Path

import cluster
import images
import monitoring
import unit
from facts import Facts

# Helm's templates are no YAML; everything else is held to this.
YAMLLINT = "{extends: default, rules: {line-length: {max: 200}, document-start: disable, comments-indentation: disable, truthy: {check-keys: false}}}"


def main() -> None:
    facts = Facts(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
    files = ["compose.yaml", "deploy/monitoring/alerts.yaml", "deploy/helm/posthaste/Chart.yaml", "deploy/helm/posthaste/values.yaml"]
    files += sorted(str(path.relative_to(facts.root)) for path in facts.root.glob("deploy/kubernetes/*.yaml"))
    linted = subprocess.run(["yamllint", "-d", YAMLLINT, *files], cwd=facts.root, capture_output=True, text=True)
    facts.expect(linted.returncode == 0, f"yamllint:\n{linted.stdout}{linted.stderr}")
    for part in (images, cluster, unit, monitoring):
        try:
            part.check(facts)
        except (LookupError, TypeError, ValueError) as error:
            # Something that everything else is read from is not there; what was found before says what, or this does.
            facts.problems.append(f"{part.__name__}: cannot be read on: {type(error).__name__}: {error}")
    if facts.problems:
        sys.exit("\n".join(facts.problems))
    print(f"Dockerfile, compose.yaml, fly.toml, the chart, the manifests, the unit and the alerts fit the program; an orderly stop takes {facts.stop_seconds:.0f} s at most")


if __name__ == "__main__":
    main()
