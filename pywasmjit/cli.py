"""The command line: `pywasmjit run | validate | inspect`.

Standard output belongs to the program, or to the report that was asked for;
diagnostics go to standard error, one line that begins with `pywasmjit: ` and
perhaps the Wasm backtrace under it.  No Python traceback unless `-v`.

Exit status: the program's own; 134 after a trap; 124 after a timeout; 1 for a
file that cannot be used; 2 for a wrong command line.  Who dies by a signal
dies by that signal, so that a shell sees 128 + its number.

What a command needs is imported when it runs: `--help` stays quick.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from pywasmjit.diagnostics import USAGE, attempt, complain, diagnosis, leave, restore_signals

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

EXAMPLES = """\b
Examples:
  pywasmjit run app.wasm --its-own option
  pywasmjit run --dir . sha256.wasm README.md
  pywasmjit run --invoke add math.wasm 1 2
  pywasmjit validate app.wasm
  pywasmjit inspect --json app.wasm
"""

RUN_EXAMPLES = """\b
Examples:
  pywasmjit run --dir . wc.wasm README.md            files below . may be read and written
  pywasmjit run --dir conf::/etc:ro app.wasm         conf is /etc for the program, and read-only
  pywasmjit run --env LANG --env DEBUG=1 app.wasm    one variable of the host, one of its own
  pywasmjit run --timeout 2s --max-memory 64MiB app.wasm
  pywasmjit run --strace=open,read app.wasm          tell of these system calls on standard error
  pywasmjit run --strace=calls.txt app.wasm          tell of all of them, in a file
  pywasmjit run --invoke fib math.wasm 20            call one export, print its result

Without grants a program has its standard streams, its arguments, clocks and random numbers, and nothing else.
"""

INSPECT_EXAMPLES = """\b
Examples:
  pywasmjit inspect app.wasm
  pywasmjit inspect --json app.wasm | jq .features
"""


# ---------------------------------------------------------------- values of options


def duration(text: str) -> float:
    """Read a positive number of seconds, or one with a unit: 2, 1.5s, 200ms, 3m, 1h."""
    from pywasmjit.runtime.limits import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if seconds == 0:
        raise click.BadParameter("no time at all")
    return seconds


def size(text: str) -> int:
    """Read a number of bytes, with or without a unit: 65536, 64KiB, 64MiB, 1GiB."""
    from pywasmjit.runtime.limits import parse_size

    try:
        return parse_size(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def link(text: str) -> tuple[str, str]:
    """Read NAME=FILE."""
    name, _, file = text.partition("=")
    if not (name and file):
        raise click.BadParameter(f"{text!r} is not of the form NAME=FILE")
    return name, file


def names(text: str) -> tuple[str, ...]:
    """Read names between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


# ---------------------------------------------------------------- commands


def _show_version(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted:
        from platform import python_implementation, python_version

        from pywasmjit import __version__

        click.echo(f"pywasmjit {__version__} on {python_implementation()} {python_version()}")
        context.exit()


@click.group(context_settings=CONTEXT, epilog=EXAMPLES)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def commands() -> None:
    """Run WebAssembly: every Wasm function becomes a Python function."""


def _run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `run`, in the order of its help."""
    options = (
        click.option("--dir", "dirs", multiple=True, metavar="HOST[::GUEST][:ro]", help="Grant a directory."),
        click.option("--env", multiple=True, metavar="K=V | K", help="Set a variable, or pass on the host's."),
        click.option("--env-inherit", is_flag=True, help="Pass on all variables of the host."),
        click.option("--allow", multiple=True, metavar="CAPABILITY", help="Grant a capability (repeatable)."),
        click.option("-A", "--allow-all", is_flag=True, help="Grant all that you yourself may do."),
        click.option(
            "--walls",
            type=click.Choice(["auto", "require", "off"]),
            default="auto",
            help="Whether the kernel guards a sandbox too, by Landlock and seccomp: if it can, or it must.",
        ),
        click.option("--invoke", metavar="FUNC", help="Call an export; arguments are parsed by its type."),
        click.option("--preload", multiple=True, type=link, metavar="NAME=FILE", help="Link a module as NAME."),
        click.option("--argv0", metavar="NAME", help="What the program sees as its own name."),
        click.option("--timeout", type=duration, metavar="TIME", help="Stop after this time: 2s, 500ms, 1m."),
        click.option("--max-memory", type=size, metavar="SIZE", help="Limit linear memory: 64MiB."),
        click.option("--max-depth", type=click.IntRange(1), metavar="N", help="Limit nested Wasm calls."),
        click.option("--tier", type=click.Choice(["auto", "baseline"]), default="auto", help="Which compiler."),
        click.option("--strace", metavar="[=CALL,...|=FILE]", help="Tell of system calls, on stderr or in FILE."),
        click.option("--strace-only", type=names, metavar="CALL,...", help="Tell of these calls only."),
        click.option("--stats", is_flag=True, help="Print times and counts to standard error."),
        click.option("-v", "--verbose", is_flag=True, help="Show Python tracebacks too."),
        click.option("-q", "--quiet", is_flag=True, help="Do not explain denied requests."),
    )
    for option in reversed(options):
        command = option(command)
    return command


class RunCommand(click.Command):
    """A command whose options end at its first argument, and may have a value or none: --strace, --strace=FILE."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        takes_value = {
            name for each in self.params if isinstance(each, click.Option) and not each.is_flag for name in each.opts
        }
        given = list(arguments)
        place = 0
        while place < len(given) and given[place].startswith("-") and given[place] not in ("-", "--"):
            if given[place] == "--strace":
                given[place] = "--strace="
            place += 2 if given[place] in takes_value else 1
        return super().parse_args(context, given)


@commands.command(cls=RunCommand, context_settings={"allow_interspersed_args": False}, epilog=RUN_EXAMPLES)
@_run_options
@click.argument("file")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def run(verbose: bool, **options: Any) -> int:
    """Run a program.  Options end at FILE; the rest belongs to the program."""

    def action() -> int:
        from pywasmjit.program import Program

        return Program(verbose=verbose, **options).run()

    return guarded(action, options["file"], verbose)


@commands.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing, only exit with 0 or 1.")
@click.option("-v", "--verbose", is_flag=True, help="Show Python tracebacks too; name the valid files.")
def validate(files: tuple[str, ...], quiet: bool, verbose: bool) -> int:
    """Check that files are valid modules that this version can run."""
    worst = 0
    for file in files:

        def action(file: str = file) -> int:
            from pywasmjit import Module

            Module.from_file(file)
            return 0

        status = guarded(action, file, verbose, quiet)
        if status < 0:
            return status
        if status == 0 and verbose:
            click.echo(f"{file}: valid")
        worst = max(worst, status)
    return worst


@commands.command(epilog=INSPECT_EXAMPLES)
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-v", "--verbose", is_flag=True, help="Show Python tracebacks too.")
def inspect(file: str, as_json: bool, verbose: bool) -> int:
    """Show a module's sections, imports, exports, features and sizes."""

    def action() -> int:
        from pywasmjit import inspection

        with open(file, "rb") as stream:
            report = inspection.inspect_module(stream.read(), file)
        click.echo(json.dumps(report, indent=2) if as_json else inspection.as_text(report))
        return 0

    return guarded(action, file, verbose)


def guarded(action: Callable[[], int], file: str, verbose: bool, quiet: bool = False) -> int:
    """Run `action` like `diagnostics.attempt`; a wrong command line is click's to explain."""
    return attempt(action, file, verbose, quiet, passing=(click.ClickException,))


# ---------------------------------------------------------------- the process


def main(arguments: list[str] | None = None) -> NoReturn:
    """Parse the command line, run the command, end the process."""
    restore_signals()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = commands.main(args=arguments, prog_name="pywasmjit", standalone_mode=False)
    except click.ClickException as error:
        status = _explain_usage(error)
    except click.Abort:
        status = -signal.SIGINT
    except OSError as error:  # standard output cannot take the help
        status, lines = diagnosis(error, "")
        complain(*lines)
    leave(int(status or 0))


def _explain_usage(error: click.ClickException) -> int:
    """Say what is wrong with the command line, and where to read more; return the exit status."""
    context: click.Context | None = getattr(error, "ctx", None)
    if context is not None and not context.args and "\n" in error.message:
        click.echo(error.message, err=True)  # nothing was asked for: the message is the help
        return USAGE
    complain(error.format_message())
    if context is not None:
        click.echo(f"Try '{context.command_path} --help'.", err=True)
    return USAGE
