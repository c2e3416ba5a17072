"""Files as a stream of bytes, decompressed by their suffix, and whole lines of them. Errors name the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from grandmodel.execution._core.values import MarketDataError

BLOCK = 1 << 20
LINE_MAX = 1 << 24


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What goes wrong with a file becomes a MarketDataError that names it."""
    try:
        yield
    except FileNotFoundError:
        raise MarketDataError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise MarketDataError(f"{path}: is a directory") from None
    except EOFError as error:
        raise MarketDataError(f"{path}: ends in the middle ({error})") from error
    except OSError as error:
        raise MarketDataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except _faults(path.suffix) as error:
        raise MarketDataError(f"{path}: cannot be decompressed ({error})") from error


def _faults(suffix: str) -> tuple[type[Exception], ...]:
    """What reading a damaged file of that compression raises beside OSError and EOFError; asked for once it has."""
    if suffix == ".xz":
        from lzma import LZMAError

        return (LZMAError,)
    if suffix == ".gz":
        import zlib

        return (zlib.error,)
    if suffix == ".zip":
        import zlib
        from zipfile import BadZipFile

        return (BadZipFile, zlib.error, RuntimeError)  # the last: a password, or a method that zipfile does not know
    return ()


def stem_name(path: Path) -> str:
    """The name without the suffix that says how it is compressed."""
    return path.name.removesuffix(path.suffix) if path.suffix in (".xz", ".gz") else path.name


def member_name(path: Path) -> str:
    """What the one file inside a .zip is called; the path's own name if it is none."""
    if path.suffix != ".zip":
        return path.name
    from zipfile import ZipFile

    with _named(path), ZipFile(path) as archive:
        return _only_member(path, archive.namelist())


def _only_member(path: Path, names: list[str]) -> str:
    if len(names) != 1:
        raise MarketDataError(f"{path}: holds {len(names)} files, must hold one")
    return names[0]


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".xz":
        import lzma

        return cast(IO[bytes], lzma.open(path))
    if path.suffix == ".gz":
        import gzip

        return cast(IO[bytes], gzip.open(path))
    if path.suffix == ".zip":
        from zipfile import ZipFile

        archive = ZipFile(path)
        return archive.open(_only_member(path, archive.namelist()))
    return path.open("rb")


def blocks(path: Path, size: int = BLOCK) -> Iterator[bytes]:
    """The file's bytes, decompressed, `size` at a time."""
    with _named(path), _open(path) as stream:
        while block := stream.read(size):
            yield block


def head(path: Path, size: int = 4096) -> bytes:
    """The first bytes, decompressed; fewer where there are fewer."""
    return next(blocks(path, size), b"")


def lines(path: Path) -> Iterator[bytes]:
    """Blocks that end where a line does; the last line may have no newline."""
    return whole_lines(blocks(path), str(path))


def whole_lines(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Blocks cut again where lines end. MarketDataError for a line of more than LINE_MAX bytes."""
    rest: list[bytes] = []
    length = 0
    for piece in pieces:
        cut = piece.rfind(b"\n") + 1
        if cut:
            yield b"".join([*rest, piece[:cut]])
            rest, length = [], 0
        if cut < len(piece):
            rest.append(piece[cut:])
            length += len(piece) - cut
        if length > LINE_MAX:
            raise MarketDataError(f"{name}: a line has more than {LINE_MAX} bytes")
    if rest:
        yield b"".join(rest)


def sniff_lines(path: Path, count: int = 2) -> list[str]:
    """The first whole lines as text, for guesses."""
    text: Any = head(path, 1 << 16).decode("latin-1")
    return [str(line) for line in text.splitlines()[:count]]
