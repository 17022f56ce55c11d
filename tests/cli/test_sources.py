"""What is named on the command line becomes jobs: tables of each format, patterns, images, URLs, and mixtures."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pixverse_async.cli.sources import as_job
from tests.cli.conftest import Command
from tests.memory import tiny_png

ROWS = [
    {"image": "cat.png", "prompt": "the cat yawns", "duration": 8, "audio": True, "seed": 7, "metadata.row": "a"},
    {"image": "https://x.example/dog.png?sig=s3cret", "prompt": None, "duration": None, "audio": None},
]
EXPECTED = [
    {"name": "cat", "prompt": "the cat yawns", "duration": 8, "audio": True, "seed": 7, "usd": 0.36},
    {"name": "dog", "prompt": "for all", "duration": 5, "audio": False, "seed": None, "usd": 0.175},
]


def jobs_of(cli: Command, *argv: object) -> list[dict[str, Any]]:
    """The jobs that a dry run shows."""
    said = cli("run", *argv, "--dry-run", "--json")
    assert 0 == said.code, said
    return [one for one in said.objects if one["type"] == "job"]


def as_csv(path: Path, *, delimiter: str = ",", mark: str = "", flag: str = "yes", number: str = "{}") -> None:
    lines = [
        ["image", "prompt", "duration", "audio", "seed", "metadata.row"],
        ["cat.png", '"the cat yawns"', number.format(8), flag, number.format(7), "a"],
        ["https://x.example/dog.png?sig=s3cret", "", "", "", "", ""],
    ]
    path.write_text(mark + "".join(delimiter.join(line) + "\r\n" for line in lines), encoding="utf-8", newline="")


def as_json_lines(path: Path) -> None:
    nested = [{**ROWS[0], "metadata": {"more": 1}}, {"image": ROWS[1]["image"]}]
    path.write_text("\n".join(map(json.dumps, nested)) + "\n\n", encoding="utf-8")


def as_parquet(path: Path) -> None:
    table: Any = import_module("pyarrow").Table
    import_module("pyarrow.parquet").write_table(table.from_pylist(ROWS), path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("t.csv", as_csv),
        ("excel.csv", partial(as_csv, delimiter=";", mark="\ufeff", flag="TRUE")),
        ("pandas.csv", partial(as_csv, number="{}.0", flag="1")),
        ("t.tsv", partial(as_csv, delimiter="\t", flag="1")),
        ("t.jsonl", as_json_lines),
        ("t.parquet", as_parquet),
    ],
)
def test_a_table_says_the_same_in_every_format(
    cli: Command, tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    """Values get their types, blanks are filled in by the options, and paths are relative to the table."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "cat.png").write_bytes(tiny_png(1))
    write(tmp_path / "sub" / name)
    found = jobs_of(cli, f"sub/{name}", "--prompt", "for all")
    assert EXPECTED == [{key: job[key] for key in EXPECTED[0]} for job in found]
    assert ["sub/cat.png", "https://x.example/dog.png"] == [job["image"] for job in found]


def test_sources_are_taken_in_the_order_given(cli: Command, photos: Path) -> None:
    """A folder, a pattern, a file and a link, one after the other; sidecars that a pattern meets are not images."""
    (photos / "picture-1.txt").write_text("its own", encoding="utf-8")
    found = jobs_of(cli, "photos/picture-2.png", "photos/*", photos, "https://x.example/z.png", "--prompt", "p")
    names = ["picture-2", *("picture-0", "picture-1", "picture-2") * 2, "z"]
    assert names == [job["name"] for job in found]
    assert ["p", "p", "its own"] == [job["prompt"] for job in found[:3]]


def test_a_wrong_row_is_told_and_stops_no_other(cli: Command, tmp_path: Path) -> None:
    """A dry run shows the price of the good rows, and what is wrong with each of the others, by its number."""
    (tmp_path / "cat.png").write_bytes(tiny_png(1))
    (tmp_path / "empty.png").touch()
    rows = [
        "cat.png,yawns,5",
        "cat.png,yawns,long",
        "none.png,yawns,5",
        ",yawns,5",
        ".,yawns,5",
        "empty.png,yawns,5",
    ]
    (tmp_path / "t.csv").write_text("\n".join(["image,prompt,duration", *rows]), encoding="utf-8")
    said = cli("run", "t.csv", "--dry-run")
    assert 6 == said.code
    for line in (
        "row 2 (line 3 of t.csv): job 'cat': duration='long': not a whole number",
        "row 3 (line 4 of t.csv): job 'none': image='none.png': no such file. Check the path; a relative one",
        "row 4 (line 5 of t.csv): image: missing",
        "image='.': a folder, not a file",
        "row 6 (line 7 of t.csv): job 'empty': image='empty.png': the file is empty",
        "1 video, 5 seconds: at most $0.175",
        "Nothing was sent.",
    ):
        assert line in said.out


@pytest.mark.parametrize("source", ["photos", "photos/*"])
def test_every_wrong_sidecar_is_told_and_stops_no_other(cli: Command, photos: Path, source: str) -> None:
    """As a wrong row of a table: a dry run and an estimate name each with field, value, file and remedy."""
    (photos / "picture-0.txt").write_text("p" * 5001, encoding="utf-8")
    (photos / "picture-1.json").write_text('{"duration": 99}', encoding="utf-8")
    dry, priced = cli("run", source, "--prompt", "p", "--dry-run"), cli("estimate", source)
    assert (6, 6) == (dry.code, priced.code), dry
    for said in (
        "5001 characters long (in picture-0.txt). Shorten it to 5000 characters.",
        "job 'picture-1': duration=99: not a whole number of seconds from 1 to 15 (in picture-1.json). Use 1 to 15.",
        "1 video, 5 seconds: at most $0.175",
    ):
        assert said in dry.out
        assert said in priced.out


@pytest.mark.parametrize("name", ["duration ", "dura\\tion", "d" * 81])
def test_a_sidecar_with_a_name_that_is_shown_otherwise_stops_no_other(
    cli: Command, photos: Path, name: str
) -> None:
    """A name of no parameter is quoted shortened and on one line, and its sidecar is found guilty all the same."""
    (photos / "picture-1.json").write_text(json.dumps({name: 8}), encoding="utf-8")
    said = cli("estimate", photos)
    assert (6, 1) == (said.code, said.out.count("no such parameter (in picture-1.json)")), said
    assert "2 videos, 10 seconds" in said.out


def test_an_estimate_needs_neither_key_nor_prompt(cli: Command, photos: Path) -> None:
    """It is the price of the folder, offline."""
    said = cli("estimate", photos, "--duration", "10", "--quality", "1080p", "--audio", "--json")
    assert (0, 3, 3.45) == (said.code, said.objects[0]["videos"], said.objects[0]["usd"])
    assert "at most $0.525" in cli("estimate", photos).out


@pytest.mark.parametrize("host", ["localhost", "queue.localhost", "127.0.0.2", "[::1]"])
def test_a_dry_run_takes_the_addresses_for_local_that_the_run_takes(
    cli: Command, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """By whatever name of this machine the service is reached, it can fetch an image from there."""
    monkeypatch.setenv("GMI_BASE_URL", f"http://{host}:8080/apikey")
    (job,) = jobs_of(cli, "http://localhost:9000/cat.png", "--prompt", "it yawns")
    assert job["problem"] is None


def test_the_same_image_under_two_names_is_noticed(cli: Command, photos: Path) -> None:
    """It is what the image holds that counts, and not the path: in words, and as an object of the JSON answer."""
    (photos / "twin.png").write_bytes((photos / "picture-1.png").read_bytes())
    note = (
        "Note: 1 job asks for the same as another one, such as twin (row 4) as picture-1 (row 2); "
        "each is paid, $0.175 for these."
    )
    assert note in cli("run", photos, "--prompt", "p", "--dry-run").out
    objects = cli("run", photos, "--prompt", "p", "--dry-run", "--json").objects
    assert [note] == [one["text"] for one in objects if one["type"] == "note"]


def test_an_estimate_says_where_a_row_is_wrong(cli: Command, tmp_path: Path) -> None:
    """A row that takes several lines of a table is found by its first."""
    text = 'image,prompt,duration\ncat.png,"two\nlines",5\n\ncat.png,"two\nlines",long\n'
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    assert "not counted: line 5 of t.csv: job 'cat': duration='long'" in cli("estimate", "t.csv").out


def test_lines_that_hold_nothing_are_no_rows(cli: Command, tmp_path: Path) -> None:
    """Blank ones, also above the head, and those that a spreadsheet writes for cleared rows; no line is miscounted."""
    (tmp_path / "cat.png").write_bytes(tiny_png(1))
    text = (
        "\r\n\nimage;prompt;duration\r\n;;\r\n\r\ncat.png;the cat, yawning;5\r\n;;\r\ncat.png;p;long\r\n ; ;\r\n"
    )
    (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")
    said = cli("run", "t.csv", "--dry-run", "--json")
    told = [(one["source"], one["problem"] is None) for one in said.objects if one["type"] == "job"]
    assert [("line 6 of t.csv", True), ("line 8 of t.csv", False)] == told


def test_a_row_is_judged_in_the_words_of_the_batch() -> None:
    """What no job has, what is missing and what is out of range: the batch itself would say the same."""
    row = {"image": "cat.jpg", "prompt": "it yawns"}
    said = [str(as_job({**row, **wrong})[1]) for wrong in ({"colour": "red"}, {"duration": 99})]
    assert said[0].startswith("colour='red': no such parameter. Use image, prompt, duration")
    assert said[1].startswith("job 'cat': duration=99: not a whole number")
    assert "prompt: missing. Every job needs an image and a prompt." == str(as_job({"image": "cat.jpg"})[1])
    assert (None, None) == (as_job({"image": "cat.jpg"})[0], as_job(row)[1])
