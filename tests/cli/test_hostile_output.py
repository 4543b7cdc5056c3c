"""What comes from data cannot steer a terminal: every command, on names that try."""

import json
import re
import tokenize
import warnings
from collections.abc import Callable, Iterator
from html import unescape
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import click
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import oodml_bench
from oodml_bench.cli import main
from oodml_bench.cli.echo import echo, echo_json
from oodml_bench.cli.failures import show_failures
from oodml_bench.cli.tables import show_table
from oodml_bench.errors import InputError
from oodml_bench.printing import printable
from oodml_bench.reporting import embedding
from oodml_bench.splits import load_benchmark

from ..splits.benchmarks import write_arrays
from .test_training_commands import write_recipe

#: Clears the screen; sets the title of the window; overwrites the line; starts another one; turns text round; the same
#: as C1 characters; what rich and Markdown, HTML, spreadsheets and figures read as more than text.
HOSTILE = (
    "\x1b[2J\x1b]0;t\x07\rError: pwned\n\u202eover\u2066\x9b31m\u2028[red]x :smile: =HYPERLINK(1) <script> $\\frac$"
)

#: Has joiners and marks that belong to it.
HONEST = "é漢👩\u200d👩\u200d👧 שלום\u200f"

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def assert_harmless(text: str) -> None:
    """Assert that nothing in a text steers a terminal, and that no line begins as the hostile name wants it to."""
    assert not CONTROL.search(text), repr(text)
    assert not any(line.startswith(("over", "\\u202eover", "Error: pwned")) for line in text.splitlines())


def leaves(group: click.Group, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*above, name))
        else:
            yield (*above, name)


COMMANDS = [" ".join(path) for path in leaves(main)]

ADAPTATION = 'steps = 2\nobjective = { name = "proxy_anchor" }\nbatches = { size = 8 }\n'


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a dataset whose own name and whose class and file names are hostile, one class also honest."""
    folder = tmp_path_factory.mktemp("hostile")
    root = folder / HOSTILE
    rng = np.random.default_rng(0)
    for number in range(16):
        name = root / (HONEST if number == 3 else f"{HOSTILE}{number:02}")
        name.mkdir(parents=True)
        colour = rng.integers(0, 256, (1, 1, 3))
        for sample in range(5):
            noise = rng.integers(-20, 20, (12, 12, 3))
            picture = np.clip(colour + noise, 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(name / f"{HOSTILE}{sample}.png")
    write_recipe(folder / "plain.toml", epochs=1)
    recipe = (folder / "plain.toml").read_text()
    (folder / "recipe.toml").write_text(f"name = {json.dumps(RECIPE)}\n{recipe}")
    (folder / "by.toml").write_text(f"name = {json.dumps(RECIPE)}\n{ADAPTATION}")
    return folder


#: What a recipe may be called that another has written: it names a folder.
RECIPE = "\x1b[2J\x9b31m\u202eover [bold]x :smile: =1+1 <script> $x^$"


def in_order(world: Path) -> dict[str, list[list[object]]]:
    """Give the calls of each command, in an order in which each finds what it needs."""
    data, store, splits, runs = f"folder:{world / HOSTILE}", world / "store", world / f"{HOSTILE}.pkl", world / "runs"
    recipe, by, one = world / "recipe.toml", world / "by.toml", world / "one"
    network = ("--backbone", "efficientnet_lite0", "--image-size", 32, "--device", "cpu", "--workers", 0)
    build = ("--levels", 3, "--shots", 2, "--episodes", 2, "--null-draws", 5, "--min-samples", 2)
    cpu = ("--device", "cpu")
    return {
        "extract": [[data, "--out", store, *network], [data, "--out", store, *network]],
        "build": [[store, "--out", splits, *build]],
        "inspect": [[splits]],
        "distance": [[store, "--null-draws", 5]],
        "agree": [[splits, store, world / "other.npz", "--figure", world / "agree.svg"]],
        "progression": [[store, "--out", world / "progression.json"]],
        "validate": [[splits, store, "--recipes", recipe, "--seeds", "0", "--shots", 2, "--by", by, "--episodes", 1]],
        "train": [[splits, store, "--level", 1, "--recipe", recipe, "--out", one, *cpu]],
        "evaluate": [[one, *cpu], [one, "--on", store, *cpu]],
        "sweep": [[splits, store, "--recipes", recipe, "--levels", "1,2", "--out", runs, *cpu]],
        "adapt": [[one, "--shots", 2, "--by", by, *cpu], [runs, "--shots", 2, "--by", by, *cpu]],
        "score-embeddings": [
            [splits, world / "embeddings.npz", "--level", "all", "--name", HOSTILE, "--out", world / "scores.jsonl"]
        ],
        "plot fid": [[splits, "--out", world / "fid.svg"]],
        "plot umap": [[splits, store, "--out", world / "umap.svg"]],
        "plot curves": [[runs, "--out", world / "c.svg"], [world / "scores.jsonl", "--out", world / "h.svg"]],
        "plot ags": [[runs, "--out", world / "a.svg"], [world / "scores.jsonl", "--out", world / "g.svg"]],
        "plot fewshot": [[runs, "--out", world / "fewshot.svg"]],
        "report": [[splits, "--features", store, "--images", data, "--runs", runs, "--out", world / "page"]],
        "verify": [[splits, "--features", store, "--images", data], [splits, "--json"]],
        "audit": [[splits, "--features", store, "--images", data]],
    }


def write_others(world: Path) -> None:
    """Write features and embeddings of the same samples, of no meaning."""
    from oodml_bench.features import open_features

    rows = [row for batch in open_features(world / "store").batches(("class", "sample")) for row in batch.to_pylist()]
    vectors = np.random.default_rng(1).normal(size=(len(rows), 6)).astype(np.float32)
    classes, samples = ([row[key] for row in rows] for key in ("class", "sample"))
    np.savez(world / "other.npz", features=vectors, classes=np.array(classes), samples=np.array(samples))
    np.savez(world / "embeddings.npz", embeddings=vectors, samples=np.array(samples))


@pytest.fixture(scope="module")
def results(world: Path) -> dict[str, list]:
    """Run every command once, with a projection in place of UMAP, which takes long and knows no names."""
    done = {}
    with pytest.MonkeyPatch.context() as patched, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        patched.setattr(embedding, "_fitted", lambda matrix, *_: np.asarray(matrix[:, :2], np.float64))
        for name, calls in in_order(world).items():
            if name == "agree":
                write_others(world)
            done[name] = [run(*name.split(), *call) for call in calls]
    for warning in warned:
        # Python prints them as they are.
        assert_harmless(str(warning.message))
    return done


def test_every_command_is_tried(world: Path) -> None:
    assert sorted(in_order(world)) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_prints_nothing_that_steers_a_terminal(command: str, results: dict[str, list]) -> None:
    for done in results[command]:
        assert done.exit_code == 0, done.output
        assert_harmless(done.stdout)
        assert_harmless(done.stderr)


def test_hostile_names_are_there_to_be_read(results: dict[str, list], world: Path) -> None:
    """The test above would pass were no name ever printed."""
    shown = printable(HOSTILE)
    for command in ("extract", "build", "inspect", "agree", "score-embeddings", "train", "adapt"):
        assert shown in results[command][0].stdout, command
    for command in ("validate", "sweep", "adapt"):
        assert printable(RECIPE) in results[command][-1].stdout, command
    assert load_benchmark(world / f"{HOSTILE}.pkl").name == HOSTILE


@pytest.mark.usefixtures("results")
def test_figures_of_hostile_names_are_whole(world: Path) -> None:
    """XML allows no control characters, and a dollar begins no formula."""
    written = sorted(world.glob("*.svg"))
    assert len(written) == 8
    for path in written:
        ElementTree.parse(path)  # noqa: S314 (written by the test)
    assert printable(RECIPE) in unescape((world / "a.svg").read_text())
    assert printable(HOSTILE) in unescape((world / "g.svg").read_text())


ERRORS = [
    ("extract", "folder:{hostile}", "--out", "{tmp}/store"),
    ("extract", "{hostile}", "--out", "{tmp}/store"),
    ("extract", "{tmp}", "--out", "{tmp}/store"),
    ("extract", "hf:{hostile}", "--out", "{tmp}/store"),
    ("extract", "torchvision:{hostile}:{tmp}", "--out", "{tmp}/store"),
    ("extract", "arrays:{tmp}/pictures.npz", "--backbone", "{hostile}", "--out", "{tmp}/store"),
    ("build", "{hostile}", "--out", "{tmp}/x.pkl"),
    ("build", "{tmp}/x.npz", "--out", "{tmp}/x{hostile}.csv"),
    ("build", "{tmp}/x.npz", "--at", "{hostile}", "--out", "{tmp}/x.pkl"),
    ("build", "{tmp}/x.npz", "--keep-test", "{tmp}/names{hostile}.txt", "--out", "{tmp}/x.pkl"),
    ("inspect", "{hostile}"),
    ("distance", "{tmp}/x.npz", "--train", "{tmp}/names{hostile}.txt", "--test", "{tmp}/names{hostile}.txt"),
    ("train", "{hostile}", "{hostile}", "--level", "1", "--recipe", "{hostile}", "--out", "{tmp}/run"),
    ("evaluate", "{hostile}"),
    ("adapt", "{hostile}", "--shots", "2"),
    ("score-embeddings", "{hostile}", "{hostile}", "--level", "all"),
    ("plot", "fid", "{hostile}", "--out", "{tmp}/x{hostile}"),
    ("plot", "umap", "{tmp}", "{tmp}", "{hostile}", "--out", "{tmp}/x.png"),
    ("report", "{hostile}", "--out", "{tmp}/page"),
    # What click itself says.
    ("{hostile}",),
    ("--{hostile}",),
    ("plot", "{hostile}"),
    ("inspect", "a", "{hostile}"),
    ("inspect", "a", "--{hostile}"),
    ("train", "a", "b", "--level", "{hostile}"),
    ("build", "a", "--shots", "{hostile}", "--out", "x.pkl"),
    ("build", "a", "--method", "{hostile}", "--out", "x.pkl"),
]


@pytest.mark.parametrize("arguments", ERRORS, ids=lambda arguments: "-".join(arguments[:2]).replace("/", ""))
def test_errors_print_nothing_that_steers_a_terminal(arguments: tuple[str, ...], tmp_path: Path) -> None:
    hostile = HOSTILE
    write_arrays(tmp_path / "x.npz", names=[f"{HOSTILE}{number}" for number in range(8)])
    np.savez(tmp_path / "pictures.npz", images=np.zeros((2, 4, 4), np.uint8), classes=[HOSTILE, "a"])
    (tmp_path / f"names{HOSTILE}.txt").write_text(HOSTILE.replace("\n", " ") + "\n")
    done = run(*(argument.format(hostile=hostile, tmp=tmp_path) for argument in arguments))
    assert done.exit_code in (1, 2), done.output
    assert "Error: " in done.stderr
    assert_harmless(done.stdout)
    assert_harmless(done.stderr)


def test_help_keeps_its_lines() -> None:
    for arguments in ((), ("plot",), ("--help",)):
        assert "\nCommands:\n" in run(*arguments).output


def test_a_message_of_several_lines_keeps_them_and_no_more() -> None:
    command = click.Command("x", callback=lambda: (_ for _ in ()).throw(InputError("one\ntwo", "three")))
    group = type(main)(commands={"x": command})
    done = CliRunner().invoke(group, ["x"])
    assert (done.exit_code, done.stderr) == (2, "Error: one\\ntwo\nthree\n")


def test_failures_are_told_in_a_line_each() -> None:
    command = click.Command("x", callback=lambda: show_failures({HOSTILE: HOSTILE, "b": "c"}))
    done = CliRunner().invoke(command)
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 3
    assert_harmless(done.stderr)


def echoed(show: Callable[[], None]) -> str:
    return CliRunner().invoke(click.Command("x", callback=show), catch_exceptions=False).stdout


@given(text=st.text(st.characters(codec=None)))
def test_a_line_stays_one_whatever_is_in_it(text: str) -> None:
    shown = echoed(lambda: echo(text))
    assert shown.count("\n") == 1
    assert not CONTROL.search(shown)
    assert len(shown.splitlines()) == 1


@given(character=st.characters(codec=None) | st.sampled_from([*HOSTILE, *HONEST]), before=st.text(), after=st.text())
def test_what_is_harmless_stays_and_the_rest_is_escaped(character: str, before: str, after: str) -> None:
    harmful = character == "\n" or CONTROL.match(character) is not None
    assert (printable(character) != character) == harmful
    assert printable(character).encode().decode("unicode_escape" if harmful else "utf-8") == character
    assert printable(before + character + after) == printable(before) + printable(character) + printable(after)


def test_text_of_many_scripts_is_untouched() -> None:
    assert printable(HONEST) == HONEST
    assert echoed(lambda: echo(HONEST)) == f"{HONEST}\n"


@pytest.mark.parametrize("text", [HOSTILE, HONEST, "[red]x[/red]", ":smile:", "[link=file:///x]y", "a\tb"])
def test_a_cell_is_text_on_one_line(text: str) -> None:
    shown = echoed(lambda: show_table([text, ("two", text)], [[text, "1"]] * 2))
    assert not CONTROL.search(shown)
    assert shown.count(printable(text)) == 4
    assert len(shown.splitlines()) == 4


def test_no_table_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    long = "x" * 500
    assert long in echoed(lambda: show_table(["a", long], [["1", "2"]]))


def test_json_for_programs_is_whole_and_plain() -> None:
    shown = echoed(lambda: echo_json({HOSTILE: [HONEST, 1]}))
    assert shown.isascii()
    assert not CONTROL.search(shown)
    assert json.loads(shown) == {HOSTILE: [HONEST, 1]}


def test_there_is_no_other_way_to_the_terminal() -> None:
    """What prints makes text harmless first; commands, those that are added later too, print through two modules."""
    package = Path(oodml_bench.__file__).parent
    found = [
        path
        for path in package.rglob("*.py")
        if re.search(
            r"click\.(s?echo|secho)\b|(?<![\w.`>] )(?<![\w.])print\(|\bConsole\(|sys\.std(out|err)\.write",
            code_of(path),
        )
    ]
    assert {path.name for path in found if path.parent.name == "cli"} == {"echo.py", "tables.py"}
    assert [path for path in found if "oodml_bench.printing" not in path.read_text(encoding="utf-8")] == []


def code_of(path: Path) -> str:
    """Give the source of a module without comments and text."""
    kept = (tokenize.NAME, tokenize.OP, tokenize.NEWLINE)
    tokens = tokenize.generate_tokens(StringIO(path.read_text(encoding="utf-8")).readline)
    return "".join(token.string if token.type in kept else " " for token in tokens)
