"""What `docker build .` would be given: the files of this checkout that .dockerignore lets pass, copied into a folder.

Usage: context.py ROOT FOLDER
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path


def rules(text: str) -> list[tuple[bool, re.Pattern]]:
    """The rules in their order: whether a match is let pass, and what matches. As Docker reads them: from the root, `**` is any depth."""
    found = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        passes = line.startswith("!")
        pattern = line.lstrip("!").strip("/")
        expression = re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
        # What lies in a folder that matches, too.
        found.append((passes, re.compile(f"{expression}(?:/.*)?")))
    return found


def let_pass(path: str, found: list[tuple[bool, re.Pattern]]) -> bool:
    """Whether the last rule that matches lets it pass; without one it does."""
    verdict = True
    for passes, pattern in found:
        if pattern.fullmatch(path):
            verdict = passes
    return verdict


def main(root: Path, folder: Path) -> None:
    found = rules((root / ".dockerignore").read_text())
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, check=True, capture_output=True, text=True
    )
    wanted = {path for path in listed.stdout.split("\0") if path and (root / path).is_file() and let_pass(path, found)}
    for path in sorted(wanted):
        source, target = root / path, folder / path
        # What did not change is left: cargo looks at the times of files.
        if target.is_file() and target.stat().st_mtime_ns == source.stat().st_mtime_ns:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    for here, _, names in os.walk(folder):
        for name in names:
            path = Path(here, name)
            if str(path.relative_to(folder)) not in wanted:
                path.unlink()
    print(f"{len(wanted)} files, {sum((folder / path).stat().st_size for path in wanted) / 1e6:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
