"""A run from the command line: what is on stdout, what lies beside the videos, and how it goes on."""

from __future__ import annotations

import asyncio
import csv
import json
import re
import subprocess
import sys
import tomllib
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import pytest

from pixverse_async._edge import network
from pixverse_async.cli.arguments import program
from pixverse_async.cli.doctor import EXTRAS
from pixverse_async.cli.signals import Interrupts
from pixverse_async.emulator import Rule, Settings
from tests.cli.conftest import QUICK, Command, Service
from tests.clock import long_after
from tests.memory import tiny_png


def test_a_folder_becomes_videos_and_two_tables(cli: Command, serve: Service, photos: Path) -> None:
    """Videos, a table on stdout, progress on stderr, the outcomes as JSON lines and CSV, and no key in any of it."""
    emulator = serve()
    said = cli("run", "photos", "--prompt", "it snows", "--out", "out", *QUICK)
    assert (0, 3) == (said.code, len(list(Path("out").glob("*.mp4"))))
    assert re.search(r"^done +out/picture-0.mp4 +\$0.025", said.out, re.MULTILINE)
    assert "[3/3] done" in said.err
    rows = [json.loads(line) for line in Path("out/manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    assert ["picture-0", "picture-1", "picture-2"] == [row["name"] for row in rows]
    assert {("succeeded", "it snows", 1, "360p", 0.025)} == {
        (row["outcome"], row["prompt"], row["duration"], row["quality"], row["usd"]) for row in rows
    }
    for row in rows:
        video = Path("out") / row["path"]
        assert (video.stat().st_size, photos / f"{row['name']}.png") == (row["size_bytes"], Path(row["image"]))
    with Path("out/manifest.csv").open(newline="", encoding="utf-8") as file:
        assert [row["sha256"] for row in rows] == [row["sha256"] for row in csv.DictReader(file)]
    for path in Path("out").glob("*.*"):
        assert emulator.api_key.encode() not in path.read_bytes()
    assert emulator.api_key not in said.out + said.err


def test_the_tables_are_tables(cli: Command, serve: Service, photos: Path) -> None:
    """A reader of tables finds in both the same columns, with types, though some jobs failed."""
    serve()
    (photos / "broken.png").write_bytes(b"no picture")
    assert 8 == cli("run", "photos", "--prompt", "p", *QUICK).code
    lines: Any = import_module("pyarrow.json").read_json("videos/manifest.jsonl")
    cells: Any = import_module("pyarrow.csv").read_csv("videos/manifest.csv")
    assert lines.column_names == cells.column_names
    assert ["failed", "succeeded", "succeeded", "succeeded"] == lines["outcome"].to_pylist()
    for name, kind in {"index": "int64", "usd": "double", "audio": "bool", "size_bytes": "int64"}.items():
        assert (kind, kind) == (str(lines[name].type), str(cells[name].type))


def test_json_is_one_object_for_each_outcome_and_one_for_the_whole(
    cli: Command, serve: Service, photos: Path
) -> None:
    """stdout is nothing but JSON lines; a second run pays nothing and says that all was there."""
    emulator = serve()
    outcomes: list[dict[str, Any]] = []
    for _ in range(2):
        said = cli("run", "photos", "--prompt", "it snows", "--json", *QUICK)
        *outcomes, summary = said.objects
        assert {"videos/picture-0.mp4", "videos/picture-1.mp4", "videos/picture-2.mp4"} == {
            one["path"] for one in outcomes
        }
        assert ("summary", 3, 3, 0.075) == tuple(summary[key] for key in ("type", "total", "succeeded", "usd"))
    assert ["kept from an earlier run"] * 3 == [one["notes"] for one in outcomes]
    assert 3 == emulator.service.ledger.submits


def test_quiet_says_nothing_on_stderr(cli: Command, serve: Service, photos: Path) -> None:
    """With --quiet there is only the answer."""
    serve()
    said = cli("run", "photos", "--prompt", "p", "--quiet", *QUICK)
    assert (0, "") == (said.code, said.err)


def test_resume_repeats_the_very_run(cli: Command, serve: Service, tmp_path: Path, photos: Path) -> None:
    """From any folder, with the same jobs and options: what failed for want of budget is made, the rest is kept."""
    emulator = serve()
    assert 8 == cli("run", "photos", "--prompt", "p", "--budget", "0.05", "--out", "out", *QUICK).code
    (photos / "picture-9.png").write_bytes(tiny_png(9))
    run_file = tmp_path / "out/pixverse-run.json"
    assert 0o600 == run_file.stat().st_mode & 0o777, "a signed link among the sources is nobody else's"
    kept = json.loads(run_file.read_text(encoding="utf-8"))
    assert [str(photos)] == kept["sources"]
    assert emulator.api_key not in json.dumps(kept)
    said = cli("resume", "out", "--budget", "1")
    assert (0, 4) == (said.code, len(list(Path("out").glob("*.mp4")))), said
    assert 4 == emulator.service.ledger.submits


def test_resume_without_a_run_file_fetches_what_was_sent(cli: Command, serve: Service, photos: Path) -> None:
    """The journal alone is enough for what was accepted; a video that is gone is fetched again, unpaid."""
    emulator = serve()
    assert 0 == cli("run", "photos", "--prompt", "p", *QUICK).code
    Path("videos/pixverse-run.json").unlink()
    Path("videos/picture-1.mp4").unlink()
    assert 8 == cli("verify", "videos").code
    said = cli("resume", "videos", "--poll-interval", "0.05")
    assert (0, 3) == (said.code, len(list(Path("videos").glob("*.mp4")))), said
    assert 0 == cli("verify", "videos").code
    assert 3 == emulator.service.ledger.submits


def test_what_another_run_left_is_not_forgotten(cli: Command, serve: Service, photos: Path) -> None:
    """A run says that jobs of an earlier one are unfinished, and --sent-only fetches them without sending anything."""
    emulator = serve(Settings(rules=(Rule(on="submit", fault="stuck_queued", prompt_contains="slow"),)))
    assert 2 == cli("run", "photos/picture-0.png", "--prompt", "slow", *QUICK, "--job-timeout", "0.5").code
    said = cli("run", "photos/picture-1.png", "--prompt", "p", *QUICK)
    assert (0, True) == (
        said.code,
        "1 job of another run into this folder is unfinished; fetch it" in said.err,
    ), said
    assert 8 == cli("resume", "videos", "--sent-only", "--job-timeout", "0.5").code
    assert 2 == emulator.service.ledger.submits


def test_resume_says_when_the_jobs_are_gone(cli: Command, serve: Service, photos: Path) -> None:
    """Without its pictures the run cannot be repeated; the message names the way that needs none."""
    serve()
    assert 0 == cli("run", "photos", "--prompt", "p", *QUICK).code
    photos.rename(photos.with_name("moved"))
    said = cli("resume", "videos", "--json")
    assert (6, "error", True) == (said.code, said.objects[0]["type"], "--sent-only" in said.err), said


def test_somebodys_own_table_is_not_written_over(cli: Command, serve: Service, photos: Path) -> None:
    """A manifest.csv that no run wrote stops the run before it sends anything."""
    emulator = serve()
    Path("videos").mkdir()
    Path("videos/manifest.csv").write_text("image,prompt\n../photos/picture-0.png,p\n", encoding="utf-8")
    said = cli("run", "videos/manifest.csv", *QUICK)
    assert (6, True) == (said.code, "would be written over. Move it" in said.err)
    assert 0 == emulator.service.ledger.submits


def test_an_unknown_fate_has_its_own_code_and_is_settled_by_hand(
    cli: Command, serve: Service, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost answer that no list shows is held (9), shown by status, and settled by resolve: found, or not accepted."""
    lost = (
        Rule(on="submit", fault="drop_after_commit", nth=(2,)),
        Rule(on="submit", fault="drop_before_commit", nth=(3,)),
    )
    emulator = serve(Settings(rules=lost))
    said = cli("run", "photos", "--prompt", "p", "--on-unknown", "hold", "--max-in-flight", "1", *QUICK)
    assert (9, True) == (said.code, "status videos" in said.err), said
    shown = cli("status", "videos")
    assert (9, True) == (shown.code, "resolve videos KEY --not-accepted" in shown.out)
    first, second = [one for one in cli("status", "videos", "--json").objects if one.get("is_held")]
    by_seed = {charge.seed: charge.request_id for charge in emulator.service.ledger.committed}
    said = cli("resolve", "videos", first["key"][:8], "--request-id", "mistyped")
    assert (6, True) == (said.code, "the service knows no request mistyped. Copy it from" in said.err)
    assert 0 == cli("resolve", "videos", first["key"][:8], "--request-id", by_seed[first["seed"]]).code
    assert "No held job is that old" in cli("resolve", "videos", "--all-older-than", "1h", "--not-accepted").out
    assert 6 == cli("resolve", "videos", "nobody", "--not-accepted").code
    assert 6 == cli("resolve", "videos", "--not-accepted").code
    said = cli("resolve", "videos", second["name"], "--not-accepted")
    assert (6, True) == (said.code, "was sent within the last 10 minutes" in said.err)
    long_after(monkeypatch)
    said = cli("resolve", "videos", second["name"], "--not-accepted")
    assert (0, True) == (said.code, f"({second['key'][:8]}) was not accepted\n" in said.out)
    assert "Asking the service first.\n" in said.err
    assert 0 == cli("status", "videos").code
    assert 0 == cli("resume", "videos").code
    assert 3 == len(list(Path("videos").glob("*.mp4"))) == len(emulator.service.ledger.committed)


def test_without_a_key_the_user_is_believed_of_a_held_job_alone(
    cli: Command, serve: Service, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said that nobody was asked; what was accepted is not given up by whoever cannot ask, or is told better."""
    emulator = serve(Settings(rules=(Rule(on="submit", fault="drop_after_commit", nth=(2,)),)))
    cli("run", "photos", "--prompt", "p", "--on-unknown", "hold", *QUICK)
    (held,) = [one for one in cli("status", "videos", "--json").objects if one.get("is_held")]
    (own,) = [charge.request_id for charge in emulator.service.ledger.committed if charge.seed == held["seed"]]
    resolve = ("resolve", "videos", held["key"])
    long_after(monkeypatch)
    monkeypatch.delenv("GMI_API_KEY")
    said = cli(*resolve, "--request-id", own)
    assert (0, True) == (said.code, "GMI_API_KEY is not set: the service is not asked" in said.err)
    said = cli(*resolve, "--not-accepted")
    assert (3, True) == (said.code, "GMI_API_KEY" in said.err), "nobody can be asked what became of that id"
    monkeypatch.setenv("GMI_API_KEY", emulator.api_key)
    said = cli(*resolve, "--not-accepted")
    assert (6, True) == (said.code, f"the service knows the request of {held['name']!r}, {own}" in said.err)
    assert f"Asking for request {own}; it counts as lost when it is missing for a minute.\n" in said.err
    assert 0 == cli("resume", "videos").code
    assert 3 == len(list(Path("videos").glob("*.mp4"))) == len(emulator.service.ledger.committed)


def test_a_queued_job_is_not_given_up_because_another_account_does_not_know_it(
    cli: Command, serve: Service, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not there for another account is not lost: given up, it would be paid twice."""
    emulator = serve(Settings(rules=(Rule(on="poll", fault="404"),)))
    cli("run", "photos", "--prompt", "p", "--job-timeout", "0.1", *QUICK)
    first = cli("status", "videos", "--json").objects[0]
    long_after(monkeypatch)
    monkeypatch.setenv("GMI_ORG_ID", "acme")
    for found in (("--not-accepted",), ("--request-id", "another")):
        said = cli("resolve", "videos", first["key"], *found)
        assert (6, True) == (said.code, "org_id: 1 unfinished job in videos" in said.err), said
    assert first in cli("status", "videos", "--json").objects
    assert 3 == emulator.service.ledger.submits


@pytest.mark.parametrize("options", [("--on-unknown", "reconcile"), ("--sent-only",)])
def test_a_lost_submit_is_said_to_be_looked_for(
    cli: Command, serve: Service, photos: Path, options: tuple[str, ...]
) -> None:
    """What the run does in the minute that it may take, in which nothing else happens, is said once as it begins."""
    emulator = serve(Settings(rules=(Rule(on="submit", fault="drop_after_commit", nth=(2,)),)))
    line = ("run", "photos", "--prompt", "p", "--on-unknown", "hold", *QUICK)
    looking = "Looking for 1 lost submit in the service's list, for up to a minute.\n"
    assert [(9, False)] * 2 == [(said.code, "Looking for" in said.err) for said in (cli(*line), cli(*line))]
    said = cli("resume", "videos", *options)
    assert (0, 1) == (said.code, said.err.count(looking)), said
    assert 3 == emulator.service.ledger.submits
    assert "Looking for" not in cli("resume", "videos", *options).err


@pytest.mark.parametrize("chars", [0, 1, 7])
def test_a_held_job_is_not_settled_by_a_key_that_was_not_copied_whole(
    chars: int, cli: Command, serve: Service, photos: Path
) -> None:
    """An empty key, as of an unset variable, or less of it than `status` shows, lets no job be sent again."""
    emulator = serve(Settings(rules=(Rule(on="submit", fault="drop_after_commit", nth=(2,)),)))
    cli("run", "photos", "--prompt", "p", "--on-unknown", "hold", *QUICK)
    (held,) = [one for one in cli("status", "videos", "--json").objects if one.get("is_held")]
    assert 6 == cli("resolve", "videos", held["key"][:chars], "--not-accepted").code
    assert 9 == cli("status", "videos").code
    assert 3 == emulator.service.ledger.submits


def test_a_request_is_attached_by_its_id(cli: Command, serve: Service, photos: Path) -> None:
    """Its status is told, its video saved under a name of one's choice, and nothing is replaced."""
    serve()
    cli("run", "photos", "--prompt", "p", *QUICK)
    request_id = json.loads(Path("videos/manifest.jsonl").read_text(encoding="utf-8").splitlines()[0])[
        "request_id"
    ]
    assert f"{request_id}: success" in cli("attach", request_id, "--no-wait").out
    said = cli("attach", request_id, "--out", "again.mp4", "--json")
    assert (0, Path("again.mp4").stat().st_size) == (said.code, said.objects[0]["size_bytes"])
    assert (6, True) == ((said := cli("attach", request_id, "--out", "again.mp4")).code, "exists" in said.err)
    assert (6, True) == ((said := cli("attach", "no id")).code, "is no request id" in said.err)


def test_an_unknown_id_is_said_at_once(
    cli: Command, serve: Service, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where waiting for its video would ask for a minute; the message says where ids are to be had."""
    emulator = serve()
    monkeypatch.setattr(import_module("pixverse_async.cli.attach"), "FIND_TIMEOUT", 0.1)  # the clock is real
    said = cli("attach", "r-1")
    assert (6, True) == (said.code, "ID: the service knows no request r-1. Copy it from" in said.err)
    assert 1 == emulator.service.calls["poll"]


def test_times_outlive_the_run_that_saw_them(cli: Command, serve: Service, photos: Path) -> None:
    """They are in the journal: a second run that finds everything, and one that fetches anew, know them still."""
    serve()
    seen: list[list[float]] = []
    for again in (
        ("run", "photos", "--prompt", "p", *QUICK),
        ("resume", "videos"),
        ("resume", "videos", "--sent-only"),
    ):
        assert 0 == cli(*again).code
        rows = [
            json.loads(line) for line in Path("videos/manifest.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        seen.append([row[name] for row in rows for name in ("generating", "detected_late_by", "downloading")])
    assert all(isinstance(value, float) for value in seen[0])
    assert seen[0] == seen[1] == seen[2]


def test_fetching_what_was_sent_keeps_the_rows_of_the_rest(cli: Command, serve: Service, photos: Path) -> None:
    """Jobs that were never sent stay in the tables; the others keep their image, and learn their end."""
    serve()
    assert 8 == cli("run", "photos", "--prompt", "p", "--budget", "0.05", "--max-in-flight", "1", *QUICK).code
    table = Path("videos/manifest.jsonl")
    before = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    assert 0 == cli("resume", "videos", "--sent-only").code
    after = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    assert ["kept from an earlier run", "kept from an earlier run", None] == [row.pop("notes") for row in after]
    assert [row for row in before if row.pop("notes", 1) is None] == after


def test_a_second_run_forgets_nothing_of_the_first_in_silence(cli: Command, serve: Service, photos: Path) -> None:
    """What was never sent is counted in a warning; what was sent keeps its row, with its polls and its video."""
    serve()
    other = photos.with_name("other")
    other.mkdir()
    (other / "dog.png").write_bytes(tiny_png(7))
    assert 8 == cli("run", "photos", "--prompt", "p", "--budget", "0.05", "--max-in-flight", "1", *QUICK).code
    said = cli("run", "other", "--prompt", "p", *QUICK)
    assert (0, True) == (said.code, "warning: 1 job of an earlier run into this folder was never sent" in said.err)
    rows = [json.loads(line) for line in Path("videos/manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    assert ["dog", "of another run into this folder", "of another run into this folder"] == [
        rows[0]["name"], *(row["notes"] for row in rows[1:])
    ]  # fmt: skip
    assert all(
        row["outcome"] == "succeeded" and row["polls"] and Path("videos", row["path"]).is_file() for row in rows
    )
    assert "warning" not in cli("run", "photos", "other", "--prompt", "p", *QUICK).err


def test_a_finished_folder_needs_no_network(
    cli: Command, serve: Service, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same line again finds everything there, and asks nobody."""
    serve()
    line = ("run", "photos", "--prompt", "p", *QUICK)
    assert 0 == cli(*line).code
    monkeypatch.setenv("GMI_BASE_URL", "http://127.0.0.1:9/q")
    assert 0 == cli(*line).code
    (photos / "picture-9.png").write_bytes(tiny_png(9))
    assert 1 == cli(*line).code


def test_whoever_reads_may_leave(cli: Command, serve: Service, photos: Path) -> None:
    """As `head` does: the batch goes on to its end, the tables are written, and the code is the batch's."""
    emulator = serve()
    command = [sys.executable, "-m", "pixverse_async", "run", "photos", "--prompt", "p", "--json", *QUICK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
        assert (0, False) == (process.wait(20), "Traceback" in said or "BrokenPipe" in said), said
    assert 3 == emulator.service.ledger.submits == len(list(Path("videos").glob("*.mp4")))
    assert 4 == len(Path("videos/manifest.csv").read_text(encoding="utf-8").splitlines())


def test_a_damaged_journal_is_repaired_and_says_so(cli: Command, serve: Service, photos: Path) -> None:
    """status names the line and the verb; repair keeps the original aside, and status works again."""
    serve()
    cli("run", "photos", "--prompt", "p", *QUICK)
    journal = Path("videos/pixverse-journal.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:3], b"damage\n", *lines[4:]]))
    said = cli("status", "videos")
    assert (1, True) == (said.code, "line 4" in said.err and "repair" in said.err), said
    said = cli("repair", "videos", "--json")
    assert (0, True) == (said.code, Path(said.objects[0]["damaged"]).is_file())
    assert 1 != cli("status", "videos").code
    assert "Nothing was wrong" in cli("repair", "videos").out


@pytest.mark.parametrize(("lost", "held"), [(b"GenerationSucceeded", 0), (b"SubmitAccepted", 1)])
def test_a_repair_counts_as_held_what_is_held(
    cli: Command, serve: Service, photos: Path, lost: bytes, held: int
) -> None:
    """A job that is saved is none of them, though the line before is lost."""
    serve()
    cli("run", "photos/picture-0.png", "--prompt", "p", *QUICK)
    journal = Path("videos/pixverse-journal.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if lost in line)
    damaged = b"".join([*lines[:at], b"damage\n", *lines[at + 1 : len(lines) - held]])
    journal.write_bytes(damaged)
    told = cli("repair", "videos").out
    assert (bool(held), True) == ("1 job is held, since" in told, "1 line is lost." in told), told
    journal.write_bytes(damaged)
    assert held == len(cli("repair", "videos", "--json").objects[0]["held"])


def test_doctor_finds_nothing_wrong_where_nothing_is(cli: Command, serve: Service) -> None:
    """It names version, extras, service and folder, makes nothing, and shows no key."""
    emulator = serve()
    said = cli("doctor", "out")
    assert (0, False) == (said.code, Path("out").exists())
    assert f"takes the key: {emulator.base_url}\n" in said.out
    assert emulator.api_key not in said.out
    Path("taken").touch()
    said = cli("doctor", "taken/out", "--offline")
    assert (6, True) == (said.code, "taken is not a folder to write to" in said.out)


def test_doctor_knows_every_extra() -> None:
    """An extra of the project that it does not look for would be missed by whoever wonders what is installed."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(project["optional-dependencies"]) == set(EXTRAS)


@pytest.mark.parametrize("verb", ["run", "resume", "status", "resolve", "estimate", "attach"])
def test_help_teaches_by_example(cli: Command, verb: str) -> None:
    """Below the options of a verb stand lines that can be copied; the whole help lists every code."""
    said = cli(verb, "--help")
    assert (0, True) == (said.code, said.out.count(f"\n  {program()} {verb} ") >= 2), said.out
    assert all(f"\n  {code:>3}  " in cli("--help").out for code in (*range(10), 130, 143))


@pytest.mark.parametrize("argv", [["--help"], ["run", "--help"], ["resolve", "--help"], ["no-such-verb"]])
def test_help_loads_no_library(argv: list[str]) -> None:
    """Help comes from the standard library alone, which is what makes it come at once."""
    heavy = {"aiohttp", "anyio", "attrs", "asyncio"}
    script = f"import sys; from pixverse_async.cli import main; main({argv}); print({heavy} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "set()" == ran.stdout.splitlines()[-1]


def test_no_link_is_kept_whole(cli: Command, serve: Service, tmp_path: Path) -> None:
    """The signature of a link is in no file, no answer and no message, whatever becomes of the job."""
    serve()
    row = {"image": "https://user:s3cret@127.0.0.1/a.png?X-Goog-Signature=s3cret#s3cret", "prompt": "p"}
    (tmp_path / "t.jsonl").write_text(json.dumps(row), encoding="utf-8")
    for argv in (
        ["run", "t.jsonl", *QUICK],
        ["run", "t.jsonl", "--json", *QUICK],
        ["run", "t.jsonl", "--dry-run"],
    ):
        said = cli(*argv)
        assert "s3cret" not in said.out + said.err
    for path in Path("videos").iterdir():
        assert b"s3cret" not in path.read_bytes()
    assert "https://127.0.0.1/a.png" in Path("videos/manifest.csv").read_text(encoding="utf-8")


def test_another_account_is_refused_until_it_is_said_to_be_the_same(
    cli: Command, serve: Service, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another key than the one that sent unfinished jobs a run and a resume say what changed, and send nothing."""
    emulator = serve(Settings(rules=(Rule(on="submit", fault="stuck_queued"),)))
    line = ("run", "photos", "--prompt", "p", "--job-timeout", "0.1", *QUICK)
    assert 2 == cli(*line).code
    monkeypatch.setenv("GMI_ORG_ID", "acme")
    for words in (line, ("resume", "videos"), ("resume", "videos", "--sent-only")):
        said = cli(*words)
        assert (6, 3) == (said.code, emulator.service.ledger.submits)
        assert "error: org_id: 3 unfinished jobs in videos/pixverse-journal.jsonl" in said.err
        assert "resolve FOLDER --same-account" in said.err
    assert 6 == cli("resolve", "videos", "KEY", "--same-account").code
    assert "Written down for 3 jobs; go on with: " in cli("resolve", "videos", "--same-account").out
    assert 2 == cli("resume", "videos", "--job-timeout", "0.1").code
    assert 3 == emulator.service.ledger.submits


def test_resume_finishes_a_round_of_retries_and_begins_no_other(
    cli: Command, serve: Service, photos: Path
) -> None:
    """What failed before `run --retry-failed` is sent again once; a failure in it, only by another --retry-failed."""
    rules = (Rule(on="submit", fault="high_load", nth=(1, 2, 3, 4)), Rule(on="submit", fault="402", nth=(5,)))
    ledger = serve(Settings(rules=rules)).service.ledger
    line = ("run", "photos", "--prompt", "p", "--max-in-flight", "1", *QUICK)
    assert (5, 3) == (cli(*line).code, ledger.submits)
    cli(*line, "--retry-failed")
    assert 5 == ledger.submits, "one failed again, and there was no credit for the others"
    for _ in range(2):
        said = cli("resume", "videos")
        assert (8, 7, True) == (said.code, ledger.submits, "sent again by\n  " in said.err), said
    assert (0, 8) == (cli("resume", "videos", "--retry-failed").code, ledger.submits)


def test_a_run_file_of_an_earlier_version_begins_no_round_of_retries(
    cli: Command, serve: Service, photos: Path
) -> None:
    """It says retry_failed and not since when: nothing is sent again by a resume alone, and it can be used."""
    ledger = serve(Settings(rules=(Rule(on="submit", fault="high_load", nth=(1, 2, 3)),))).service.ledger
    cli("run", "photos", "--prompt", "p", *QUICK)
    path = Path("videos/pixverse-run.json")
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept["batch"]["retry_failed"] = True
    del kept["retry_before_utc"]
    path.write_text(json.dumps(kept), encoding="utf-8")
    assert (5, 3) == (cli("resume", "videos").code, ledger.submits)
    path.write_text(json.dumps({**kept, "retry_before_utc": 1e300}), encoding="utf-8")
    assert 6 == cli("resume", "videos").code


@pytest.mark.parametrize("options", [[], ["--quiet"], ["--verbose"]])
def test_a_folder_on_a_network_is_warned_of_once(
    cli: Command, serve: Service, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """Whoever runs a batch into one reads on stderr that another host is not kept out; elsewhere nothing is said."""
    serve(Settings(rules=(Rule(on="submit", fault="drop_before_commit", nth=(1, 2)),)))
    table = tmp_path / "mountinfo"
    table.write_text(f"27 1 0:1 / {tmp_path}/far rw - nfs4 nas:/ rw\n", encoding="utf-8")
    monkeypatch.setattr(network, "MOUNTS", table)  # a test cannot mount a network file system
    said = cli("run", "photos", "--prompt", "p", "--on-unknown", "hold", "--out", "far", *options, *QUICK)
    assert 1 == said.err.count("far is on a network (nfs4), where the lock may not keep out another host"), said
    long_after(monkeypatch)
    assert 1 == cli("resolve", "far", "--all-older-than", "0s", "--not-accepted").err.count("is on a network")
    assert "network" not in cli("run", "photos", "--prompt", "p", "--out", "near", *options, *QUICK).err
    assert "-     far is on a network (nfs4), where the lock may not" in cli("doctor", "far", "--offline").out
    assert "network" not in cli("doctor", "near", "--offline").out


def test_the_loop_is_the_one_in_c_where_it_is_installed(
    cli: Command, serve: Service, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run, signals and all, on uvloop; without it this is skipped, and all other tests run on asyncio's own."""
    uvloop: Any = pytest.importorskip("uvloop")
    loops: list[asyncio.AbstractEventLoop] = []

    class Watched(Interrupts):
        def __enter__(self) -> Self:
            loops.append(asyncio.get_running_loop())
            return super().__enter__()

    serve()
    # Nothing that the command line says tells its loop: one that looks is put in its way.
    monkeypatch.setattr(import_module("pixverse_async.cli.run"), "Interrupts", Watched)
    assert 0 == cli("run", "photos", "--prompt", "p", *QUICK).code
    assert [uvloop.Loop] == list(map(type, loops))


def test_a_failure_names_the_row_of_its_table(cli: Command, serve: Service, photos: Path) -> None:
    """On stderr, in the table and in JSON; whether the row is wrong, its image missing, or the service refuses it."""
    serve(Settings(rules=(Rule(on="submit", fault="moderation", prompt_contains="blood"),)))
    rows = [
        "photos/picture-0.png,p",
        "photos/none.png,p",
        "",
        "photos/picture-1.png,blood",
        "photos/picture-2.png,",
    ]
    Path("t.csv").write_text("\n".join(["image,prompt", *rows]), encoding="utf-8")
    said = cli("run", "t.csv", *QUICK)
    for name in ("none (line 3 of t.csv)", "picture-1 (line 5 of t.csv)", "picture-2 (line 6 of t.csv)"):
        assert re.search(rf"^\[\d/4\] failed  {re.escape(name)}  \$0.00  ", said.err, re.MULTILINE), said.err
        assert re.search(rf"^failed +{re.escape(name)} ", said.out, re.MULTILINE), said.out
    assert "line 2" not in said.out + said.err
    objects = cli("resume", "videos", "--json", "--quiet").objects
    assert {0: "line 2 of t.csv", 1: "line 3 of t.csv", 2: "line 5 of t.csv", 3: "line 6 of t.csv"} == {
        one["index"]: one["source"] for one in objects if one["type"] == "outcome"
    }
    assert {"picture-0", "none", "picture-1", "picture-2"} >= {one["name"] for one in objects if "name" in one}


def test_a_wrong_sidecar_costs_its_own_job_and_no_other(cli: Command, serve: Service, photos: Path) -> None:
    """The others become videos; once it is mended, `resume` sends what is left, and nothing is paid twice."""
    emulator = serve()
    sidecar = photos / "picture-1.json"
    sidecar.write_text("{", encoding="utf-8")
    for line in (("run", "photos", "--prompt", "p", *QUICK), ("resume", "videos")):
        said = cli(*line)
        assert (8, False) == (said.code, "warning" in said.err), said
        assert re.search(r"^\[\d/3\] failed  picture-1  \$0.00  sidecar=", said.err, re.MULTILINE), said.err
        assert "picture-1.json':notJSON" in "".join(said.out.split()), said.out
        assert "1 not sent because of its input; when it is mended" in said.err
    sidecar.write_text('{"prompt": "its own"}', encoding="utf-8")
    said = cli("resume", "videos")
    assert (0, False) == (said.code, "warning" in said.err), said
    assert 3 == emulator.service.ledger.submits == len(list(Path("videos").glob("*.mp4")))


def test_a_row_that_is_no_job_is_no_job_of_another_run(cli: Command, serve: Service, photos: Path) -> None:
    """It is given again by the same line, and by `resume`, and so nothing is forgotten."""
    serve()
    Path("t.csv").write_text("image,prompt\nphotos/picture-0.png,p\nphotos/picture-1.png,\n", encoding="utf-8")
    for line in (("run", "t.csv", *QUICK), ("run", "t.csv", *QUICK), ("resume", "videos")):
        said = cli(*line)
        assert (8, False) == (said.code, "warning" in said.err), said


def test_a_reason_is_said_in_full_once(cli: Command, serve: Service, photos: Path) -> None:
    """What happened goes by on stderr; what to do about it is in the answer, be it a table or JSON."""
    serve()
    (photos / "broken.png").write_bytes(b"no picture")
    for options in ((), ("--json",)):
        said = cli("run", "photos", "--prompt", "p", *QUICK, *options)
        assert re.search(r"failed  broken  \$0.00  image='.*broken.png': [^.]+$", said.err, re.MULTILINE), said.err
        answer = " ".join(said.out.split())
        assert (0, 1) == (said.err.count("Give a JPEG"), answer.count("Give a JPEG")), said


def test_status_knows_what_was_never_sent(cli: Command, serve: Service, photos: Path) -> None:
    """How many the latest run left, and with --all which and why; in JSON each is an object, and they are counted."""
    serve()
    assert 8 == cli("run", "photos", "--prompt", "p", "--budget", "0.05", "--max-in-flight", "1", *QUICK).code
    lines = (
        "Never sent: 1 job of the latest run.\n"
        "1 not sent for want of budget; with a larger one\n"
        f"  {program()} resume videos --budget USD\n"
    )
    said = cli("status", "videos").out
    assert (True, False) == (lines in said, "picture-2" in said), said
    assert re.search(
        r"^  picture-2\n    not sent: it needs \$0.025", cli("status", "videos", "--all").out, re.MULTILINE
    )
    *_, left, whole = cli("status", "videos", "--json").objects
    assert ("unsent", "picture-2", "p", 1) == (left["type"], left["name"], left["prompt"], whole["unsent"])
    assert "BudgetExceededError" == left["error_kind"]
    assert 0 == cli("resume", "videos", "--budget", "1").code
    assert "ever sent" not in cli("status", "videos", "--all").out


def test_status_gives_the_hint_that_the_run_gave(cli: Command, serve: Service, photos: Path) -> None:
    """For wrong input, too little budget, and all else the line that sends it, and none that sends nothing."""
    serve(Settings(credits_usd=Decimal(0)))
    (photos / "picture-3.png").write_bytes(tiny_png(3))
    rows = [
        "photos/picture-0.png,99",
        "photos/picture-1.png,15",
        "photos/picture-2.png,1",
        "photos/picture-3.png,1",
    ]
    Path("t.csv").write_text("\n".join(["image,duration", *rows]), encoding="utf-8")
    line = ("run", "t.csv", "--prompt", "p", "--budget", "0.10", "--max-in-flight", "1", *QUICK)
    assert (
        1 == cli(*line).code
    )  # the third is refused for want of credit, which is on record, and stops the fourth
    resume = f"  {program()} resume videos"
    said = cli("status", "videos").out.splitlines()
    assert [
        "Never sent: 3 jobs of the latest run.",
        "1 can still be had, and is paid once; go on with",
        resume,
        "1 not sent for want of budget; with a larger one",
        f"{resume} --budget USD",
        "1 not sent because of its input; when it is mended",
        resume,
        "  --all lists them, and says why",
    ] == said[said.index("Never sent: 3 jobs of the latest run.") :]


def test_a_table_of_an_earlier_version_is_read(cli: Command, serve: Service, photos: Path) -> None:
    """It does not tell the kind of an error: what was never sent is known all the same."""
    serve()
    assert 8 == cli("run", "photos", "--prompt", "p", "--budget", "0.05", "--max-in-flight", "1", *QUICK).code
    path = Path("videos/manifest.jsonl")
    rows = [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps(_without_kind(row)) + "\n" for row in rows), encoding="utf-8")
    assert "Never sent: 1 job of the latest run." in cli("status", "videos").out


def _without_kind(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "error_kind"}


def test_status_keeps_to_the_width_of_a_narrow_terminal(
    cli: Command, serve: Service, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prose and reasons are broken at words; commands, and what is copied, stay whole."""
    serve()
    assert 8 == cli("run", "photos", "--prompt", "p", "--budget", "0.05", "--max-in-flight", "1", *QUICK).code
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)  # what is said there is to be read here as well
    lines = cli("status", "videos", "--all").out.splitlines()
    assert "    not sent: it needs $0.025 and the" in lines
    assert [] == [line for line in lines if len(line) >= 40 and not line.startswith("  ")]


def test_a_dry_run_knows_what_earlier_runs_paid(cli: Command, serve: Service, photos: Path) -> None:
    """What is in the folder costs nothing more, and its cost counts against the budget as it does in a run."""
    serve()
    long = ("--prompt", "two\nlines, " + "and long ones " * 30)  # of which the journal keeps the beginning
    line = ("run", "photos", *long, *QUICK)
    assert 0 == cli("run", "photos/picture-0.png", *long, *QUICK).code
    said = cli(*line, "--budget", "0.06", "--dry-run").out
    assert "Sent before and not paid again: 1 of these. The rest costs at most $0.05." in said
    assert "The budget of $0.06, of which earlier runs have used $0.025, is $0.015 short of that" in said
    assert 8 == cli(*line, "--budget", "0.06").code
    assert "short" not in cli(*line, "--budget", "0.075", "--dry-run").out
    assert 0 == cli(*line, "--budget", "0.075").code
