"""Measures what is promised of the program in the image: its size, the time until it is ready, and what it holds in memory while idle.

Usage: figures.py PROGRAM          with DATABASE_URL in the environment
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path

from images import environment, stages

# An image of 60 MB, compressed, less what its base takes at most.
MOST_BYTES = 60_000_000 - 20_000_000
# Against a PostgreSQL that runs and has the schema.
MOST_SECONDS = 1.0
MOST_RESIDENT = 40_000_000
# How often it is started: the best counts, for the rest is what else the machine did.
STARTS = 5
# How long it is left alone before its memory is read, in seconds.
IDLE = 3


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def image() -> dict[str, str]:
    """What the image sets."""
    dockerfile = Path(__file__).parents[2] / "Dockerfile"
    return environment(dict(stages(dockerfile.read_text())["posthaste"])["ENV"])


def start(program: Path, folder: str) -> tuple[subprocess.Popen, float]:
    """Starts it: the process, and the seconds until it was ready."""
    port = free_port()
    variables = os.environ | image() | {
        "POSTHASTE_DATA_DIR": folder, "POSTHASTE_GATEWAY_LISTEN": f"127.0.0.1:{port}", "POSTHASTE_GRPC_LISTEN": f"127.0.0.1:{free_port()}",
    }
    begun = time.monotonic()
    process = subprocess.Popen([program, "serve"], env=variables, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not is_ready(port):
        if process.poll() is not None or time.monotonic() - begun > 60:
            process.kill()
            sys.exit(f"{program} did not become ready")
        time.sleep(0.005)
    return process, time.monotonic() - begun


def resident(process: subprocess.Popen) -> int:
    """Bytes in memory."""
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())[1]) * 1024


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    process.wait(70)


def main(program: Path) -> None:
    size = program.stat().st_size
    compressed = len(zlib.compress(program.read_bytes(), 6))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "migrate"], check=True, cwd=folder)
        times = []
        for _ in range(STARTS):
            process, seconds = start(program, folder)
            times.append(seconds)
            if len(times) == STARTS:
                time.sleep(IDLE)
                held = resident(process)
            stop(process)
    print(f"program: {size / 1e6:.1f} MB, {compressed / 1e6:.1f} MB compressed (at most {MOST_BYTES / 1e6:.0f})")
    print(f"start to ready: {', '.join(f'{seconds * 1000:.0f}' for seconds in times)} ms (the best at most {MOST_SECONDS * 1000:.0f})")
    print(f"resident while idle: {held / 1e6:.1f} MB (at most {MOST_RESIDENT / 1e6:.0f})")
    if compressed > MOST_BYTES or min(times) > MOST_SECONDS or held > MOST_RESIDENT:
        sys.exit("that is more than is promised")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
