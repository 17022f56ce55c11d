"""The emulated queue as a pure value: routes, checks, lives, limits, money. No sockets, no clock."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse_async.emulator import EmulatedCloud, Response, Rule, Settings
from tests.emulator_calls import MODEL, accepted, call, error, listed, payload, poll, post, read, submit

RECORD_KEYS = {
    "request_id",
    "org_id",
    "user_id",
    "model",
    "status",
    "is_public",
    "payload",
    "outcome",
    "created_at",
    "updated_at",
    "queued_at",
}


def test_a_submit_is_answered_with_the_documented_four_keys() -> None:
    """The minimal reply has request_id, model, status queued and created_at as epoch seconds, and no more."""
    reply = read(submit(EmulatedCloud(Settings(epoch_utc=1_000.0)), now=5.5))
    assert {"request_id", "model", "status", "created_at"} == reply.keys()
    assert ("queued", 1005) == (reply["status"], reply["created_at"])


@pytest.mark.parametrize(("form", "status"), [("dispatched", "dispatched"), ("record", "queued")])
def test_the_submit_reply_has_the_other_documented_forms(form: str, status: str) -> None:
    """Both longer forms carry three equal times."""
    cloud = EmulatedCloud(Settings(submit_reply="dispatched" if form == "dispatched" else "record"))
    reply = read(submit(cloud))
    assert status == reply["status"]
    assert reply["created_at"] == reply["updated_at"] == reply["queued_at"]


def test_a_record_has_exactly_the_keys_of_a_live_one() -> None:
    """The key set is the live one at every stage, and qworker_id comes only when asked for."""
    cloud = EmulatedCloud()
    request_id = accepted(cloud)
    assert RECORD_KEYS == poll(cloud, request_id, 0.0).keys() == poll(cloud, request_id, 5000.0).keys()
    other = EmulatedCloud(Settings(has_qworker_id=True))
    assert RECORD_KEYS | {"qworker_id"} == poll(other, accepted(other), 0.0).keys()


def test_a_request_lives_from_queued_to_success_and_only_then_has_an_outcome() -> None:
    """Statuses come in the documented order, updated_at never falls, and outcome is null until the end."""
    cloud = EmulatedCloud(seed=3)
    request_id = accepted(cloud)
    records = [poll(cloud, request_id, at / 4) for at in range(4000)]
    seen = list(dict.fromkeys(str(record["status"]) for record in records))
    order = ["queued", "dispatched", "processing", "success"]
    assert [status for status in order if status in seen] == seen
    assert {"queued", "processing", "success"} <= set(seen)
    assert [] == [r for r in records if (r["outcome"] is None) == (r["status"] == "success")]
    times = [cast("int", record["updated_at"]) for record in records]
    assert times == sorted(times)
    assert times[0] < times[-1]


def test_a_finished_record_never_changes() -> None:
    """The record of a success is the same, byte for byte, a day later."""
    cloud = EmulatedCloud()
    request_id = accepted(cloud)
    first, later = (call(cloud, "GET", f"/requests/{request_id}", now=at) for at in (3000.0, 90_000.0))
    assert first.body == later.body


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    """Ids and latencies are functions of the seed alone."""

    def run(seed: int) -> list[bytes]:
        cloud = EmulatedCloud(seed=seed)
        ids = [accepted(cloud, seed=number) for number in range(20)]
        return [call(cloud, "GET", f"/requests/{one}", now=80.0).body for one in ids]

    assert run(1) == run(1)
    assert run(1) != run(2)


@pytest.mark.parametrize("key", ["", "wrong", "eyJ"])
def test_a_wrong_key_is_refused_before_anything_else(key: str) -> None:
    """401 comes even for a model that does not exist."""
    cloud = EmulatedCloud()
    assert 401 == call(cloud, "POST", "/requests", {"model": "no-such", "payload": {}}, key=key).status
    assert 401 == call(cloud, "GET", "/requests", key=key).status


def test_checks_come_in_the_order_of_the_service() -> None:
    """404 model, 400 payload, 400 picture, 404 access, 402 credits, 429 rate, and only then acceptance."""
    cloud = EmulatedCloud(Settings(credits_usd=Decimal(1), rpm=1))
    hidden = "http://192.168.0.9/cat.jpg"
    extend = "pixverse-v6-extend"
    assert (404, "model nobody does not exist") == _refusal(submit(cloud, model="nobody", image=...))
    assert (400, "image (Required parameter is missing)") == _refusal(submit(cloud, model=extend, image=...))
    assert 400 == submit(cloud, model=extend, image=hidden).status
    assert (404, "you do not have access to this model") == _refusal(submit(cloud, model=extend))
    assert 402 == submit(cloud, duration=15, quality="1080p").status
    accepted(cloud)
    assert 429 == submit(cloud).status
    assert (1, 6) == (cloud.ledger.accepted, cloud.ledger.refused)


def _refusal(response: Response) -> tuple[int, str]:
    return response.status, error(response)


def test_model_ids_are_case_sensitive() -> None:
    """The right name in capitals is another model."""
    assert 404 == submit(EmulatedCloud(), model=MODEL.upper()).status


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"duration": "5"}, ["duration"]),
        ({"duration": True}, ["duration"]),
        ({"duration": 5.0}, ["duration"]),
        ({"duration": 16}, ["duration"]),
        ({"duration": 0}, ["duration"]),
        ({"quality": "4k"}, ["quality"]),
        ({"quality": 360}, ["quality"]),
        ({"prompt": "x" * 5001}, ["prompt"]),
        ({"prompt": ...}, ["prompt"]),
        ({"seed": -1}, ["seed"]),
        ({"seed": 2**31}, ["seed"]),
        ({"generate_audio_switch": 1}, ["generate_audio_switch"]),
        ({"image": ..., "quality": ...}, ["image", "quality"]),
        ({"image": ["a"], "seed": "1"}, ["image", "seed"]),
    ],
)
def test_a_400_names_every_wrong_key_and_no_right_one(changes: dict[str, object], named: list[str]) -> None:
    """Types are strict: a string or a bool is no integer."""
    response = post(EmulatedCloud(), payload(**changes))
    assert 400 == response.status
    assert named == [key for key in (*payload(), "generate_audio_switch") if f"{key} (" in error(response)]


@given(
    duration=st.integers(1, 15),
    quality=st.sampled_from(["360p", "540p", "720p", "1080p"]),
    seed=st.integers(0, 2**31 - 1) | st.just(...),
    prompt=st.text(max_size=5000),
)
def test_every_documented_payload_is_accepted(duration: int, quality: str, seed: object, prompt: str) -> None:
    """No value inside the documented ranges is refused, and the echo repeats it."""
    cloud = EmulatedCloud()
    request_id = accepted(cloud, duration=duration, quality=quality, seed=seed, prompt=prompt)
    echo = poll(cloud, request_id, 0.0)["payload"]
    assert payload(duration=duration, quality=quality, seed=seed, prompt=prompt) == echo


@pytest.mark.parametrize(
    "image",
    ["http://127.0.0.1/x.png", "https://10.0.0.1/x.png", "https://nas.local/x.png", "ftp://a.example/x", "x"],
)
def test_a_picture_that_no_cloud_can_reach_is_refused(image: str) -> None:
    """Private addresses and other schemes end as 400 at the submit."""
    response = submit(EmulatedCloud(), image=image)
    assert (400, True) == (response.status, "image" in error(response))


def test_an_image_that_was_never_uploaded_is_refused() -> None:
    """A link of the storage itself must hold an object."""
    cloud = EmulatedCloud()
    assert 400 == submit(cloud, image=cloud.bucket.origin + "/gmi-video-assests-prod/nothing.png").status


def test_data_uris_are_a_setting() -> None:
    """Accepted by default, refused where the model is said not to take them, and refused when broken."""
    uri = "data:image/png;base64,iVBORw0KGgo="
    assert 200 == submit(EmulatedCloud(), image=uri).status
    assert 400 == submit(EmulatedCloud(), image="data:image/png;base64,***").status
    assert 400 == submit(EmulatedCloud(Settings(accepts_data_uris=False)), image=uri).status


def test_the_list_is_newest_first_filtered_and_counted() -> None:
    """`model_id` filters, unknown parameters such as `model` do not."""
    cloud = EmulatedCloud()
    ids = [accepted(cloud, seed=number) for number in range(3)]
    assert (ids[::-1], 3) == listed(cloud, 1.0)
    assert (ids[::-1], 3) == listed(cloud, 1.0, "/requests?model=other&limit=1")
    assert ([], 0) == listed(cloud, 1.0, "/requests?model_id=other")


def test_the_list_can_lag_and_be_cut() -> None:
    """A request is in the list only after the lag; a page holds the newest while total counts all."""
    cloud = EmulatedCloud(Settings(list_lag=10.0, list_page_size=2))
    ids = [accepted(cloud, seed=number, now=number) for number in range(4)]
    assert ([], 0) == listed(cloud, 9.9)
    assert (ids[1:3][::-1], 3) == listed(cloud, 12.0)


def test_an_empty_echo_hides_the_payload() -> None:
    """With echo empty no record shows what was asked."""
    cloud = EmulatedCloud(Settings(echo="empty"))
    assert {} == poll(cloud, accepted(cloud), 0.0)["payload"]


def test_a_request_is_unknown_until_the_poll_lag_has_passed() -> None:
    """404 just after creation, then 200."""
    cloud = EmulatedCloud(Settings(poll_lag=2.0))
    request_id = accepted(cloud)
    statuses = [call(cloud, "GET", f"/requests/{request_id}", now=at).status for at in (0.0, 1.9, 2.0)]
    assert [404, 404, 200] == statuses


def test_the_catalogue_holds_a_duplicate_and_describes_the_model() -> None:
    """`model_ids` repeats an id, as live lists do; the detail names every parameter of the payload."""
    cloud = EmulatedCloud()
    ids = cast("list[str]", read(call(cloud, "GET", "/models"))["model_ids"])
    assert len(set(ids)) < len(ids)
    detail = read(call(cloud, "GET", f"/models/{MODEL}"))
    names = [one["name"] for one in cast("list[dict[str, object]]", detail["parameters"])]
    assert [*payload()][:4] == names[:4]
    assert 404 == call(cloud, "GET", "/models/nobody").status


@pytest.mark.parametrize(
    ("settings", "url", "status"),
    [
        (Settings(wrong_host=True), "/api/v1/ie/requestqueue/apikey/requests", 405),
        (Settings(), "/requests", 405),
        (Settings(), "/v1/requests", 404),
        (Settings(), "/api/v1/ie/requestqueue/apikey/nothing", 404),
        (Settings(), "/api/v1/ie/requestqueue/apikey/models", 200),
    ],
)
def test_a_wrong_base_answers_405_and_a_bare_v1_404(settings: Settings, url: str, status: int) -> None:
    """Two mistakes in a base URL look different, as they do live."""
    cloud = EmulatedCloud(settings)
    headers = {"Authorization": f"Bearer {cloud.api_key}"}
    assert status == cloud.call("GET", cloud.api_origin + url, headers=headers, now=0.0).status


def test_the_rate_limit_is_a_sliding_window_with_the_live_body() -> None:
    """The third submit in a minute is refused for exactly as long as the first one still counts."""
    cloud = EmulatedCloud(Settings(rpm=2))
    accepted(cloud, now=0.0)
    accepted(cloud, now=10.0)
    refused = submit(cloud, now=30.03)
    expected = {
        "error": f"Rate limit exceeded for model {MODEL}: 2 requests per 60 seconds. Retry in 29970 ms.",
        "rate_limit": {"limit_type": "RPM", "limit": 2, "interval_seconds": 60, "retry_after_ms": 29970},
    }
    assert (429, expected) == (refused.status, read(refused))
    assert 429 == submit(cloud, now=59.99).status
    accepted(cloud, now=60.0)
    assert 429 == submit(cloud, now=69.9).status


def test_the_hourly_limit_says_so() -> None:
    """RPH is a window of 3600 seconds."""
    cloud = EmulatedCloud(Settings(rph=1))
    accepted(cloud)
    limit = cast("dict[str, object]", read(submit(cloud, now=3599.0))["rate_limit"])
    assert ("RPH", 3600, 1000) == (limit["limit_type"], limit["interval_seconds"], limit["retry_after_ms"])
    accepted(cloud, now=3600.0)


def test_one_worker_generates_one_after_the_other() -> None:
    """With one slot two requests are never in generation together, and the first come is first served."""
    cloud = EmulatedCloud(Settings(workers=1))
    ids = [accepted(cloud, seed=number) for number in range(4)]
    for at in range(0, 1500, 5):
        statuses = [poll(cloud, one, float(at))["status"] for one in ids]
        assert 1 >= sum(status in ("dispatched", "processing") for status in statuses)
        done = [status == "success" for status in statuses]
        assert done == sorted(done, reverse=True)
    assert 4 == len({charge.at for charge in cloud.ledger.charges})


def test_latencies_are_log_normal_around_the_median_and_bounded() -> None:
    """Half of the generations end before the median, and none lasts longer than the maximum."""
    cloud = EmulatedCloud(Settings(queue_wait_median=0.0, generation_median=80.0, generation_sigma=1.0))
    for number in range(2000):
        accepted(cloud, seed=number)
    ends = sorted(charge.at for charge in cloud.ledger.committed)
    assert 74 < ends[1000] < 86
    assert 600.0 == ends[-1]


def test_a_cancellation_is_405_unless_it_is_enabled() -> None:
    """DELETE is undocumented; where it works it ends a waiting request, and nothing is charged."""
    cloud = EmulatedCloud()
    assert 405 == call(cloud, "DELETE", f"/requests/{accepted(cloud)}").status
    cloud = EmulatedCloud(Settings(delete_enabled=True, queue_wait_median=50.0))
    request_id = accepted(cloud)
    assert "cancelled" == read(call(cloud, "DELETE", f"/requests/{request_id}", now=1.0))["status"]
    assert "cancelled" == poll(cloud, request_id, 9000.0)["status"]
    assert ((), (request_id,)) == (cloud.ledger.committed, cloud.ledger.uncharged)
    assert 400 == call(cloud, "DELETE", f"/requests/{accepted(cloud)}", now=9000.0).status


def test_calls_take_the_latency_of_their_kind() -> None:
    """Submits are slower than polls, and both wait in the answer, not in the service."""
    cloud = EmulatedCloud(Settings(submit_latency=0.7, poll_latency=0.1))
    response = submit(cloud)
    assert 0.7 == response.delay_s
    for path in (f"/requests/{read(response)['request_id']}", "/requests", "/models", "/requests/nobody"):
        assert 0.1 == call(cloud, "GET", path).delay_s


# -- money -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quality", "audio", "usd"),
    [("360p", False, "0.125"), ("540p", True, "0.225"), ("720p", False, "0.225"), ("1080p", True, "0.575")],
)
def test_a_success_is_charged_per_second_by_quality_and_sound(quality: str, audio: bool, usd: str) -> None:
    """Five seconds cost five times the price of a second, once, and not before the video is ready."""
    cloud = EmulatedCloud()
    request_id = accepted(cloud, quality=quality, generate_audio_switch=audio)
    assert (0, Decimal(usd)) == (cloud.ledger.total_usd, cloud.ledger.committed_usd)
    poll(cloud, request_id, 5000.0)
    poll(cloud, request_id, 6000.0)
    assert ([request_id], Decimal(usd)) == (
        [one.request_id for one in cloud.ledger.charges],
        cloud.ledger.total_usd,
    )


def test_the_same_video_twice_is_a_duplicate_and_another_seed_is_not() -> None:
    """Requests that are equal in everything are paid twice; one that differs only in its seed is another video."""
    cloud = EmulatedCloud()
    twins = [accepted(cloud), accepted(cloud)]
    accepted(cloud, seed=8)
    accepted(cloud, prompt="a dog")
    assert [twins] == [[charge.request_id for charge in group] for group in cloud.ledger.duplicates()]
    with pytest.raises(AssertionError, match=twins[0]):
        cloud.ledger.assert_paid_once()


def test_the_same_picture_under_two_links_is_a_duplicate() -> None:
    """The fingerprint looks at the picture's content, not at where it lies."""
    cloud = EmulatedCloud()
    for name in ("a", "b"):
        cloud.bucket.store(f"/{name}.png", b"same", "image/png", now=0.0)
        accepted(cloud, image=f"{cloud.bucket.origin}/{name}.png")
    assert 1 == len(cloud.ledger.duplicates())


def test_what_fails_is_accepted_and_not_charged() -> None:
    """Failed, cancelled and stuck requests stand in `uncharged`."""
    faults = ("moderation", "cancelled", "stuck_queued", "stuck_processing", "no_reason")
    cloud = EmulatedCloud(Settings(rules=tuple(Rule(on="submit", fault=fault, times=1) for fault in faults)))
    ids = [accepted(cloud, seed=number) for number in range(6)]
    cloud.ledger.tell(1e9)
    assert (tuple(sorted(ids[:5])), [ids[5]]) == (
        cloud.ledger.uncharged,
        [charge.request_id for charge in cloud.ledger.charges],
    )
    cloud.ledger.assert_paid_once(1)


def test_credits_run_out_with_the_live_words() -> None:
    """402 as soon as what is in flight and this one would exceed the credit."""
    cloud = EmulatedCloud(Settings(credits_usd=Decimal("0.25")))
    accepted(cloud, seed=1)
    accepted(cloud, seed=2)
    expected = (402, "Insufficient credits. Please add more credits to your account.")
    assert expected == _refusal(submit(cloud, seed=3))


def test_the_ledger_can_be_read_as_json_without_a_key() -> None:
    """Counts and money as text, at a path that is not the service's."""
    cloud = EmulatedCloud()
    accepted(cloud)
    response = cloud.call("GET", cloud.api_origin + "/emulator/ledger", headers={}, now=5000.0)
    assert (1, "0.125", []) == tuple(read(response)[key] for key in ("charged", "total_usd", "duplicates"))
