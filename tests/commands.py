"""Every command of ``bounds``: what a shell could pass to it, and what a user must then see."""

from __future__ import annotations

import io
import json
import re
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from unittest import mock

import click
from hypothesis import strategies as st

import bounds
import cli
from bounds.binding import relevant
from bounds.options import PREFIX

SECONDS = 30
"""No call may take longer: a guard against hanging, far above what the calls here take."""
LONGEST = cli.LONGEST + 100
CODES = {0, 1, 2, 3, 130}


# -- calling -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """How a call ended."""

    code: int
    out: str
    err: str


class Hanging(BaseException):
    """A call that does not end; no handler for errors of the program may take it for one."""


@contextmanager
def guarded(seconds: int) -> Iterator[None]:
    """Raise `Hanging` in the main thread when the block takes too long (where the system has alarms)."""

    def ring(*_):
        raise Hanging(f"still running after {seconds} s")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def stream() -> io.TextIOWrapper:
    """A pipe as Python opens it: strict UTF-8, which cannot hold the bytes of a name that is not UTF-8."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict", newline="\n", write_through=True)


def call(arguments: Sequence[str]) -> Outcome:
    """``bounds ARGUMENTS`` in this process, through the function that the console script calls."""
    out, err = stream(), stream()
    err.reconfigure(errors="backslashreplace")  # as Python does for standard error
    with (
        mock.patch.object(sys, "argv", ["bounds", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
        guarded(SECONDS + 10),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        else:
            raise AssertionError("main returned without an exit code")
    texts = [s.buffer.getvalue().decode("utf-8", "backslashreplace") for s in (out, err)]
    return Outcome(int(code), *texts)


# -- what a user must see ----------------------------------------------------------------------------------------------

NAN = re.compile(r"(?<![\w.'\"=-])nan(?![\w.'\"])", re.IGNORECASE)


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def check(arguments: Sequence[str]) -> Outcome:
    """Call, and assert what holds of every call whatever was passed."""
    done = call(arguments)
    assert done.code in CODES, done
    assert "Traceback" not in done.out + done.err, done
    if done.code in (2, 3):
        one_line(done)
    if done.code == 0 and style(arguments) == "--json" and not {"--help", "-h"} & set(arguments):
        json.loads(done.out, parse_constant=refuse_constant)
    assert "\x1b" not in done.out, done.out
    assert not NAN.search(done.out), done.out
    return done


def style(arguments: Sequence[str]) -> str:
    """The flag that says how the answer is printed: the last of them counts."""
    return next((w for w in reversed(arguments) if w in ("--json", "--csv", "--markdown", "--latex", "--tree")), "")


def one_line(done: Outcome) -> None:
    """One line on standard error, which a terminal shows as it is."""
    assert done.err.endswith("\n"), done
    (line,) = done.err.splitlines()
    assert line.strip()
    assert line.isprintable(), line
    assert len(line) <= LONGEST, len(line)


# -- the tree ----------------------------------------------------------------------------------------------------------


def walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that is not a group, with its name as it is typed."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS: Mapping[str, click.Command] = dict(walk(cli.app))


def parameters(name: str) -> list[click.Parameter]:
    """The arguments and options of a command, with those that come from papers and from experiments."""
    command = COMMANDS[name]
    return command.get_params(click.Context(command, info_name=name))


# -- words -------------------------------------------------------------------------------------------------------------

ODD = [
    "",
    " ",
    "\t",
    "\n",
    "a\nb",
    "\x1b[31mred\x1b[0m",
    "\x07\x7f\u202e\u2028",
    "é",
    "λ_min",
    "²",
    "١٢",
    "𝟙",
    "\udcff",
    "-",
    "-1",
    "%s%n",
    "{}",
    "[red]",
    "[/]",
    "a" * 5000,
    "'\"`$(id)",
    "None",
    "True",
    "=",
    ":",
    ",",
    ";",
    "/",
    "../..",
    "~",
    "\\",
]
"""What no option wants."""
NUMBERS = [
    *("1", "2", "3", "5", "10", "100", "0.5", "1/3", "1e-6", "0.05", "7.5", "1e6", "1e60"),
    *("0", "-1", "-0", "-0.0", "+1", "1.", ".5", " 2 ", "2.0", "1_0", "1/0", "0/0", "-1/3", "1/1e3", "1/2/3"),
    *("1e-400", "1e308", "1e400", "-1e400", "1e99999", "1e100001", "1e-100001", "1e999999999999999999999"),
    *("nan", "NaN", "-nan", "inf", "-inf", "Infinity", "snan", "9" * 4999, "1/" + "9" * 999, "0." + "0" * 999 + "1"),
    *("1e", "e1", "0x10", "2**3", "sqrt(2)", "pi", "1,5", "1 000", "1j", "z"),
]
ACTIVATIONS = [
    *("tanh", "relu", "gelu", "sigmoid", "identity", "softplus", "tahn", "sin(z)", "z", "z**2", "1", "0"),
    *(
        "1/z",
        "log(z)",
        "exp(exp(z))",
        "z**z",
        "sqrt(-1)",
        "z.__class__",
        "x",
        "Max(z,0)",
        "sign(z)",
        "(" * 200,
        "z*" * 99,
    ),
]
QUANTITIES = [q.key for q in bounds.quantities()]
PAPERS = list(bounds.papers())
ROLES = sorted({p.role for paper in bounds.papers().values() for p in paper.parameters.values()})
LETTERS = sorted({n for paper in bounds.papers().values() for n in paper.parameters})


def misspelt(words: Sequence[str]) -> st.SearchStrategy[str]:
    """A word with one character lost, doubled or replaced."""

    def changed(word: str, at: int, how: str) -> str:
        k = at % max(len(word), 1)
        return word[:k] + {"lost": "", "doubled": word[k : k + 1] * 2, "replaced": "q"}[how] + word[k + 1 :]

    return st.builds(
        changed, st.sampled_from(words), st.integers(0, 40), st.sampled_from(["lost", "doubled", "replaced"])
    )


TEXT = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=8)
odd = st.sampled_from(ODD) | TEXT
reals = st.builds(repr, st.floats()) | st.builds("{}/{}".format, st.integers(), st.integers())
integers = st.builds(str, st.integers() | st.integers(-3, 40))
numbers = st.one_of(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS[:13]), integers, reals)
activations = st.sampled_from(ACTIVATIONS)


def names(words: Sequence[str]) -> st.SearchStrategy[str]:
    """Mostly one of the words."""
    return st.one_of(st.sampled_from(words), st.sampled_from(words), st.sampled_from(words), misspelt(words), odd)


ENDS = ["0", "1", "2", "5", "9", "1e60", "1e308", "1e400", "-1", "-1e60", "nan", "inf", "1/3", "0.5", "", "x", "²"]
TAILS = ["", "", ":log", ":log:3", ":3", ":lin", ":0", ":-1", ":²", ":1e3", ":log:log", ":3:3", ":1" + "0" * 12, ":"]
"""No grid of a million points, each of them to be solved: that would be slow because it was asked for."""
ranges = st.one_of(
    st.builds(
        "{}={}:{}{}".format, st.sampled_from(LETTERS + ROLES), *[st.sampled_from(ENDS)] * 2, st.sampled_from(TAILS)
    ),
    st.builds("{}={},{}".format, st.sampled_from(LETTERS + ROLES), numbers, numbers),
    st.builds("{}{}".format, st.sampled_from(LETTERS), st.sampled_from(["", "=", "=1", "=:", "=1:", "=,", "=1:2=3"])),
    odd,
)
sane = st.sampled_from(["0.5", "1", "2", "3", "10", "100", "1/3", "1e6", "1e-6", "0", "-1", "1e60", "1e400", "1e-400"])
values = st.one_of(numbers, numbers, numbers, st.sampled_from(["3,2,1", "1,0;0,1", "1,2;3", "nosuch.npy"]) | odd)


# -- commands ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A call that works: its arguments and its options, each of which a test may replace."""

    arguments: tuple[str, ...] = ()
    options: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """As they are typed; an option without a value is a flag."""
        pairs = ([flag] if value is None else [flag, value] for flag, value in self.options.items())
        return [*self.arguments, *(word for pair in pairs for word in pair)]


def typed(option: click.Option, value: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    """An option as it is typed, under one of its names."""
    flags = st.sampled_from([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return flags.map(lambda flag: [flag])
    return st.one_of(
        st.builds(lambda flag, v: [flag, v], flags, value),
        st.builds(lambda flag, v: [f"{flag}={v}"] if flag.startswith("--") else [flag, v], flags, value),
    )


@dataclass(frozen=True)
class Drawn:
    """How calls of a command are drawn.

    Attributes:
        sound: Calls that work.
        known: A parameter's name -> what is passed for it; else what its type suggests.
        likely: Options, as they are typed, that the sound calls understand: drawn as often as all others.
        share: How often, beside other commands.
        left: Parameters that are not drawn, because a sound value takes minutes.
        kept: Whether no argument is left out: without them it would train for minutes.
    """

    sound: tuple[Call, ...] = (Call(),)
    known: Mapping[str, st.SearchStrategy[str]] = field(default_factory=dict, repr=False)
    likely: tuple[str, ...] = ()
    share: float = 1
    left: frozenset[str] = frozenset()
    kept: bool = False


@st.composite
def calls(draw: st.DrawFn, name: str, how: Drawn) -> list[str]:
    """A call that works, with a few more options that it understands; or, as often, with anything at all."""
    base = draw(st.sampled_from(how.sound))
    found = [p for p in parameters(name) if p.name not in how.left]
    options = [p for p in found if isinstance(p, click.Option) and "--help" not in p.opts]
    likely = [o for o in options if set(o.opts) & {*how.likely, *understood(base)}]
    if likely and draw(st.booleans()):
        chosen = draw(st.lists(st.sampled_from(likely), min_size=1, max_size=3, unique_by=id))
        drawn = [draw(typed(option, value_of(option, how.known, sane))) for option in chosen]
        return [*name.split(), *replaced(base, drawn)]
    words = list(base.arguments)
    for k, argument in enumerate(p for p in found if isinstance(p, click.Argument)):
        if draw(st.integers(0, 4)) == 0:
            words[k : k + 1] = [draw(value_of(argument, how.known))]
    chosen = draw(st.lists(st.sampled_from(options), max_size=3, unique_by=id)) if options else []
    drawn = [draw(typed(option, value_of(option, how.known))) for option in chosen]
    stray = draw(st.integers(0, 23))
    if stray == 0 and options:
        drawn.append([draw(misspelt([o.opts[0] for o in options])), draw(values)])
    elif stray == 1:
        drawn.append([draw(odd)])
    elif stray == 2 and words and not how.kept:
        words.pop()
    elif stray == 3 and drawn:
        drawn[-1] = drawn[-1][:1]  # an option without its value
    rest = Call((), base.options)
    flat = replaced(rest, draw(st.permutations(drawn)))
    return [*name.split(), *((*words, *flat) if draw(st.booleans()) else (*flat, *words))]


def understood(base: Call) -> list[str]:
    """The options that the quantity asked depends on."""
    word = (base.arguments or ("",))[0]
    if word not in QUANTITIES:
        return []
    q = bounds.quantity(word)
    return [f"--{n}" for n in q.paper.parameters if relevant(q, {n: 1})]


def replaced(base: Call, drawn: Sequence[Sequence[str]]) -> list[str]:
    """The words of a call with some options in place of its own."""
    given = {words[0].split("=")[0] for words in drawn if words}
    rest = {flag: value for flag, value in base.options.items() if flag not in given}
    return [*Call(base.arguments, rest).words, *(word for words in drawn for word in words)]


def value_of(
    parameter: click.Parameter,
    known: Mapping[str, st.SearchStrategy[str]],
    number: st.SearchStrategy[str] | None = None,
) -> st.SearchStrategy[str]:
    """What is passed for a parameter: what is known of it, else what its type suggests."""
    name = str(parameter.name)
    if name in known:
        return known[name]
    if name == f"{PREFIX}activation":
        return activations if number is not None else activations | odd
    if isinstance(parameter.type, click.Choice):
        return names(list(parameter.type.choices))
    if number is not None:
        return number
    return values if name.startswith(PREFIX) or parameter.type.name in ("text", "filename", "file") else numbers | odd
