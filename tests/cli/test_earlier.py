"""What other runs left in a folder, put beside a run's own rows."""

from __future__ import annotations

from pixverse_async.cli.earlier import OTHER_RUN, Row, completed, looking_for, never_sent, unsent_warning


class _Counted(Row):
    """A row that counts how often any of them is read."""

    reads = 0

    def get(self, key: str, default: object = None, /) -> object:
        _Counted.reads += 1
        return super().get(key, default)


def _row(image: str, outcome: str, *, name: str = "cat", request_id: str | None = None) -> Row:
    asked: Row = {
        "image": image,
        "prompt": "p",
        "duration": 5,
        "quality": "540p",
        "audio": False,
        "multi_clip": False,
    }
    return _Counted(asked, name=name, outcome=outcome, request_id=request_id, seed=7, usd=0, index=0, notes=None)


def test_an_interrupted_job_has_the_request_that_the_journal_knows() -> None:
    """Each of two equal jobs one of its own; a job of another run comes last, and says so."""
    rows = [
        _row("cat.jpg", "interrupted"),
        _row("cat.jpg", "interrupted"),
        _row("dog.jpg", "succeeded", name="dog"),
    ]
    recorded = [
        _row("cat.jpg", "pending", request_id="r-1"),
        _row("owl.jpg", "pending", name="owl", request_id="r-2"),
        _row("cat.jpg", "pending", name="cat-2", request_id="r-3"),
        _row("dog.jpg", "succeeded", name="dog", request_id="r-4"),
    ]
    found = list(completed(rows, recorded))
    assert ["r-1", "r-3", None, "r-2"] == [row["request_id"] for row in found]
    assert ["cat", "cat-2", "dog", "owl"] == [row["name"] for row in found]
    assert [0, 0, 0, 3] == [row["index"] for row in found]
    assert OTHER_RUN == found[-1]["notes"]


def test_a_job_whose_name_a_repair_found_lost_is_told_once() -> None:
    """It is called by its key on record and otherwise by the run: its request shows that it is the same."""
    rows = [_row("cat.jpg", "succeeded", request_id="r-1"), _row("dog.jpg", "failed", name="dog")]
    recorded = [
        _row("?", "succeeded", name="3f2a91c0", request_id="r-1"),
        _row("?", "unknown", name="77b01d2e"),
    ]
    assert ["cat", "dog", "77b01d2e"] == [row["name"] for row in completed(rows, recorded)]


def test_an_interrupted_batch_of_thousands_is_told_at_once() -> None:
    """Each row is read a few times, and not once for each other one."""
    count = 500
    rows = [_row(f"{n}.jpg", "interrupted") for n in range(count)]
    recorded = [_row(f"{n}.jpg", "pending", name=f"v-{n}", request_id=f"r-{n}") for n in reversed(range(count))]
    _Counted.reads = 0
    assert [f"r-{n}" for n in range(count)] == [row["request_id"] for row in completed(rows, recorded)]
    assert _Counted.reads <= 20 * count


def test_jobs_that_were_never_sent_are_warned_of_once() -> None:
    """Not those that are given again, nor those that have a request."""
    rows = [
        _row("cat.jpg", "interrupted"),
        _row("dog.jpg", "failed", name="dog"),
        _row("owl.jpg", "pending", request_id="r-1"),
    ]
    assert ["dog"] == [row["name"] for row in never_sent(rows, [_row("cat.jpg", "interrupted")])]
    assert unsent_warning([]) is None
    assert "1 job of an earlier run into this folder was never sent, such as dog" in str(unsent_warning(rows[1:2]))


def test_only_submits_of_jobs_that_are_given_are_looked_for() -> None:
    """All of them where only the journal knows the jobs, and none where they are held at once."""
    lost = [_row("cat.jpg", "unknown"), _row("dog.jpg", "unknown"), _row("owl.jpg", "unknown")]
    in_list = "Looking for {} in the service's list, for "
    assert in_list.format("3 lost submits") + "up to a minute." == looking_for(lost, None, None)
    said = looking_for(lost, lost[:2], "resubmit")
    assert in_list.format("2 lost submits") + "ten minutes if need be." == said
    assert [None, None] == [looking_for(lost, None, "hold"), looking_for(lost, [], "reconcile")]
