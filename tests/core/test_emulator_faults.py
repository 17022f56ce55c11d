"""Every scripted fault of the queue does what its description says, and strikes when its rule says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

import pytest

from pixverse_async.emulator import FAULTS, EmulatedCloud, Response, Rule, Settings
from pixverse_async.emulator.faults import OUTCOMES, SUBMIT_COMMITTED, SUBMIT_REFUSALS, On
from tests.emulator_calls import accepted, call, listed, poll, read, submit

LONG_AFTER = 10_000.0
UNLIKE_AN_ERROR = {"drop_before_commit", "hang_before_commit", "307_redirect"}


def cloud_with(on: On, fault: str, **options: object) -> EmulatedCloud:
    return EmulatedCloud(Settings(rules=(Rule.parse(":".join([on, fault, *_words(options)])),)))


def _words(options: Mapping[str, object]) -> list[str]:
    return [key if value is True else f"{key}={value}" for key, value in options.items()]


def outcome_of(fault: str) -> dict[str, object]:
    cloud = cloud_with("submit", fault)
    return poll(cloud, accepted(cloud), LONG_AFTER)


@pytest.mark.parametrize("fault", SUBMIT_REFUSALS)
def test_a_fault_before_the_commit_leaves_nothing(fault: str) -> None:
    """No request exists, nothing is charged, and the answer is not a success."""
    cloud = cloud_with("submit", fault)
    response = submit(cloud)
    assert ([], 0) == listed(cloud, LONG_AFTER)
    assert (0, 1, ()) == (cloud.ledger.accepted, cloud.ledger.refused, cloud.ledger.committed)
    assert response.status >= 400 or fault in UNLIKE_AN_ERROR


@pytest.mark.parametrize("fault", SUBMIT_COMMITTED)
def test_a_fault_after_the_commit_leaves_one_request(fault: str) -> None:
    """The list shows one request, and it is charged unless it failed on the spot."""
    cloud = cloud_with("submit", fault)
    submit(cloud)
    ids, total = listed(cloud, LONG_AFTER)
    assert (1, 1, 1) == (len(ids), total, cloud.ledger.accepted)
    assert (fault != "failed_on_post") == (1 == len(cloud.ledger.charges))


@pytest.mark.parametrize(
    ("fault", "status", "fate", "text"),
    [
        ("drop_after_commit", 0, "drop", ""),
        ("drop_before_commit", 0, "drop", ""),
        ("hang_after_commit", 0, "hang", ""),
        ("error_500_after_commit", 500, "answer", "try again later"),
        ("500_backend_400", 500, "answer", "Backend error (400). Please try again."),
        ("502_html_after_commit", 502, "answer", "<html>"),
        ("504_html_before_commit", 504, "answer", "<html>"),
        ("503_plain", 503, "answer", "Upstream capacity temporarily exhausted; please retry later"),
        ("402", 402, "answer", "Insufficient credits. Please add more credits to your account."),
        ("404_model", 404, "answer", "does not exist"),
        ("413_html", 413, "answer", "<html>"),
        ("200_html", 200, "answer", "<html>"),
    ],
)
def test_a_submit_fault_looks_like_its_name(fault: str, status: int, fate: str, text: str) -> None:
    """Status, fate and words of the answer are those of the description."""
    response = submit(cloud_with("submit", fault))
    assert (status, fate, True) == (response.status, response.fate, text in response.body.decode())


@pytest.mark.parametrize(("fault", "exists"), [("503_request_id", True), ("503_request_id_absent", False)])
def test_a_503_names_a_request_that_exists_or_does_not(fault: str, exists: bool) -> None:
    """Only a status call can tell the two apart."""
    cloud = cloud_with("submit", fault)
    response = submit(cloud)
    request_id = str(read(response)["request_id"])
    assert 503 == response.status
    assert (200 if exists else 404) == call(cloud, "GET", f"/requests/{request_id}", now=LONG_AFTER).status


def test_a_truncated_reply_is_no_json() -> None:
    """Half of the reply arrives with a length that agrees."""
    response = submit(cloud_with("submit", "200_truncated_json"))
    assert str(len(response.body)) == response.header_map["content-length"]
    with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
        json.loads(response.body)


def test_a_reply_may_lack_its_request_id() -> None:
    """A 200 that names nothing."""
    assert "request_id" not in read(submit(cloud_with("submit", "200_without_request_id")))


@pytest.mark.parametrize(("fault", "told"), [("429", 30_000), ("429_absurd", 10**15)])
def test_a_429_tells_how_long_to_wait_truly_or_absurdly(fault: str, told: int) -> None:
    """`retry_after_ms` and the sentence say the same number."""
    body = read(submit(cloud_with("submit", fault)))
    assert told == cast("dict[str, object]", body["rate_limit"])["retry_after_ms"]
    assert f"Retry in {told} ms." in str(body["error"])


def test_a_429_may_be_bare_or_carry_the_header() -> None:
    """Neither has a rate_limit body; one has Retry-After."""
    bare, headed = (submit(cloud_with("submit", fault)) for fault in ("429_bare", "429_retry_after"))
    assert [None, "5"] == [one.header_map.get("retry-after") for one in (bare, headed)]
    assert ["error"] == [*read(bare)] == [*read(headed)]


def test_a_slow_sync_submit_blocks_and_answers_with_the_finished_record() -> None:
    """After 30 to 60 s the reply itself says success and links the video, which is there by then."""
    cloud = cloud_with("submit", "slow_sync")
    response = submit(cloud)
    record = read(response)
    assert "success" == record["status"]
    assert 30.0 <= response.delay_s <= 61.0
    assert poll(cloud, str(record["request_id"]), response.delay_s) == record
    assert 200 == cloud.call("GET", _link(record), headers={}, now=response.delay_s).status


def test_a_submit_may_fail_on_the_spot() -> None:
    """The reply is a failed record with a reason."""
    record = read(submit(cloud_with("submit", "failed_on_post")))
    assert ("failed", "Generation failed") == (record["status"], record["error"])


@pytest.mark.parametrize("fault", OUTCOMES)
def test_every_outcome_can_be_told_from_the_documented_one_or_from_its_success(fault: str) -> None:
    """Each outcome leaves a record unlike the plain success with the same seed, at some moment of its life."""
    cloud, plain = cloud_with("submit", fault), EmulatedCloud()
    lives = [
        [call(one, "GET", f"/requests/{request_id}", now=float(at)).body for at in (*range(0, 300, 3), LONG_AFTER)]
        for one, request_id in ((cloud, accepted(cloud)), (plain, accepted(plain)))
    ]
    assert lives[0] != lives[1]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("moderation", {"outcome": {"error": "contains sensitive information"}}),
        ("high_load", {"outcome": {"error": "high load"}}),
        ("concurrency", {"outcome": {"error": "concurrent generations"}}),
        ("rate_limit_as_failed", {"outcome": {"error": "rate limit exceeded(RPM)"}}),
        ("error_object", {"error": {"message": "Generation failed"}}),
        ("error_string", {"error": "Generation failed"}),
    ],
)
def test_a_failure_says_its_reason_where_the_fault_puts_it(fault: str, reason: Mapping[str, object]) -> None:
    """The record is failed and holds the text at that place."""
    record = outcome_of(fault)
    assert "failed" == record["status"]
    assert _holds(record, reason), record


def _holds(found: object, wanted: object) -> bool:
    if isinstance(wanted, dict):
        inner = cast("dict[str, object]", wanted)
        within = cast("dict[str, object]", found) if isinstance(found, dict) else {}
        return all(_holds(within.get(key), value) for key, value in inner.items())
    return isinstance(found, str) and str(wanted) in found


def test_a_failure_without_a_reason_has_none_anywhere() -> None:
    """Outcome null and not one key more than any record."""
    record = outcome_of("no_reason")
    assert ("failed", None, 11) == (record["status"], record["outcome"], len(record))


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("success_without_media", {}),
        ("success_null_outcome", None),
        ("success_empty_media_urls", {"media_urls": []}),
    ],
)
def test_a_success_may_come_without_media_and_is_charged_all_the_same(fault: str, outcome: object) -> None:
    """The service cannot know that its client has nothing."""
    cloud = cloud_with("submit", fault)
    record = poll(cloud, accepted(cloud), LONG_AFTER)
    assert ("success", outcome, 1) == (record["status"], record["outcome"], len(cloud.ledger.charges))


def test_the_decoy_is_an_mp4_that_is_not_the_video() -> None:
    """`thumbnail_image_url` comes first, ends in .mp4, can be read, and is another file."""
    cloud = cloud_with("submit", "thumbnail_mp4")
    record = poll(cloud, accepted(cloud), LONG_AFTER)
    outcome = cast("dict[str, object]", record["outcome"])
    decoy = str(outcome["thumbnail_image_url"])
    assert ["thumbnail_image_url", "media_urls"] == [*outcome]
    assert decoy.endswith(".mp4")
    bodies = [cloud.call("GET", link, headers={}, now=LONG_AFTER).body for link in (decoy, _link(record))]
    assert bodies[0] != bodies[1]
    assert [b"ftyp", b"ftyp"] == [body[4:8] for body in bodies]


@pytest.mark.parametrize("fault", ["medias", "video_url", "bare_media_urls", "vendor_request_id", "thumbnail_jpg"])
def test_the_link_of_every_variant_leads_to_the_video(fault: str) -> None:
    """Wherever the link stands, there is exactly one .mp4 and it can be read."""
    cloud = cloud_with("submit", fault)
    record = poll(cloud, accepted(cloud), LONG_AFTER)
    response = cloud.call("GET", _link(record), headers={}, now=LONG_AFTER)
    assert (200, b"ftyp") == (response.status, response.body[4:8])


def _link(record: Mapping[str, object]) -> str:
    found = [word for word in json.dumps(record["outcome"]).split('"') if word.endswith(".mp4")]
    return found[-1]


def test_a_vendor_id_in_the_outcome_is_unknown_to_the_queue() -> None:
    """Polling by `outcome.request_id` finds nothing."""
    cloud = cloud_with("submit", "vendor_request_id")
    outcome = cast("dict[str, object]", poll(cloud, accepted(cloud), LONG_AFTER)["outcome"])
    assert 404 == call(cloud, "GET", f"/requests/{outcome['request_id']}", now=LONG_AFTER).status


@pytest.mark.parametrize(
    ("fault", "status"),
    [("stuck_queued", "queued"), ("stuck_processing", "processing"), ("cancelled", "cancelled")],
)
def test_some_requests_never_succeed(fault: str, status: str) -> None:
    """A day later the status is still that one, and the outcome null."""
    cloud = cloud_with("submit", fault)
    record = poll(cloud, accepted(cloud), 86_400.0)
    assert (status, None) == (record["status"], record["outcome"])


def test_a_word_of_the_future_appears_while_a_request_is_in_flight() -> None:
    """`rendering_v2` is seen, and success after it."""
    cloud = cloud_with("submit", "unknown_status")
    request_id = accepted(cloud)
    seen = {str(poll(cloud, request_id, float(at))["status"]) for at in range(1000)}
    assert {"rendering_v2", "success"} <= seen
    assert "processing" not in seen


def test_status_words_may_come_in_capitals() -> None:
    """SUCCESS with its outcome."""
    record = outcome_of("uppercase_status")
    assert ("SUCCESS", True) == (record["status"], record["outcome"] is not None)


@pytest.mark.parametrize("on", ["poll", "list", "models", "upload_url"])
def test_every_fault_of_a_harmless_call_changes_its_answer(on: On) -> None:
    """No fault of these places leaves the honest answer as it was."""
    for fault in FAULTS[on]:
        cloud, honest = cloud_with(on, fault), EmulatedCloud()
        answers = [_ask(one, on) for one in (cloud, honest)]
        assert answers[0] != answers[1], fault
        assert 1 == cloud.service.faults.fired[f"{on}:{fault}"]


def _ask(cloud: EmulatedCloud, on: On) -> Response:
    request_id = accepted(cloud)
    calls: dict[str, tuple[str, str, object]] = {
        "poll": ("GET", f"/requests/{request_id}", None),
        "list": ("GET", "/requests", None),
        "models": ("GET", "/models", None),
        "upload_url": ("POST", "/upload-url", {"file_type": "png"}),
    }
    method, path, body = calls[on]
    return call(cloud, method, path, body, now=1.0)


def test_a_failing_poll_changes_nothing_in_the_service() -> None:
    """The request goes on and is charged while nobody gets to see it."""
    cloud = cloud_with("poll", "500")
    request_id = accepted(cloud)
    assert 500 == call(cloud, "GET", f"/requests/{request_id}", now=LONG_AFTER).status
    assert 1 == len(cloud.ledger.charges)


# -- when a rule strikes ---------------------------------------------------------------------------------


def strikes(rule: str, submits: int = 12, prompt: str = "a cat") -> list[int]:
    """Which submits, counted from 1, were refused by the rule."""
    cloud = EmulatedCloud(Settings(rules=(Rule.parse(f"submit:503_plain:{rule}".rstrip(":")),)))
    return [n for n in range(1, submits + 1) if submit(cloud, seed=n, prompt=prompt).status == 503]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("nth=2,4", [2, 4]),
        ("every=2", [2, 4]),
        ("times=3", [1, 2, 3]),
        ("every=2:times=1", [2]),
        ("p=0", []),
        ("p=1", [1, 2, 3, 4, 5]),
        ("prompt=cat", [1, 2, 3, 4, 5]),
        ("prompt=dog", []),
    ],
)
def test_a_rule_strikes_exactly_when_it_says(rule: str, expected: list[int]) -> None:
    """nth, every, times, probability and prompt each restrict, and together restrict further."""
    assert expected == strikes(rule, submits=5)


def test_chance_is_repeatable_and_near_its_number() -> None:
    """A probability of one third strikes about a third of 300 calls, and the same ones each time."""
    first, again = (strikes("p=0.333", submits=300) for _ in range(2))
    assert first == again
    assert 75 < len(first) < 125


def test_a_rule_may_count_for_each_request_on_its_own() -> None:
    """With per_item the first poll of every request fails, without it only the first of all."""
    for option, expected in (("per_item", [500, 200, 500, 200]), ("times=1", [500, 200, 200, 200])):
        cloud = EmulatedCloud(Settings(rules=(Rule.parse(f"poll:500:nth=1:{option}"),)))
        ids = [accepted(cloud, seed=number) for number in (1, 1, 2, 2)]
        asked = (ids[0], ids[0], ids[2], ids[2])
        assert expected == [call(cloud, "GET", f"/requests/{one}").status for one in asked]


def test_a_call_and_its_outcome_can_both_go_wrong() -> None:
    """One rule loses the reply, another lets the generation fail; neither hides the other."""
    rules = (Rule(on="submit", fault="drop_after_commit"), Rule(on="submit", fault="moderation"))
    cloud = EmulatedCloud(Settings(rules=rules))
    assert "drop" == submit(cloud).fate
    (request_id,), _ = listed(cloud, 1.0)
    assert "failed" == poll(cloud, request_id, LONG_AFTER)["status"]


def test_a_rule_does_not_move_the_latencies_of_a_seeded_run() -> None:
    """A fault by chance at the polls leaves every charge where it was."""
    plain, faulty = EmulatedCloud(seed=5), EmulatedCloud(Settings(rules=(Rule.parse("poll:500:p=0.5"),)), 5)
    for cloud in (plain, faulty):
        for number in range(10):
            poll(cloud, accepted(cloud, seed=number), 1.0)
    assert plain.ledger.committed == faulty.ledger.committed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nowhere:429", "no such place"),
        ("submit:oops", "knows no 'oops'"),
        ("poll:moderation", "knows no 'moderation'"),
        ("submit:429:nth=0", "count from 1"),
        ("submit:429:p=2", "between 0 and 1"),
        ("submit:429:oops=1", "'oops' is none of"),
        ("submit:429:every=x", "every=x is not a whole number"),
    ],
)
def test_a_wrong_rule_is_refused_by_name(text: str, problem: str) -> None:
    """A mistyped rule never becomes a rule that silently does not strike."""
    with pytest.raises(ValueError, match=problem):
        Rule.parse(text)


def test_every_fault_has_a_description() -> None:
    """The vocabulary is its own documentation."""
    assert [] == [name for faults in FAULTS.values() for name, effect in faults.items() if len(effect) < 5]
