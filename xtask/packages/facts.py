"""What the packages must agree with: facts read from the program and the sources, never written down a second time."""

import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """A duration as settings, Compose and Fly write it: `35s`, `1m10s`."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration")
    return sum(float(number) * UNITS[unit] for number, unit in parts)


@dataclass
class Facts:
    """The program, the checkout, and what was found wrong with the packages."""

    root: Path
    program: Path
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        printed = subprocess.run(
            [self.program, "config", "--output", "json"], cwd="/", env={"HOME": "/nowhere"}, check=True, capture_output=True
        )
        self.settings = {entry["key"]: entry["value"] for entry in json.loads(printed.stdout)}
        self.variables = {"POSTHASTE_" + key.upper().replace(".", "_"): key for key in self.settings}
        self.variables["DATABASE_URL"] = "database.url"
        self.paths = json.loads((self.root / "gateway/openapi.json").read_text())["paths"]

    def expect(self, holds: bool, problem: str) -> None:
        """Notes the problem unless it holds."""
        if not holds:
            self.problems.append(problem)

    @property
    def stop_seconds(self) -> float:
        """What an orderly stop takes at most: requests under way end first, then attempts in flight; and 5 s to write results and to close."""
        source = (self.root / "gateway/src/config.rs").read_text()
        gateway = re.search(r"\bdrain_timeout: Duration::from_secs\((\d+)\)", source)
        if not gateway:
            raise LookupError("gateway/src/config.rs has no default of drain_timeout")
        return float(gateway[1]) + seconds(self.settings["dispatcher.drain_timeout"]) + 5

    @property
    def ports(self) -> dict[str, int]:
        """The default ports of REST and gRPC."""
        return {name: int(self.settings[f"{name}.listen"].rsplit(":", 1)[1]) for name in ("gateway", "grpc")}

    def check_environment(self, where: str, environment: dict[str, object]) -> None:
        """Every variable of ours is that of a setting, and the program takes its value."""
        given = {}
        for name, value in environment.items():
            if not name.startswith("POSTHASTE_") and name != "DATABASE_URL":
                continue
            self.expect(name in self.variables, f"{where}: {name} is the variable of no setting")
            # One from a secret has no value here, and an empty one in a file is to be filled in.
            if value not in (None, "") and name in self.variables:
                given[name] = str(value)
        if given and all(name in self.variables for name in given):
            asked = subprocess.run([self.program, "config"], cwd="/", env={"HOME": "/nowhere"} | given, capture_output=True, text=True)
            self.expect(asked.returncode == 0, f"{where}: the program refuses this environment: {asked.stderr.strip()}")

    def check_command(self, where: str, words: list[str]) -> None:
        """The words are a command of the program."""
        asked = subprocess.run([self.program, *words, "--help"], capture_output=True, text=True)
        self.expect(asked.returncode == 0, f"{where}: `posthaste {' '.join(words)}` is no command")

    def check_path(self, where: str, path: str) -> None:
        """The path is a route that wants no key."""
        known = self.paths.get(path, {}).get("get")
        self.expect(bool(known) and not known.get("security"), f"{where}: GET {path} is no open route of gateway/openapi.json")

    def check_patience(self, where: str, given: float, before: float = 0) -> None:
        """What stops the program waits long enough before it kills it."""
        needed = self.stop_seconds + before
        self.expect(given >= needed, f"{where}: {given:.0f} s to stop; an orderly stop may take {needed:.0f} s")
