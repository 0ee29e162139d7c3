"""The Helm chart and the plain manifests of Kubernetes."""

import warnings
from pathlib import Path

import helm_python as helm
import kubernetes_validate
import yaml

from facts import Facts

# What is rendered: the least that must be given, and everything that can be switched.
SECRETS_KEY = "A" * 43 + "="
RELEASES = {
    "an existing secret": {"existingSecret": "kept", "existingSecretHasListenUrl": True},
    "everything": {
        "database": {"url": "postgres://u:p@db:5432/posthaste", "listenUrl": "postgres://u:p@direct:5432/posthaste"},
        "secretsKey": SECRETS_KEY,
        "settings": {"log.format": "json", "dispatcher.max_in_flight": 8192, "gateway.payload_max": "2MiB", "embedded.download": False},
        "ingress": {"enabled": True, "className": "nginx", "host": "hooks.example.com", "tlsSecret": "hooks-tls", "annotations": {"a": "b"}},
        "image": {"repository": "registry.example.com/posthaste", "tag": "x", "pullPolicy": "Always", "pullSecrets": ["regcred"]},
        "podAnnotations": {"a": "b"}, "podLabels": {"team": "hooks"}, "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
    },
}
# What must be refused, and a word of the reason.
REFUSED = {
    "nothing given": ({}, "database.url"),
    "no key": ({"database": {"url": "postgres://db/x"}}, "secretsKey"),
    "a key that is none": ({"existingSecret": "kept", "secretsKey": "hush"}, "secretsKey"),
    "a value that is not known": ({"existingSecret": "kept", "replicaCount": 3}, "replicaCount"),
}


def documents(text: str) -> list[dict]:
    """The manifests in a file of YAML."""
    return [document for document in yaml.safe_load_all(text) if document]


def check_manifests(facts: Facts, where: str, manifests: list[dict]) -> None:
    """Each keeps to the schema of its kind, nothing unknown in it; and the pods are what the program needs."""
    kinds = [manifest["kind"] for manifest in manifests]
    for manifest in manifests:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                kubernetes_validate.validate(manifest, "1.30", strict=True)
        except Exception as error:  # The library has several kinds; each is a finding.
            at = "/".join(str(part) for part in getattr(error, "absolute_path", []))
            facts.problems.append(f"{where}, {manifest['kind']} {at}: {getattr(error, 'message', error)}")
    facts.expect(kinds.count("Deployment") == 1 and "Service" in kinds, f"{where}: there are {kinds}")
    for manifest in manifests:
        if manifest["kind"] == "Deployment":
            check_pod(facts, where, manifest["spec"])
        elif manifest["kind"] == "Service":
            ports = {port["name"]: port["targetPort"] for port in manifest["spec"]["ports"]}
            facts.expect(ports == {"http": "http", "grpc": "grpc"}, f"{where}: the service's ports are {ports}")


def check_pod(facts: Facts, where: str, deployment: dict) -> None:
    """The pod of a deployment fits the program."""
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    facts.check_environment(where, {entry["name"]: entry.get("value") for entry in container["env"]})
    names = [entry["name"] for entry in container["env"]]
    facts.expect(len(set(names)) == len(names), f"{where}: a variable is set twice: {names}")
    facts.expect({"DATABASE_URL", "POSTHASTE_SECRETS_KEY"} <= set(names), f"{where}: nodes need a database and a key that they share")
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    facts.check_patience(where, pod["terminationGracePeriodSeconds"], before)
    ports = [port["containerPort"] for port in container["ports"]]
    facts.expect(ports == list(facts.ports.values()), f"{where}: the container's ports are {ports}")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        facts.check_path(where, container[probe]["httpGet"]["path"])
    facts.expect(container["livenessProbe"]["httpGet"]["path"] == "/healthz", f"{where}: a pod is restarted while PostgreSQL is away")
    facts.check_command(where, container["args"])
    security = container["securityContext"]
    facts.expect(
        pod["securityContext"]["runAsNonRoot"] and security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
        and security["capabilities"] == {"drop": ["ALL"]},
        f"{where}: the pod may more than it needs",
    )


def chart(facts: Facts) -> None:
    """Helm's own lint, and what it renders."""
    folder = facts.root / "deploy/helm/posthaste"
    linted = helm.lint(str(folder), values=RELEASES["an existing secret"])
    facts.expect(not worst(linted), f"helm lint: {linted}")
    with helm.Chart.load(str(folder)) as loaded:
        version = workspace_version(facts.root)
        facts.expect(loaded.metadata["appVersion"] == version, f"Chart.yaml: appVersion is not that of Cargo.toml, {version}")
        for name, values in RELEASES.items():
            rendered = loaded.render(values, name="posthaste", namespace="hooks")
            manifests = [m for path, text in sorted(rendered.items()) if path.endswith(".yaml") for m in documents(text)]
            check_manifests(facts, f"chart with {name}", manifests)
            kinds = {manifest["kind"] for manifest in manifests}
            facts.expect(("Ingress" in kinds) == (name == "everything"), f"chart with {name}: there are {kinds}")
            facts.expect(("Secret" in kinds) == (name == "everything"), f"chart with {name}: there are {kinds}")
        for name, (values, word) in REFUSED.items():
            try:
                loaded.validate_schema(loaded.merge_values(values))
                loaded.render(values, name="posthaste", namespace="hooks")
                facts.problems.append(f"chart with {name}: it is rendered")
            except helm.HelmError as error:
                facts.expect(word in str(error), f"chart with {name}: {error}")


def worst(linted: object) -> bool:
    """Whether lint found more than a hint."""
    found = linted.get("messages", linted) if isinstance(linted, dict) else linted
    return any(str(entry.get("severity", "")).lower() in ("warning", "error", "2", "3") for entry in found if isinstance(entry, dict))


def workspace_version(root: Path) -> str:
    """The version of this program."""
    import tomllib

    return tomllib.loads((root / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def plain(facts: Facts) -> None:
    """The manifests that need no Helm."""
    folder = facts.root / "deploy/kubernetes"
    (customization,) = documents((folder / "kustomization.yaml").read_text())
    there = sorted(path.name for path in folder.glob("*.yaml") if path.name != "kustomization.yaml")
    facts.expect(sorted(customization["resources"]) == there, f"kustomization.yaml does not list {there}")
    manifests = [m for name in customization["resources"] for m in documents((folder / name).read_text())]
    check_manifests(facts, "deploy/kubernetes", manifests)
    for manifest in manifests:
        space = manifest["metadata"].get("namespace", manifest["metadata"]["name"])
        facts.expect(space == customization["namespace"], f"deploy/kubernetes: {manifest['kind']} is in {space}")
    (image,) = customization["images"]
    facts.expect(image["newTag"] == workspace_version(facts.root), "kustomization.yaml: newTag is not the version of Cargo.toml")


def check(facts: Facts) -> None:
    """Checks both."""
    chart(facts)
    plain(facts)
