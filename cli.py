"""Run the command line from a clone: `python cli.py build …`."""

from oodml_bench.cli import main

if __name__ == "__main__":
    main()
