"""The verbs and their arguments. The standard library only, so that help comes at once."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from .codes import Exit, table
from .texts import ATTACH_EPILOG, EPILOG, ESTIMATE_EPILOG, RESOLVE_EPILOG, RESUME_EPILOG, RUN_EPILOG, STATUS_EPILOG

MONEY: Final = r"[0-9]+\.?[0-9]*|\.[0-9]+"
"""Dollars as they may be typed."""


def program() -> str:
    """What the user types to get here."""
    return "python -m pixverse_async" if Path(sys.argv[0]).name == "__main__.py" else "pixverse-async"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(Exit.INVALID, f"{self.prog}: {message}\nSee {self.prog} --help.\n")


class Verb(NamedTuple):
    """A verb: the module and the function that do it, what help says, and what it takes."""

    name: str
    module: str
    shape: str
    summary: str
    add: Callable[[argparse.ArgumentParser], None]
    epilog: str = ""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    prog = program()
    parser = _Parser(
        prog=prog,
        description="Make videos of images with pixverse-v6-i2v on GMI Cloud, without paying twice.",
        epilog=EPILOG.format(prog=prog, codes=table()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version, and end")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=_Parser)
    for verb in VERBS:
        one = verbs.add_parser(
            verb.name,
            usage=f"{prog} {verb.name} {verb.shape}",
            help=verb.summary,
            description=verb.summary[0].upper() + verb.summary[1:] + ".",
            epilog=verb.epilog.replace("{prog}", prog),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.add(one)
        one.set_defaults(verb=verb.name, module=verb.module)
    _offer_completion(parser)
    return parser


class _Version(argparse.Action):
    """Looks for the version only when it is asked for: it takes longer than all of `--help`."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"pixverse-async {version('pixverse-async')}\n")
        parser.exit()


def _offer_completion(parser: argparse.ArgumentParser) -> None:
    if "_ARGCOMPLETE" in os.environ:
        try:
            from argcomplete import autocomplete
        except ImportError:
            return
        autocomplete(parser)


# -- what the verbs take -------------------------------------------------------------------------------


def _run(parser: argparse.ArgumentParser) -> None:
    _sources(parser)
    _job_options(parser)
    parser.add_argument("--out", metavar="DIR", default="videos", help="where the videos go (default: videos)")
    parser.add_argument("--dry-run", action="store_true", help="show the jobs and the price, and send nothing")
    _batch_options(parser)
    _output_options(parser)


def _resume(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument(
        "--sent-only",
        action="store_true",
        help="send nothing new: only fetch what was sent before, from the journal alone",
    )
    _batch_options(parser)
    _output_options(parser)


def _estimate(parser: argparse.ArgumentParser) -> None:
    _sources(parser)
    _job_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout")


def _status(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument("--all", action="store_true", help="list every job, not only those that need something")
    parser.add_argument("--json", action="store_true", help="one JSON object for each job, and one for the whole")


def _resolve(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument("key", nargs="?", metavar="KEY", help="the job, as `status` shows it; its name will do")
    fate = parser.add_mutually_exclusive_group(required=True)
    fate.add_argument("--request-id", metavar="ID", help="the service has it: under this id in the console")
    fate.add_argument(
        "--not-accepted",
        action="store_true",
        help="the service does not have it: the next run sends it again. Look in the console first: if it is there "
        "after all, it is paid twice. Not within ten minutes of the submit",
    )
    fate.add_argument(
        "--same-account",
        action="store_true",
        help="without KEY: the jobs of this folder may be looked for with other settings, for these are of the same "
        "account: a new key of it, or a new address",
    )
    parser.add_argument(
        "--all-older-than",
        metavar="AGE",
        help="every held job sent longer ago than this, such as 90s, 10m, 1h or 2d; with --not-accepted",
    )


def _attach(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "request_id", metavar="ID", help="the request's id, as the console or the journal shows it"
    )
    parser.add_argument("--out", metavar="FILE", help="where the video goes (default: ID.mp4)")
    parser.add_argument(
        "--timeout", type=_positive, metavar="SECONDS", default=1800.0, help="default: %(default)g"
    )
    parser.add_argument("--no-wait", action="store_true", help="only say how it stands")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", metavar="DIR", default="videos", help="the output folder (%(default)s)"
    )
    parser.add_argument("--offline", action="store_true", help="ask nothing of the service")


def _folder_only(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout")


def _report(parser: argparse.ArgumentParser) -> None:
    _folder_only(parser)
    parser.add_argument("--open", action="store_true", help="show it in the browser")


def _nothing(_: argparse.ArgumentParser) -> None:
    """The verb reads its own arguments, before any of these are looked at."""


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the output folder of the run")


def _sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="a folder, a table, a pattern, images or URLs"
    )


def _job_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("each video, where its row or sidecar does not say otherwise").add_argument
    add("--prompt", metavar="TEXT", help="what should happen in it")
    add("--duration", type=_whole, metavar="SECONDS", default=5, help="1 to 15 (default: %(default)s)")
    add("--quality", default="540p", help="360p, 540p, 720p or 1080p (default: %(default)s)")
    add("--audio", action="store_true", help="with music and effects")
    add("--multi-clip", action="store_true", help="with camera changes")
    add("--seed", type=_whole, metavar="N", help="the same for every video; by default each gets its own")


def _batch_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("the batch").add_argument
    add(
        "--budget",
        type=_money,
        metavar="USD",
        help="what all runs into this folder may cost together; nothing beyond is sent",
    )
    add("--max-in-flight", type=_count, metavar="N", help="requests at the service at once (default: 100)")
    add("--max-downloads", type=_count, metavar="N", help="videos being saved at once (default: 8)")
    add("--job-timeout", type=_positive, metavar="SECONDS", help="how long to wait for one video (default: 1800)")
    add(
        "--poll-interval",
        type=_positive,
        metavar="SECONDS",
        help="look at fixed intervals; by default it is learned",
    )
    add("--retry-failed", action="store_true", default=None, help="send again what an earlier run saw fail")
    add(
        "--on-unknown",
        choices=["reconcile", "hold", "resubmit"],
        help="a submit whose answer was lost: look for it and hold it if it is not found (the default), hold it at "
        "once, or send it again when it stays absent for ten minutes",
    )
    add(
        "--on-cancel",
        choices=["detach", "cancel_queued"],
        help="Ctrl-C leaves what is accepted running (the default), or asks the service to drop what still waits",
    )
    add("--inline-images", action="store_true", default=None, help="send images within the request, not by upload")


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _count(text: str) -> int:
    if (number := _whole(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is too small. Use 1 or more")
    return number


def _money(text: str) -> str:
    """As it was typed: the library makes exact money of it."""
    if not re.fullmatch(MONEY, text.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of money. Give dollars, such as 25 or 9.50")
    return text.strip()


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return number


def _output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", action="store_true", help="one JSON object for each outcome, and one for the whole"
    )
    parser.add_argument("--report", action="store_true", help="make report.html at the end: see the verb `report`")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    parser.add_argument("--verbose", action="store_true", help="the library's log on stderr")


VERBS: Final[Sequence[Verb]] = (
    Verb("run", "run", "SOURCE... [options]", "make a video of every image", _run, RUN_EPILOG),
    Verb("resume", "run", "DIR [options]", "finish what a run left undone", _resume, RESUME_EPILOG),
    Verb("status", "money", "DIR [options]", "show where each job stands, and its cost", _status, STATUS_EPILOG),
    Verb("resolve", "money", "DIR KEY [options]", "settle a held job by hand", _resolve, RESOLVE_EPILOG),
    Verb("estimate", "preview", "SOURCE... [options]", "say what a run would cost", _estimate, ESTIMATE_EPILOG),
    Verb("attach", "attach", "ID [options]", "save the video of any request, by its id", _attach, ATTACH_EPILOG),
    Verb("report", "page", "DIR [options]", "make a page to look at: report.html beside the videos", _report),
    Verb("verify", "upkeep", "DIR [options]", "check that every video on record is there and whole", _folder_only),
    Verb("repair", "upkeep", "DIR [options]", "make a damaged journal readable again", _folder_only),
    Verb("doctor", "doctor", "[DIR] [options]", "check installation, key, service and folder", _doctor),
    Verb("emulator", "", "[options]", "serve the request queue on this machine, for free", _nothing),
)
"""Every verb, in the order of the help text. A new one is a row here and a function of its name in its module."""
