"""Imports point one way, and importing the package stays cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pywasmjit"

LAYERS = {
    "display": -1,
    "starting": -1,
    "records": 0,
    "errors": 0,
    "wasm": 1,
    "text": 2,
    "codegen": 2,
    "runtime": 3,
    "guest": 4,
    "wali": 5,
    "wasi": 5,
    "api": 6,
}
COMMAND_LINE = 7
"""Modules at the top that are not listed belong to the command line."""

EVERYTHING = {"guest.policy.preload"}
"""Modules that load all others by walking the package, whatever its parts are."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def layer(dotted: str) -> tuple[int, str]:
    """Return height and name of the part of the package that `dotted` (without "pywasmjit.") belongs to."""
    part = dotted.split(".")[0] or "api"
    return LAYERS.get(part, COMMAND_LINE), part


def dotted_name(path: Path) -> str:
    """Return a module's name without "pywasmjit."."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


def own_imports(path: Path) -> Iterator[str]:
    """Yield what a file imports from this package, without "pywasmjit."; imports inside functions count too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
            if node.module == "pywasmjit":
                names = [f"pywasmjit.{alias.name}" if is_module(alias.name) else "pywasmjit" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name == "pywasmjit" or name.startswith("pywasmjit."):
                yield name.removeprefix("pywasmjit").removeprefix(".")


def is_module(name: str) -> bool:
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    dotted = dotted_name(path)
    height, part = layer(dotted)
    upward = [
        name
        for name in own_imports(path)
        if layer(name)[0] > height or (layer(name)[0] == height < COMMAND_LINE and layer(name)[1] != part)
    ]
    if dotted in EVERYTHING:
        upward.remove("")
    assert upward == []


GUEST = {"guest.abi": 0, "guest.memory.guest_memory": 0, "guest.memory.ranges": 0, "guest.kernel": 1}
"""Height inside of `guest/`: layouts and the view of memory, the kernel, and above them what keeps state."""
STATE = 2


def guest_height(dotted: str) -> int:
    """Return the height of a module of the guest process."""
    return next((height for part, height in GUEST.items() if f"{dotted}.".startswith(f"{part}.")), STATE)


@pytest.mark.parametrize("path", sorted((PACKAGE / "guest").rglob("*.py")), ids=lambda path: path.stem)
def test_inside_the_guest_process_imports_point_down(path: Path) -> None:
    dotted = dotted_name(path)
    inside = [name for name in own_imports(path) if name.startswith("guest.")]
    assert [name for name in inside if guest_height(name) > guest_height(dotted)] == []


def test_the_faces_of_the_guest_process_are_above_it() -> None:
    """Even in text: what is below does not name what is above."""
    naming = [path for path in (PACKAGE / "guest").rglob("*.py") if "pywasmjit.wali." in path.read_text("utf-8")]
    assert naming == []


def at_import_time(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run when a module is imported."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from at_import_time(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in ("body", "orelse", "finalbody", "handlers"):
                inner = getattr(node, part, [])
                yield from at_import_time([each for each in inner if isinstance(each, ast.stmt | ast.ExceptHandler)])


def import_graph() -> dict[str, set[str]]:
    """Return, for each module, those of the package that must be there before it."""
    graph = {}
    for path in MODULES:
        wanted: set[str] = set()
        for node in at_import_time(ast.parse(path.read_text(encoding="utf-8")).body):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                module = node.module or ""
                deeper = [f"{module}.{alias.name}" for alias in node.names]
                names = [each if is_module(inner(each).replace(".", "/")) else module for each in deeper]
            wanted.update(inner(name) for name in names if name.split(".")[0] == "pywasmjit")
        graph[dotted_name(path)] = wanted
    return graph


def inner(name: str) -> str:
    return name.removeprefix("pywasmjit").removeprefix(".")


def test_no_circle_at_import_time() -> None:
    graph = import_graph()
    assert len(graph) > 150
    while leaves := {name for name, wanted in graph.items() if not wanted & graph.keys() - {name}}:
        graph = {name: wanted for name, wanted in graph.items() if name not in leaves}
    assert graph == {}


def loaded_by(statement: str) -> set[str]:
    command = [sys.executable, "-c", f"import sys; {statement}; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_import_loads_neither_command_line_nor_programs() -> None:
    loaded = loaded_by("import pywasmjit")
    assert "pywasmjit.api" in loaded
    assert not {"click", "pywasmjit.cli", "pywasmjit.program", "asyncio", "logging", "subprocess"} & loaded


def test_command_line_loads_what_it_needs_only() -> None:
    assert "pywasmjit.inspection" not in loaded_by("import pywasmjit.cli")


def test_a_run_loads_what_it_needs_only() -> None:
    """Each costs a small program a seventh of its start."""
    root = PACKAGE.parent
    example = str(root / "examples" / "wc.wasm")
    lines = f"import atexit, sys; atexit.register(lambda: print(*sys.modules)); sys.argv[1:] = ['run', {example!r}]"
    command = [sys.executable, "-c", f"{lines}; from pywasmjit.cli import main; main()"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root, stdin=subprocess.DEVNULL)
    loaded = set(done.stdout.split())
    assert "pywasmjit.guest.process" in loaded
    assert not {"bytecode", "dataclasses"} & loaded


# Behind walls.

BEFORE_WALLS = """
import sys
import pywasmjit.guest.policy.walls as walls
from pywasmjit.program import Program

def only_import(*arguments, early_imports, **options):
    walls.import_what_runs(early_imports)
    print(*sys.modules)
    sys.exit()

walls.raise_walls = only_import
Program(file=sys.argv[1]).run()
"""

NOT_BEHIND_WALLS = {
    ("socket", "guest/kernel/sockets.py"): "where there is no ctypes, and no walls",
    ("socket", "guest/policy/network.py"): "to read `net=`, before",
    ("tempfile", "wali/environment.py"): "where there is no memfd_create, and no walls",
    ("pkgutil", "guest/policy/preload.py"): "chroot, which no sandbox has",
    ("inspect", "runtime/functions.py"): "what `help` shows of functions, which nobody asks for while a guest runs",
    ("traceback", "diagnostics.py"): "the same",
    ("traceback", "program.py"): "imported before if -v asks for it",
    ("pywasmjit.invocation", "program.py"): "imported before if --invoke asks for it",
    ("pywasmjit.wali.strace", "program.py"): "imported before if --strace asks for it",
    ("pywasmjit.guest.kernel.calling", "guest/processes/execution.py"): "imported by what raises walls",
    ("pywasmjit.wali.succession", "wali/provider.py"): "execve: who may execute can read the library",
}
"""(what is imported, where) -> why it may be."""
RUNS = ("display.py", "errors.py", "diagnostics.py", "program.py", "wasm/", "codegen/", "runtime/", "guest/", "wali/")


def late_imports(path: Path) -> Iterator[str]:
    """Yield what functions of a file import."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom):
                    names = (f"{node.module}.{alias.name}" for alias in node.names)
                    ours = [name for name in names if is_module(name.removeprefix("pywasmjit.").replace(".", "/"))]
                    yield from ours or [node.module or ""]


def test_nothing_is_imported_late_that_walls_would_keep_out() -> None:
    example = PACKAGE.parent / "examples" / "wc.wasm"
    command = [sys.executable, "-c", BEFORE_WALLS, str(example)]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    paths = [path for path in MODULES if str(path.relative_to(PACKAGE)).startswith(RUNS) and path.name != "walls.py"]
    late = {(name, str(path.relative_to(PACKAGE))) for path in paths for name in late_imports(path)}
    assert len(late) > 20
    assert {each for each in late if each[0] not in loaded} - NOT_BEHIND_WALLS.keys() == set()


# Inside codegen.

CODEGEN = [path for path in MODULES if PACKAGE / "codegen" in path.parents]
SHARED = {"bounds", "conventions", "template", "analyses", "target", "verifier"}
"""Parts that no compiler is needed for."""


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imported_at_once(path: Path) -> Iterator[str]:
    """Yield the modules of the package that importing a file imports; not what only type checkers see."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pywasmjit"):
            parent = (node.module or "").removeprefix("pywasmjit").removeprefix(".")
            for alias in node.names:
                inner = f"{parent}.{alias.name}".removeprefix(".")
                yield inner if is_module(inner.replace(".", "/")) else parent


def parts_below(name: str) -> tuple[str, ...]:
    """Return the parts of a module's name below "codegen"."""
    return tuple(name.split("."))[1:]


@pytest.mark.parametrize("path", CODEGEN, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_of_codegen_import_what_they_may(path: Path) -> None:
    name = name_of(path)
    within = [each for each in own_imports(path) if each.startswith("codegen")]
    part = (*parts_below(name), "")[0]
    if part in SHARED:
        assert [each for each in within if parts_below(each)[:1] in (("baseline",), ("unit",))] == []
    if part in ("verifier", "target"):
        assert [each for each in within if parts_below(each)[:1] not in ((), (part,))] == []
    if part == "target":
        assert [each for each in own_imports(path) if each.startswith("wasm")] == []
    if "emitters" in parts_below(name):
        drivers = {"codegen.baseline.driver", "codegen.baseline.claims", "codegen.unit"}
        assert drivers & {*within, *imported_at_once(path)} == set()


def test_the_driver_stands_above_all_emitters() -> None:
    emitters = {name_of(path) for path in CODEGEN if path.parent.name == "emitters" and path.name != "__init__.py"}
    assert emitters - set(imported_at_once(PACKAGE / "codegen" / "baseline" / "driver.py")) == set()


def test_codegen_imports_nothing_late_and_nothing_in_a_circle() -> None:
    assert [(name, str(path)) for path in CODEGEN for name in late_imports(path)] == []
    left = {
        name_of(path): {each for each in imported_at_once(path) if each.startswith("codegen")} - {name_of(path)}
        for path in CODEGEN
    }
    while left:
        free = {name for name, needs in left.items() if not needs & left.keys()}
        assert free, f"a circle among {sorted(left)}"
        left = {name: needs for name, needs in left.items() if name not in free}
