"""The systemd unit."""

import re
import subprocess
import tempfile
from pathlib import Path

from facts import Facts

# `systemd-analyze security`: 0.0 is locked up, 10.0 wide open; what it calls OK ends at 4.9.
MOST_EXPOSED = 2.0


def check(facts: Facts) -> None:
    """Checks it as systemd itself reads it."""
    folder = facts.root / "deploy/systemd"
    unit = (folder / "posthaste.service").read_text()
    with tempfile.TemporaryDirectory() as scratch:
        # The programs that it names need not be on this machine, nor the folder of its user; everything else is judged as it is.
        copy = Path(scratch) / "posthaste.service"
        copy.write_text(unit.replace("/usr/local/bin/posthaste", str(facts.program)))
        verified = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True)
        about_us = [line for line in verified.stderr.splitlines() if "posthaste" in line]
        facts.expect(verified.returncode == 0 and not about_us, "systemd-analyze verify:\n" + "\n".join(about_us or [verified.stderr]))
        judged = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", copy], capture_output=True, text=True)
        exposure = re.search(r"Overall exposure level for posthaste.service: ([\d.]+)", judged.stdout)
        facts.expect(
            bool(exposure) and float(exposure[1]) <= MOST_EXPOSED,
            f"systemd-analyze security: {exposure[0] if exposure else judged.stderr}; {MOST_EXPOSED} at most",
        )
    told = dict(re.findall(r"^(\w+)=(.*)$", unit, re.MULTILINE))
    facts.check_patience("posthaste.service", float(told["TimeoutStopSec"]))
    facts.check_environment("posthaste.service", dict(re.findall(r"^Environment=(\w+)=(.*)$", unit, re.MULTILINE)))
    facts.expect(told["ExecStart"] == "/usr/local/bin/posthaste serve", "posthaste.service: it starts something else")
    facts.expect(f"/var/lib/{told['StateDirectory']}" in unit, "posthaste.service: POSTHASTE_DATA_DIR is not its StateDirectory")
    example = (folder / "posthaste.env").read_text()
    facts.check_environment("posthaste.env", dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE)))
