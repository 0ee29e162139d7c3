"""The Dockerfile, compose.yaml and fly.toml."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

from facts import Facts, seconds

# hadolint's rules that we do not follow, each with the reason.
IGNORED = {
    "DL3008": "a version of a Debian package that is pinned cannot be installed any more once its next fix is out",
    "DL3002": "`standalone` begins as root, to give a new volume to the user that it becomes (deploy/standalone.sh)",
}


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines()]


def environment(arguments: str) -> dict[str, str]:
    """What an ENV instruction sets."""
    return dict(re.findall(r'(\w+)="?([^"\s]*)"?', arguments))


def stages(text: str) -> dict[str, list[tuple[str, str]]]:
    """The stages of a Dockerfile by their names, in order."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, arguments in instructions(text):
        if name == "FROM":
            stage = found.setdefault(re.fullmatch(r"(\S+) AS (\S+)", arguments)[2], [])
        stage.append((name, arguments))
    return found


def dockerfile(facts: Facts) -> dict[str, str]:
    """Checks the Dockerfile. The folder that each of its images keeps data in."""
    ignored = [word for rule in IGNORED for word in ("--ignore", rule)]
    lint = subprocess.run(["hadolint", *ignored, "Dockerfile"], cwd=facts.root, capture_output=True, text=True)
    facts.expect(lint.returncode == 0, f"hadolint:\n{lint.stdout}{lint.stderr}")

    found = stages((facts.root / "Dockerfile").read_text())
    facts.expect(list(found)[0] == "build" and list(found)[-1] == "posthaste", "Dockerfile: the first stage is `build`, the last `posthaste`")
    channel = tomllib.loads((facts.root / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    facts.expect(found["build"][0][1].startswith(f"rust:{channel}-"), f"Dockerfile: the compiler is not that of rust-toolchain.toml, {channel}")
    folders = {}
    for stage in ("standalone", "posthaste"):
        where = f"Dockerfile, stage {stage}"
        told = dict(found[stage])
        variables = environment(told.get("ENV", ""))
        facts.check_environment(where, variables)
        ports = facts.ports
        facts.expect(variables.get("POSTHASTE_GATEWAY_LISTEN") == f"0.0.0.0:{ports['gateway']}", f"{where}: it does not listen on {ports['gateway']}")
        facts.expect(told.get("EXPOSE", "").split() == [str(ports["gateway"]), str(ports["grpc"])], f"{where}: EXPOSE does not name the ports")
        facts.check_command(where, json.loads(told["CMD"]))
        health = re.search(r"CMD (\[.*\])", told.get("HEALTHCHECK", ""))
        facts.expect(bool(health), f"{where}: no HEALTHCHECK")
        if health:
            program, *words = json.loads(health[1])
            facts.expect(program == "/usr/local/bin/posthaste", f"{where}: the health check runs {program}")
            facts.check_command(where, words)
        folders[stage] = variables["POSTHASTE_DATA_DIR"]
    facts.expect(dict(found["posthaste"]).get("USER") == "65532:65532", "Dockerfile: `posthaste` does not run as 65532")

    entry = facts.root / "deploy/standalone.sh"
    facts.expect(subprocess.run(["sh", "-n", entry]).returncode == 0, "deploy/standalone.sh is no shell script")
    facts.expect(shutil.which("setpriv") is None or entry.stat().st_mode & 0o111 != 0, "deploy/standalone.sh is not executable")
    return folders


def compose(facts: Facts, folder: str) -> None:
    """Checks compose.yaml as Compose itself reads it."""
    # Nothing of the caller's environment: what is checked is the file.
    read = subprocess.run(
        [shutil.which("docker-compose"), "--file", "compose.yaml", "config", "--format", "json"],
        cwd=facts.root, env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere"}, capture_output=True, text=True,
    )
    if read.returncode != 0:
        facts.problems.append(f"compose.yaml: {read.stderr.strip()}")
        return
    services = json.loads(read.stdout)["services"]
    ours, database = services["posthaste"], services["postgres"]
    facts.check_environment("compose.yaml", ours["environment"])
    facts.check_patience("compose.yaml", seconds(ours["stop_grace_period"]))
    published = {(port["target"], port.get("host_ip")) for port in ours["ports"]}
    facts.expect(published == {(port, "127.0.0.1") for port in facts.ports.values()}, f"compose.yaml: it publishes {published}")
    facts.expect([mount["target"] for mount in ours["volumes"]] == [folder], f"compose.yaml: the volume is not mounted at {folder}")
    facts.expect(ours["depends_on"]["postgres"]["condition"] == "service_healthy" and "healthcheck" in database, "compose.yaml: it does not wait for PostgreSQL")
    facts.expect(ours["build"]["target"] == "posthaste", "compose.yaml: it builds another stage")
    user, password = database["environment"]["POSTGRES_USER"], database["environment"]["POSTGRES_PASSWORD"]
    name = database["environment"]["POSTGRES_DB"]
    facts.expect(ours["environment"]["DATABASE_URL"] == f"postgres://{user}:{password}@postgres:5432/{name}", "compose.yaml: DATABASE_URL is not that of its PostgreSQL")


# The keys of fly.toml that are used here, as Fly's reference has them: a misspelt one would be passed over in silence.
FLY = {
    "": {"app", "primary_region", "kill_signal", "kill_timeout", "build", "deploy", "mounts", "http_service", "services", "vm", "env"},
    "build": {"dockerfile", "build-target"},
    "deploy": {"release_command", "release_command_timeout", "strategy"},
    "mounts": {"source", "destination", "initial_size", "auto_extend_size_threshold", "auto_extend_size_increment", "auto_extend_size_limit"},
    "http_service": {"internal_port", "force_https", "auto_stop_machines", "auto_start_machines", "min_machines_running", "concurrency", "checks"},
    "services": {"protocol", "internal_port", "auto_stop_machines", "auto_start_machines", "min_machines_running", "ports", "tcp_checks"},
    "vm": {"size", "memory"},
}


def fly(facts: Facts, folder: str) -> None:
    """Checks fly.toml."""
    told = tomllib.loads((facts.root / "fly.toml").read_text())
    for section, known in FLY.items():
        part = told if section == "" else told.get(section, {})
        for table in part if isinstance(part, list) else [part]:
            facts.expect(table.keys() <= known, f"fly.toml: [{section}] has {sorted(table.keys() - known)}")
    facts.check_environment("fly.toml", told.get("env", {}))
    facts.expect(told["kill_signal"] == "SIGTERM", "fly.toml: SIGTERM is what stops the program in order")
    facts.check_patience("fly.toml", told["kill_timeout"])
    facts.expect(told["kill_timeout"] <= 300, "fly.toml: Fly waits 300 s at most")
    facts.expect(told["build"]["build-target"] in stages((facts.root / "Dockerfile").read_text()), "fly.toml: build-target is no stage of the Dockerfile")
    facts.expect((facts.root / told["build"]["dockerfile"]).is_file(), "fly.toml: no such Dockerfile")
    facts.check_command("fly.toml", told["deploy"]["release_command"].split())
    facts.expect([mount["destination"] for mount in told["mounts"]] == [folder], f"fly.toml: the volume is not mounted at {folder}")
    ports = [told["http_service"]["internal_port"], *(service["internal_port"] for service in told["services"])]
    facts.expect(ports == list(facts.ports.values()), f"fly.toml: its internal ports are {ports}")
    for check in told["http_service"]["checks"]:
        facts.check_path("fly.toml", check["path"])
    for service in [told["http_service"], *told["services"]]:
        facts.expect(service["auto_stop_machines"] == "off", "fly.toml: a machine that is put to sleep delivers nothing")


def check(facts: Facts) -> None:
    """Checks all three."""
    folders = dockerfile(facts)
    compose(facts, folders["posthaste"])
    fly(facts, folders["standalone"])
