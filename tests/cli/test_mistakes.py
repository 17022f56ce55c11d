"""What a user can get wrong: each ends in one message that says what to do, and in the documented exit code."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import pytest

from pixverse_async import JournalError, NoJournalError
from pixverse_async.cli.codes import Exit
from pixverse_async.cli.failures import code_of, guarded
from pixverse_async.emulator import Rule, Settings
from tests.cli.conftest import QUICK, Command, Service
from tests.memory import tiny_png


def write(name: str, content: str | bytes) -> Callable[[Path], None]:
    """A file to have in the folder."""

    def put(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return put


CAT = write("in/cat.png", tiny_png(1))


@pytest.mark.parametrize(
    ("argv", "code", "says", "files"),
    [
        # the line itself
        ("", 6, "required: VERB", ()),
        ("make photos", 6, "invalid choice: 'make'", ()),
        ("run", 6, "required: SOURCE", ()),
        ("run in --colour red", 6, "unrecognized arguments: --colour red", (CAT,)),
        ("run in --prompt p --duration long", 6, "--duration: 'long' is not a whole number", (CAT,)),
        ("run in --prompt p --poll-interval 0", 6, "0 is not a number of seconds above 0", (CAT,)),
        ("run in --prompt p --on-unknown retry", 6, "invalid choice: 'retry'", (CAT,)),
        ("emulator --speed fast", 6, "--speed: 'fast' is not a positive number", ()),
        (
            "emulator --fault submit:429:nth=x",
            6,
            "'submit:429:nth=x': nth=x is not a whole number. See --list",
            (),
        ),
        # values
        ("run in --prompt p --duration 99", 6, "--duration 99: not a whole number", (CAT,)),
        ("run in --prompt p --quality 4k", 6, "--quality '4k': unknown. Use one of 360p", (CAT,)),
        (
            "run in --prompt p --seed -1",
            6,
            "in range. Use 0 to 2147483647, or leave it out",
            (CAT,),
        ),
        (f"run in --prompt {'x' * 5001}", 6, "5001 characters long. Shorten it", (CAT,)),
        ("run in --prompt p --budget lots", 6, "--budget: 'lots' is no amount of money. Give dollars", (CAT,)),
        ("run in --prompt p --budget $25", 6, "--budget: '$25' is no amount of money. Give dollars", (CAT,)),
        ("run in --prompt p --budget -1", 6, "--budget: '-1' is no amount of money. Give dollars", (CAT,)),
        ("run in --prompt p --max-in-flight 0 --dry-run", 6, "--max-in-flight: 0 is too small", (CAT,)),
        ("resume . --max-downloads -1", 6, "--max-downloads: -1 is too small. Use 1 or more", ()),
        # sources
        ("run nowhere", 6, "'nowhere' does not exist. Give a folder", ()),
        ("run in --prompt p", 6, "no image in 'in'. Put images into it", (write("in/notes.md", "x"),)),
        ("run in", 6, "--prompt: none given for cat.png. Give one for all, or write one into cat.txt", (CAT,)),
        ("run https://x.example/cat.png", 6, "--prompt: none given", ()),
        ("run in/*.jpg --prompt p", 6, "nothing matches 'in/*.jpg'. Try it with ls", (CAT,)),
        ("run list.xlsx", 6, "neither an image nor a table", (write("list.xlsx", "PK"),)),
        ("run in --prompt p --dry-run", 6, "cat.json': not JSON", (CAT, write("in/cat.json", "{"))),
        ("run in --prompt p --dry-run", 6, "cat.json': not JSON", (CAT, write("in/cat.json", "[" * 100_000))),
        ("run in --prompt p --dry-run", 6, "cat.txt': not UTF-8 text", (CAT, write("in/cat.txt", b"\xff"))),
        # tables
        ("run t.csv", 6, "no column 'image' (only picture, prompt)", (write("t.csv", "picture,prompt\na,b\n"),)),
        (
            "run t.csv",
            6,
            "no column 'prompt' (only image). Add it or give --prompt",
            (write("t.csv", "image\na\n"),),
        ),
        ("run t.csv", 6, "a column 'colour' that no job has", (write("t.csv", "image,prompt,colour\na,b,c\n"),)),
        ("run t.csv", 6, "has the column 'image' twice", (write("t.csv", "image,image\na,b\n"),)),
        ("run t.csv", 6, "line 2 has more ',' than the head", (write("t.csv", "image,prompt\na,b,c\n"),)),
        ("run t.csv", 6, "is not CSV: line 2 or one below", (write("t.csv", 'image,prompt\n"a" b,c\n'),)),
        ("run t.csv", 6, "is not CSV: line 3 or one below", (write("t.csv", 'image,prompt\na,b\na,"b\na,b\n'),)),
        ("run t.csv", 6, "'t.csv' has no rows. Give it", (write("t.csv", "image,prompt\n"),)),
        ("run t.jsonl", 6, "'t.jsonl' has no rows. Give it", (write("t.jsonl", ""),)),
        ("run in t.csv --prompt p", 6, "'t.csv' has no rows", (CAT, write("t.csv", "image,prompt\n"))),
        ("run t.csv", 6, "is not UTF-8 text. Save it as UTF-8", (write("t.csv", b"image,prompt\n\xff,b\n"),)),
        ("run t.jsonl", 6, "line 2 is not JSON", (write("t.jsonl", '{"image": "a", "prompt": "b"}\nnot this\n'),)),
        ("run t.jsonl", 6, "line 1 is not JSON", (write("t.jsonl", "[" * 100_000),)),
        ("run t.jsonl", 6, "line 1 is not a JSON object", (write("t.jsonl", "[1]\n"),)),
        ("run t.parquet", 6, "is not a Parquet file", (write("t.parquet", "PAR0"),)),
        # no key, and places that are not the service
        ("run in --prompt p", 3, "export GMI_API_KEY", (CAT,)),
        ("doctor", 3, "export GMI_API_KEY", ()),
        # other verbs
        ("status nowhere", 6, "no journal of a batch is there. Give the folder", ()),
        ("status .", 1, "this is not a journal", (write("pixverse-journal.jsonl", "{}\n"),)),
        ("resume nowhere", 6, "Give the folder that a batch wrote its videos to", ()),
        ("resume .", 6, "cannot be used", (write("pixverse-run.json", "{}"),)),
        ("verify nowhere", 6, "no journal of a batch is there. Give the folder", ()),
        ("repair nowhere", 6, "no journal of a batch is there", ()),
        ("resolve . KEY", 6, "one of the arguments --request-id --not-accepted --same-account is required", ()),
        ("attach r-1 --timeout -1", 6, "-1 is not a number of seconds above 0", ()),
    ],
)
def test_a_mistake_is_one_message_with_a_remedy(
    cli: Command,
    tmp_path: Path,
    argv: str,
    code: int,
    says: str,
    files: tuple[Callable[[Path], None], ...],
) -> None:
    """It names what is wrong, on one line, with the exit code that the help promises; nothing is made."""
    for put in files:
        put(tmp_path)
    said = cli(*argv.split())
    assert (code, True) == (said.code, says in said.err + said.out), said
    assert len(said.err.splitlines()) <= 2 or argv.startswith("emulator")
    assert not (tmp_path / "videos").exists()


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (OSError(28, "No space left on device", "out/a.mp4"), "out/a.mp4: No space left on device."),
        (OSError("a sink of somebody's fails"), "a sink of somebody's fails."),
    ],
)
def test_a_failing_place_is_named_in_its_own_words(
    problem: OSError, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the system or a library says of it is said, also by an error that has no number."""

    def verb() -> int:
        raise problem

    assert Exit.GENERAL == guarded(verb, as_json=False)
    assert f"error: {says} When that is mended" in capsys.readouterr().err


def test_a_folder_without_a_journal_is_known_by_its_kind() -> None:
    """The wrong folder is wrong input, whatever the words; a journal that cannot be had is not."""
    assert Exit.INVALID == code_of(NoJournalError("videos", "nothing is there", "Give another."))
    assert Exit.GENERAL == code_of(JournalError("videos", "no journal can be written", "See to the disk."))


@pytest.mark.parametrize(
    ("name", "value", "code", "says"),
    [
        ("GMI_API_KEY", "wrong-key-4711", 3, "Check GMI_API_KEY"),
        ("GMI_API_KEY", "two words", 3, "holds characters that no HTTP header can carry. Copy it anew"),
        (
            "GMI_BASE_URL",
            "http://127.0.0.1:9/q",
            1,
            "no connection to 127.0.0.1:9: Connection refused; it never",
        ),
        ("GMI_BASE_URL", "https://console.gmicloud.ai/v1", 6, "ends in a bare /v1"),
        ("GMI_BASE_URL", "https://api.gmi-serving.com/x", 6, "is the host of the language models"),
        ("GMI_BASE_URL", "http://queue.example/x", 6, "plain http, which would show the key"),
        ("GMI_BASE_URL", "not a url", 6, "Use the full queue base"),
    ],
)
def test_a_wrong_key_or_address_is_said_before_anything_is_sent(
    cli: Command,
    serve: Service,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    code: int,
    says: str,
) -> None:
    """`run` and `doctor` say the same, with the same code, and the key is not in it."""
    emulator = serve()
    monkeypatch.setenv(name, value)
    for said in (cli("run", photos, "--prompt", "p"), cli("doctor")):
        assert (code, True) == (said.code, says in said.err + said.out), said
        assert "4711" not in said.err + said.out
    assert 0 == emulator.service.ledger.submits


def test_a_host_that_is_not_the_queue_is_said_once(cli: Command, serve: Service, photos: Path) -> None:
    """405 on every path, as on the host of the language models: one sentence, code 6, no job tried."""
    serve(Settings(wrong_host=True))
    said = cli("run", photos, "--prompt", "p")
    assert (6, True) == (said.code, "this is not the queue. Use the full queue base" in said.err), said


@pytest.mark.parametrize(
    ("settings", "options", "code", "says"),
    [
        (Settings(credits_usd=Decimal(0)), (), 4, "add credit in the console"),
        (Settings(), ("--budget", "0.01"), 4, "not sent: it needs $0.025 and the budget has $0.01 left"),
        (Settings(), ("--max-in-flight", "0"), 6, "--max-in-flight: 0 is too small"),
        (Settings(rules=(Rule(on="submit", fault="moderation"),)), (), 5, "Change the prompt or the image"),
        (Settings(rules=(Rule(on="submit", fault="stuck_queued"),)), ("--job-timeout", "1"), 2, "resume videos"),
        (Settings(), ("--out", "photos/picture-0.png"), 6, "--out: 'photos/picture-0.png' cannot be made"),
        (Settings(), ("--out", "/proc/videos"), 6, "--out: '/proc/videos' cannot be made"),
    ],
)
def test_a_batch_that_cannot_succeed_says_why(
    cli: Command, serve: Service, photos: Path, settings: Settings, options: tuple[str, ...], code: int, says: str
) -> None:
    """No credit, no budget, a refused prompt, a wait that ends, a folder that is none: the code tells which."""
    serve(settings)
    said = cli("run", "photos", "--prompt", "p", *QUICK, *options)
    assert (code, True) == (said.code, says in " ".join((said.err + said.out).split())), said


def test_a_dry_run_approves_nothing_that_a_run_refuses(cli: Command, tmp_path: Path) -> None:
    """A damaged image, a link that leads nowhere, a small budget, the same twice: each is said, for free."""
    write("in/cat.png", tiny_png(1))(tmp_path)
    write("in/torn.png", tiny_png(2)[:60])(tmp_path)
    links = "".join(
        f"{link},p\n" for link in ("https://192.168.1.9/a.jpg", "http://x.example/a.jpg", "in/cat.png")
    )
    write("t.csv", f"image,prompt\n{links}")(tmp_path)
    said = cli("run", "in", "t.csv", "--prompt", "p", "--budget", "0.30", "--dry-run")
    assert 6 == said.code
    for words in (
        *(
            "row 2: job 'torn': image=",
            "row 3 (line 2 of t.csv): job 'a': image='https://192.168.1.9/a.jpg': the service cannot reach",
        ),
        *("row 4 (line 3 of t.csv): job 'a': image='http://x.example/a.jpg': plain http", "at most $0.35"),
        *("The budget of $0.30 is $0.05 short of that", "1 job asks for the same as another one, such as cat"),
    ):
        assert words in said.out, said.out
    assert not (tmp_path / "videos").exists()


def test_a_dry_run_looks_at_the_folder(cli: Command, tmp_path: Path) -> None:
    """Where no video could be saved the run would end at once, and so the dry run says it."""
    CAT(tmp_path)
    for folder in ("in/cat.png", "/proc/videos"):  # in /proc not even root can make one, whatever it is told
        for said in (
            cli("run", "in", "--prompt", "p", "--dry-run", "--out", folder),
            cli("doctor", folder, "--offline"),
        ):
            assert (6, True) == (said.code, f"--out: '{folder}' cannot be made" in said.err + said.out), said


def test_a_folder_that_cannot_be_made_is_all_that_is_said_of_it(cli: Command, photos: Path) -> None:
    """Before the service is asked, and not that its disk, which is none, has too little room."""
    said = cli("run", photos, "--prompt", "p", "--out", "/proc/videos")
    assert 6 == said.code
    assert said.err.startswith("error: --out: '/proc/videos' cannot be made")
    assert 1 == len(said.err.splitlines())


def test_a_job_that_the_service_refused_is_not_offered_for_ever(
    cli: Command, serve: Service, photos: Path
) -> None:
    """A resume alone would report the refusal again: the way out is another input, or --retry-failed."""
    serve(Settings(rules=(Rule(on="submit", fault="image_unreachable"),)))
    said = cli("run", photos, "--prompt", "p", *QUICK)
    assert "can still be had" not in said.err, said
    assert "3 refused by the service, at no charge; when their input is corrected" in said.err
    assert "resume videos --retry-failed" in said.err


def test_what_would_fail_again_is_not_offered_as_it_is(cli: Command, serve: Service, photos: Path) -> None:
    """A prompt that moderation refused is to be changed; what failed for another reason can be sent again."""
    rules = (Rule(on="submit", fault="moderation", nth=(1, 2)), Rule(on="submit", fault="no_reason"))
    serve(Settings(rules=rules))
    said = cli("run", photos, "--prompt", "p", "--max-in-flight", "1", *QUICK)
    assert "2 failed because of their prompt or image; when that is changed" in said.err, said
    assert "1 failed at the service; sent again by" in said.err, said


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of its own, of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_and_costs_nothing_twice(
    cli: Command, serve: Service, photos: Path, tiny_disk: Path
) -> None:
    """Whatever does not fit, journal, video or table, is told, and once there is space the same run ends well."""
    emulator = serve()
    filler = tiny_disk / "filler"
    for filled_kb, code in ((64, 6), (60, 1), (56, 1), (52, 1)):
        filler.write_bytes(b"")
        with contextlib.suppress(OSError):
            filler.write_bytes(bytes(filled_kb * 1024))
        said = cli("run", photos, "--prompt", "p", "--out", tiny_disk, *QUICK)
        assert (code, True) == (said.code, "No space left on device" in said.err), said
        assert "3 videos of these need at least 0.5 MB" in said.err or code == 1, said
        assert not list(tiny_disk.glob("*.new"))
    filler.unlink()
    said = cli("resume", tiny_disk)
    assert (0, 3) == (said.code, len(list(tiny_disk.glob("*.mp4")))), said
    assert 3 == emulator.service.ledger.submits


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_full_disk_below_what_is_said_leaves_no_job(
    cli: Command, serve: Service, photos: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As in `run --json > outcomes.jsonl`: every video that is paid for is saved; a lost answer is a failure."""
    serve()
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115  closing it fails, too
    monkeypatch.setattr(sys, name, full)  # a real full device, in the place of the stream that pytest reads
    said = cli("run", photos, "--prompt", "p", "--json", *QUICK)
    monkeypatch.undo()
    with contextlib.suppress(OSError):
        full.close()
    assert 3 == len(list((photos.parent / "videos").glob("*.mp4")))
    assert (1 if name == "stdout" else 0) == said.code
    assert (name == "stdout") == ("error: No space left on device. When that is mended" in said.err)


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell here")
def test_a_stream_that_was_closed_is_written_to_in_vain(photos: Path) -> None:
    """As by `2>&-` in a crontab: all goes on, and the exit code tells."""
    line = f"{sys.executable} -m pixverse_async estimate {photos} {{}} >&- 2>&-"
    codes = [subprocess.run(["sh", "-c", line.format(more)], check=False).returncode for more in ("", "nowhere")]
    assert [0, 6] == codes


def test_the_version_is_told(cli: Command) -> None:
    """As every program tells it, on stdout."""
    said = cli("--version")
    assert (0, f"pixverse-async {version('pixverse-async')}\n") == (said.code, said.out)
