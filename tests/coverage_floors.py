"""Fail where too few lines of the package, or of one of its files, are reached by the tests; run by `make coverage`."""

import json
import subprocess
import sys

#: Per cent of the lines: of the whole package, and of each file.
OF_ALL, OF_EACH = 90, 75


def main() -> None:
    """Read what `coverage` measured, and exit with a message where it is too little."""
    subprocess.run([sys.executable, "-m", "coverage", "combine", "--quiet"], check=True)
    report = subprocess.run(
        [sys.executable, "-m", "coverage", "json", "--quiet", "-o", "-"], check=True, capture_output=True, text=True
    )
    measured = json.loads(report.stdout)
    of_all = measured["totals"]["percent_covered"]
    below = {
        name: of_file["summary"]["percent_covered"]
        for name, of_file in measured["files"].items()
        if of_file["summary"]["percent_covered"] < OF_EACH
    }
    print(f"{of_all:.1f} % of the lines are reached by the tests")
    for name, percent in sorted(below.items()):
        print(f"{name}: {percent:.0f} %, below {OF_EACH} %")
    if below or of_all < OF_ALL:
        sys.exit(f"too little: at least {OF_ALL} % of all, and {OF_EACH} % of each file")


if __name__ == "__main__":
    main()
