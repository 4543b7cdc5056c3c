"""Run every measurement, one after the other, and write the results with the machine that they were taken on."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import click
from machine import description_of_machine
from tables import read_tables, write_json

from oodml_bench.output import write_bytes

HERE = Path(__file__).parent
SCRIPTS = (
    "one_distance",
    "whole_benchmark",
    "large_progression",
    "hardness_scaling",
    "image_costs",
    "ray_overhead",
    "memory",
    "evaluation_speed",
    "training_speed",
    "adaptation_speed",
)


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes, to see that it runs.")
@click.option("--out", type=click.Path(path_type=Path), default=HERE, help="Folder of results.md and results.json.")
def main(quick: bool, out: Path) -> None:
    """Run every measurement; what is finished is kept where a later one fails."""
    results = {}
    for script in SCRIPTS:
        with tempfile.TemporaryDirectory() as folder:
            tables_file = Path(folder) / "tables.json"
            options = ["--quick"] if quick else []
            command = [sys.executable, HERE / f"{script}.py", *options, "--json", tables_file]
            subprocess.run(command, check=True)  # noqa: S603 (our own scripts)
            results[script] = read_tables(tables_file)
        _write(out, results)


def _write(out: Path, results: dict) -> None:  # type: ignore[type-arg]
    machine = description_of_machine()
    lines = ["# Measured results", "", *(f"- {name}: {value}" for name, value in machine.items()), ""]
    for script, tables in results.items():
        lines += [f"## `python perf/{script}.py`", "", *(table.markdown() for table in tables)]
    write_bytes(out / "results.md", "\n".join(lines).encode())
    content = {script: [asdict(table) for table in tables] for script, tables in results.items()}
    write_json(out / "results.json", {"machine": machine, "results": content})


if __name__ == "__main__":
    main()
