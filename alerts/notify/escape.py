"""Text that others control, made safe to show."""

from __future__ import annotations

import re
import sys
import unicodedata

NAME_LENGTH = 200

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)
_MENTION = re.compile(r"(?<=<)(?=[@!#&])|(?<=@)(?=(?:everyone|here|channel|all)\b)", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")
_UNSAFE_IN_ADDRESS = re.compile(r"[ <>|\"'`\\^{}]")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# Slack's markup cannot be escaped, so what would start it is shown by characters that look alike:
# asterisk and tilde operator, modifier letters grave accent and low macron, ratio.
_ASTERISK, _TILDE, _GRAVE, _LOW_LINE, _COLON = "\u2217", "\u223c", "\u02cb", "\u02cd", "\u2236"
_LOOKALIKES = str.maketrans({"*": _ASTERISK, "~": _TILDE, "`": _GRAVE})
_EMPHASIS = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_EMOJI = re.compile(r":(?=[a-z+][\w+'-]*:)", re.IGNORECASE)


def plain(text: str, size: int = 2 * NAME_LENGTH, length: int = NAME_LENGTH) -> str:
    """Return one line without control, format or terminal escape characters.

    At most `length` characters and `size` bytes of UTF-8; what is cut off shows as an ellipsis.
    """
    shown = text[: 20 * length]
    if not shown.isprintable():
        shown = "".join(_shown(character) for character in _ANSI.sub("", shown))
    return clip(" ".join(shown.split()), size, length)


def sentence(text: str, size: int = 400) -> str:
    """Return `plain` text that may be longer than a name."""
    return plain(text, size, size)


def clip(text: str, size: int, length: int = sys.maxsize) -> str:
    """Cut `text` to `size` (>= 3) bytes of UTF-8 and `length` characters, ellipsis included."""
    data = text.encode()
    if len(data) <= size and len(text) <= length:
        return text
    return data[: size - 3].decode(errors="ignore")[: length - 1].rstrip() + "…"


def defuse(text: str) -> str:
    """Break what chat services take for a mention (`@here`, `<!channel>`, `<@U123>`)."""
    return _MENTION.sub("\u200b", text)


def link(url: str, size: int = 250) -> str:
    """Return a web address without credentials; nothing when it is no link or too long to show."""
    bare = _UNSAFE_IN_ADDRESS.sub(_percent, _CREDENTIALS.sub("", url))
    whole = plain(bare, size, size) == bare
    return bare if whole and bare.startswith(("http://", "https://")) else ""


def slack_literal(text: str) -> str:
    """Return `text` as Slack shows it in a plain or preformatted text: without any markup."""
    return defuse(text).translate(_ENTITIES).replace("`", _GRAVE)


def slack_prose(text: str) -> str:
    """Return `text` as Slack's markup shows it literally."""
    shown = _EMOJI.sub(_COLON, _EMPHASIS.sub(_LOW_LINE, defuse(text).translate(_LOOKALIKES)))
    shown = shown.translate(_ENTITIES)
    # Slack quotes a line that begins so, as an entity too.
    return f"\u200b{shown}" if shown.startswith("&gt;") else shown


def _percent(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def _shown(character: str) -> str:
    """Return a space for any kind of blank, nothing for what has no shape of its own."""
    if character.isspace():
        return " "
    return "" if unicodedata.category(character).startswith("C") else character
