"""Control characters are shown and not obeyed."""

from scribetune.text.visible_text import visible, visible_everything


def test_control_characters_are_shown_and_joiners_stay() -> None:
    assert visible("a\u202eb\x00\ud800\u2028\r\nc\td") == "a⟦U+202E⟧b⟦U+0000⟧⟦U+D800⟧⟦U+2028⟧\nc\td"
    assert visible("می‌خواهم") == "می‌خواهم"
    assert visible_everything("a\u200bb") == "a⟦U+200B⟧b"
    visible("".join(map(chr, range(0x11000)))).encode("utf-8")
