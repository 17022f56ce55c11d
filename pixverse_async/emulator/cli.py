"""`python -m pixverse_async emulator`: the emulator in a terminal, until Ctrl-C.

Prints the two export lines that point a client here, and at the end what was charged.  Reads arguments and nothing
else; `main` returns an exit status and never raises for a wrong argument, as argparse does.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

import anyio

from .faults import FAULTS, Rule
from .ledger import Ledger
from .server import DEFAULT_SPEED, Emulator
from .settings import Settings
from .tiny import tiny_film

_EPILOG = """faults are ON:FAULT[:KEY=VALUE]..., with keys nth=1,3 every=N p=0.1 times=N prompt=TEXT value=X per_item;
for example --fault submit:drop_after_commit:nth=2 --fault media:truncate:p=0.1 --fault submit:moderation:prompt=blood
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run until interrupted."""
    options = _parser().parse_args(argv)
    if options.list_faults:
        _print_faults()
        return 0
    settings = Settings(
        rules=tuple(options.fault), rpm=options.rpm, workers=options.workers, credits_usd=options.credits
    )
    # Ids that an earlier emulator gave out would meet a journal that knows them as other jobs' requests.
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    emulator = Emulator(
        settings,
        seed,
        speed=options.speed,
        host=options.host,
        port=options.port,
        film=tiny_film if options.tiny else None,
    )
    try:
        anyio.run(_serve, emulator, seed)
    except ImportError as problem:
        _say(str(problem), error=True)
        return 1
    except OSError as problem:
        why = f"cannot listen on {options.host}:{options.port}: {_refusal(problem)}"
        _say(f"{why}. Choose another --host or --port.", error=True)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pixverse-async emulator",
        description="Serve the emulated request queue and its storage on this machine.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=_port, default=0, help="port of the queue; 0 takes a free one (default)")
    add(
        "--speed",
        type=_positive,
        default=DEFAULT_SPEED,
        help="service seconds per real second (default: %(default)s)",
    )
    add("--seed", type=int, help="repeats the same ids, latencies and faults (default: others each time)")
    add("--rpm", type=_count, help="submits per minute before 429")
    add("--workers", type=_count, help="generations at once; the rest wait in line")
    add("--credits", type=_usd, metavar="USD", help="402 once this is spent")
    add(
        "--fault",
        type=_rule,
        action="append",
        default=[],
        metavar="RULE",
        help="a scripted fault; may be repeated",
    )
    add("--tiny", action="store_true", help="answer with tiny files instead of real videos")
    add("--list-faults", action="store_true", help="print every fault and exit")
    return parser


def _rule(text: str) -> Rule:
    try:
        return Rule.parse(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"{text!r}: {problem}. See --list-faults") from problem


def _usd(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of money")
    return amount


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return number


def _port(text: str) -> int:
    return _within(text, range(65_536))


def _count(text: str) -> int:
    return _within(text, range(1, 10**9))


def _within(text: str, allowed: range) -> int:
    number = int(text) if text.isdecimal() else -1
    if number not in allowed:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {allowed[0]} to {allowed[-1]}")
    return number


def _print_faults() -> None:
    for place, faults in FAULTS.items():
        for name, effect in faults.items():
            _say(f"{place}:{name:28} {effect}")


async def _serve(emulator: Emulator, seed: int) -> None:
    # The receiver comes first: whoever reads the first line may interrupt at once.
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with emulator:
            _say(f"export GMI_BASE_URL={emulator.base_url}")
            _say(f"export GMI_API_KEY={emulator.api_key}")
            _say(f"# storage at {emulator.storage_url}, {emulator.speed:g} times as fast as life, seed {seed}")
            _say("# Ctrl-C stops")
            async for _ in signals:
                break
            _say(_bill(emulator.ledger))


def _bill(ledger: Ledger) -> str:
    counts = f"{ledger.accepted} accepted of {ledger.submits} submits, {len(ledger.charges)} charged"
    return f"# {counts}, {ledger.total_usd} USD, {len(ledger.duplicates())} paid more than once"


def _refusal(problem: OSError) -> str:
    """The system's words for it, to which asyncio adds the address once more. Those of names have negative numbers."""
    if problem.errno is None or problem.errno < 0:
        return problem.strerror or str(problem)
    return os.strerror(problem.errno)


def _say(line: str, *, error: bool = False) -> None:
    stream = sys.stderr if error else sys.stdout
    stream.write(line + "\n")
    stream.flush()
