"""Names from outside: what leaves `safe_stem` is one harmless file name, whatever went in."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixverse_async._core.names import MAX_NAME_BYTES, UniqueStems, safe_stem, stem_identity

ANY = st.text(st.characters(), max_size=80) | st.text("./\\: -conCOM1¹\0é\u0301%~", max_size=12)
WINDOWS = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{device}{digit}" for device in ("com", "lpt") for digit in "0123456789¹²³"
}


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("cat", "cat"),
        ("my cat (1)", "my cat (1)"),
        ("-cat", "-cat"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\Windows\\cat", "C-Windows-cat"),
        ("a\0b\nc\x85d\u2028e", "a-b-c-d-e"),
        ("evil\u202egpj.exe", "evil-gpj.exe"),
        ("", "video"),
        (".", "video"),
        ("..", "video"),
        ("///", "video"),
        ("cat.", "cat"),
        (".hidden", "hidden"),
        ("e\u0301", "\u00e9"),
        ("con", "con-"),
        ("CON.tar", "CON-.tar"),
        ("com1 .x", "com1-.x"),
        ("COM¹", "COM¹-"),
        ("console", "console"),
        ("com10", "com10"),
        ("é" * 150, "é" * 100),
        ("con." + "a" * 196, "con-." + "a" * 195),
        ("con" + " " * 250 + "x", "con-"),
        ("\ud800cat", "cat"),
    ],
)
def test_a_name_is_made_safe(text: str, stem: str) -> None:
    """Separators, controls, reserved names and over-long ones become the plain name that is left."""
    assert stem == safe_stem(text)


@pytest.mark.fault(27)
@given(ANY)
@example("con." + "a" * 300)
@example("x" * 199 + ". .")
def test_a_stem_is_one_component_that_every_disk_takes(text: str) -> None:
    """No input gives a name that leaves its folder, names a device, is too long or is not NFC."""
    stem = safe_stem(text)
    assert not re.search(r'[\x00-\x1f\x7f<>:"/\\|?*]', stem)
    assert stem.strip(" .") == stem != ""
    assert stem.split(".")[0].rstrip().lower() not in WINDOWS
    assert len(stem.encode()) <= MAX_NAME_BYTES
    assert unicodedata.is_normalized("NFC", stem)


@given(ANY)
def test_a_safe_stem_is_left_as_it_is(text: str) -> None:
    """What was made safe once is not changed by being made safe again."""
    stem = safe_stem(text)
    assert stem == safe_stem(stem)


# -- unique ------------------------------------------------------------------------------------------


def test_the_first_keeps_its_name() -> None:
    """Equal wishes are numbered from 2, past the names that are taken already."""
    stems = UniqueStems(["cat-3"])
    assert ["cat", "cat-2", "cat-4", "dog"] == [stems.take(wish) for wish in ("cat", "cat", "cat", "dog")]


@pytest.mark.fault(27)
@pytest.mark.parametrize(
    ("one", "other"), [("Cat", "cAT"), ("\u00e9", "e\u0301"), ("\ufb01n", "fin"), ("STRASSE", "straße")]
)
def test_names_that_some_disk_confuses_are_told_apart(one: str, other: str) -> None:
    """Case and composition make no two names: on some disk they would be one file."""
    assert stem_identity(one) == stem_identity(other)
    assert f"{other}-2" == UniqueStems([one]).take(other)


@given(st.lists(st.sampled_from(["a", "A", "a-2", "a-2-2", "b", "b-3"]), max_size=30))
def test_no_two_stems_are_one_file(wishes: list[str]) -> None:
    """Whatever is wished for, all stems are different on every disk, and each begins with its wish."""
    stems = UniqueStems(["b"])
    taken = [stems.take(wish) for wish in wishes]
    assert len({stem_identity(stem) for stem in [*taken, "b"]}) == len(wishes) + 1
    assert all(stem.startswith(wish) for stem, wish in zip(taken, wishes, strict=True))
