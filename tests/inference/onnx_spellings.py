"""Fields of protobuf spelled as no writer spells them, and every reader but ours takes them."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import Message

from bundles import field, varint

Spelling = Callable[[int, bytes], bytes]


def long(number: int) -> bytes:
    """The number in one byte more than it needs."""
    short = varint(number)
    return short[:-1] + bytes([short[-1] | 0x80, 0])


def plain(number: int, body: bytes) -> bytes:
    return field(number, body)


def long_tag(number: int, body: bytes) -> bytes:
    return long(number << 3 | 2) + varint(len(body)) + body


def wide_tag(number: int, body: bytes) -> bytes:
    """What stands above the 32 bits of a tag is dropped by protobuf."""
    return varint(1 << 32 | number << 3 | 2) + varint(len(body)) + body


def long_length(number: int, body: bytes) -> bytes:
    return varint(number << 3 | 2) + long(len(body)) + body


def in_two_parts(number: int, body: bytes) -> bytes:
    """A message that is there twice is read as one."""
    return field(number, body) + field(number, b"")


def as_a_group(number: int, body: bytes) -> bytes:
    return varint(number << 3 | 3) + body + varint(number << 3 | 4)


SPELLINGS = (plain, long_tag, wide_tag, long_length, in_two_parts, as_a_group)


def encoded(
    message: Message, names: tuple[str, ...] = (), spelling: Spelling = plain, turn: int = 1
) -> bytes:
    """The bytes of a message, with another spelling of the messages in `names`; backwards for `turn` -1."""
    found = b""
    for descriptor, value in message.ListFields()[::turn]:
        if descriptor.message_type is None:
            alone = type(message)()
            if descriptor.is_repeated:
                getattr(alone, descriptor.name).extend(value)
            else:
                setattr(alone, descriptor.name, value)
            found += alone.SerializeToString()
            continue
        write = spelling if descriptor.name in names else plain
        for part in value if descriptor.is_repeated else [value]:
            found += write(descriptor.number, encoded(part, names, spelling, turn))
    return found
