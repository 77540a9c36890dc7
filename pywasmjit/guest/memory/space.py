"""The guest's address space as mmap and its kin see it: which pages of linear memory are mapped, and what is in them.

Linear memory above its initial size is given out in pages of 4 KiB; memory grows when no free range is large enough.
What the module's own code grows by `memory.grow` is not ours and never given out.  Invariants:

* every byte of a free range is 0: memory is born so, and a range is cleared when it becomes free;
* `_areas` (what we grew) is the disjoint union of `_free`, of the regions, and of what the host would not clear;
  regions are sorted and do not overlap;
* nothing here makes a page inaccessible: unmapped pages read as zeros, protection is kept in a table only.

A file is mapped onto linear memory where the host can do that (`kernel.maps_files`); the copy of a truncated file's
page then cannot be read, which `faults` turns into zeros.  Elsewhere its bytes are read in, and what a shared mapping
changed is written back by msync, munmap and at the end.
"""

from __future__ import annotations

import os
from _thread import RLock
from bisect import bisect_right
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from errno import EACCES, EEXIST, EFAULT, EINVAL, ENODEV, ENOMEM
from functools import wraps
from stat import S_ISREG
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

from pywasmjit.guest.abi.mman import MAP_FIXED, MAP_FIXED_NOREPLACE, PAGE, PROT_WRITE
from pywasmjit.guest.kernel.descriptors import require_access
from pywasmjit.guest.memory.ranges import Ranges
from pywasmjit.records import fresh, record, replace

if TYPE_CHECKING:
    from pywasmjit.guest.kernel.interface import Kernel
    from pywasmjit.guest.memory.guest_memory import GuestMemory

_WASM_PAGE: Final = 65536
_GROWTH: Final = 1 << 20
"""Memory grows by at least so many bytes where it can: each growth renews all views."""
_PIECE: Final = 1 << 20
_DIGEST: Final = 8  # bytes of a page's digest
_END: Final = 1 << 32


@record(frozen=True, eq=False)
class Copy:
    """The file of an emulated shared mapping: a host descriptor of its own."""

    host: int


@record(eq=False)
class Region:
    """Mapped pages of one kind, from `start` to `end`.

    real: a file, or memory that children share, is mapped there by the host.  writable: whether PROT_WRITE is allowed.
    copy: the file behind an emulated shared mapping; the region's first byte is at `offset` in it, and `known` has for
    each page a digest of its bytes as they are in the file: a long mapping costs little.
    """

    start: int
    end: int
    prot: int
    shared: bool = False
    real: bool = False
    writable: bool = True
    copy: Copy | None = None
    offset: int = 0
    known: bytearray = fresh(default_factory=bytearray)

    def part(self, start: int, end: int) -> Region:
        """Return the piece of this region from start to end, which lie in it."""
        at = start - self.start
        known = self.known[at // PAGE * _DIGEST : (end - self.start) // PAGE * _DIGEST]
        return replace(self, start=start, end=end, offset=self.offset + at, known=known)

    def joins(self, other: Region) -> bool:
        """Tell whether `other` follows at once and is private anonymous memory of the same kind."""
        plain = not (self.shared or self.real or self.copy or other.shared or other.real or other.copy)
        return plain and self.end == other.start and self.prot == other.prot


def _digest(page: bytes) -> bytes:
    """Return the digest of a page; what is missing at the end of a file counts as zeros."""
    return hash(page.ljust(PAGE, b"\0")).to_bytes(_DIGEST, "little", signed=True)


def _read_whole(host: int, size: int, offset: int) -> bytes:
    """Return `size` bytes of a file at `offset`, fewer only at its end."""
    data = b""
    while len(data) < size and (more := os.pread(host, size - len(data), offset + len(data))):
        data += more
    return data


def _round_up(size: int) -> int:
    return -(-size // PAGE) * PAGE


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def _one_at_a_time(
    method: Callable[Concatenate[AddressSpace, Arguments], Result],
) -> Callable[Concatenate[AddressSpace, Arguments], Result]:
    """Make a method of `AddressSpace` keep other threads out while it changes the tables."""

    @wraps(method)
    def locked(self: AddressSpace, /, *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        with self._lock:
            return method(self, *arguments, **named)

    return locked


class AddressSpace:
    """The mappings of one process.  Addresses and lengths are in bytes; errors as the kernel's.

    Threads share it: its public methods run one at a time.
    """

    def __init__(self, memory: GuestMemory, kernel: Kernel) -> None:
        self._memory = memory
        self._kernel = kernel
        self._lock = RLock()
        self._static_end = 0
        self._areas = Ranges()
        self._free = Ranges()
        self._regions: list[Region] = []
        self.limit: int | None = None
        """RLIMIT_AS of the guest: bytes that may be mapped, the module's own memory included."""

    def begin(self) -> None:
        """Take what the memory has now for the module's own; when it has been bound."""
        self._static_end = self._memory.size_bytes

    def whole(self) -> AbstractContextManager[object]:
        """Return a context in which no other thread changes the tables, so that a child process finds them whole."""
        return self._lock

    def renew_lock(self) -> None:
        """Forget who held the lock: only the forking thread lives on in a child process."""
        self._lock = RLock()

    # -- mmap -----------------------------------------------------------------------------------------------------

    @_one_at_a_time
    def map_anonymous(self, hint: int, length: int, prot: int, flags: int, shared: bool) -> int:
        """Map zeros; return the address.  shared: children of a fork see the same memory."""
        start, end = self._place(hint, length, flags)
        region = Region(start, end, prot, shared)
        if shared and self._kernel.maps_files:
            try:
                self._map(region, -1, 0)
            except BaseException:
                self._give_back(start, end)
                raise
        self._insert(region)
        return start

    @_one_at_a_time
    def map_file(self, hint: int, length: int, prot: int, flags: int, shared: bool, host: int, offset: int) -> int:
        """Map a file that is open for reading at `host`; return the address.

        Raises EBADF or EACCES if it is not, EACCES if a shared mapping may write and the file may not be written.
        """
        access = require_access(host) & os.O_ACCMODE
        writable = not shared or access == os.O_RDWR
        if access == os.O_WRONLY or (prot & PROT_WRITE and not writable):
            raise OSError(EACCES, "the file is not open for this")
        start, end = self._place(hint, length, flags)
        region = Region(start, end, prot, shared, writable=writable, offset=offset)
        try:
            if not self._map(region, host, offset):
                self._read_in(region, host, offset)
        except BaseException:
            self._give_back(start, end)
            raise
        self._insert(region)
        return start

    def _give_back(self, start: int, end: int) -> None:
        """Free a range in which something was to be mapped, and could not be; lose it if it cannot be cleared."""
        with suppress(OSError):
            self._kernel.clear(start, end - start, mapped=True)
            self._free.add(start, end)

    def _map(self, region: Region, host: int, offset: int) -> bool:
        """Have the host map a file onto linear memory; False if it cannot.

        A file that must not be written is mapped privately: pages are never read-only, and its text shows all the same.
        """
        if not self._kernel.maps_files:
            return False
        if host >= 0 and not self._kernel.survives_truncation():
            return False
        shared = region.shared and region.writable
        self._kernel.map_file(region.start, region.end - region.start, host, offset, shared)
        region.real = True
        return True

    def _read_in(self, region: Region, host: int, offset: int) -> None:
        """Fill a region with the file's bytes instead.  Raises ENODEV for what is no file of bytes."""
        if not S_ISREG(os.fstat(host).st_mode):
            raise OSError(ENODEV, "no file of bytes")
        known = self._read_file(region.start, region.end, host, offset)
        if region.shared and region.writable:
            region.copy, region.known = Copy(os.dup(host)), known

    def _read_file(self, start: int, end: int, host: int, offset: int) -> bytearray:
        """Read a file into cleared memory, as far as it goes; return the digests of the pages from start to end."""
        known = bytearray()
        at = start
        while at < end:
            piece = _read_whole(host, min(end - at, _PIECE), offset + at - start)
            self._memory.write(at, piece)
            for place in range(0, len(piece), PAGE):
                known += _digest(piece[place : place + PAGE])
            at += _PIECE
            if len(piece) < _PIECE:
                break
        return known + _digest(b"") * ((end - start) // PAGE - len(known) // _DIGEST)

    def _place(self, hint: int, length: int, flags: int) -> tuple[int, int]:
        """Choose a range, take it out of the free ones, and return it.  Raises ENOMEM, EINVAL, EEXIST."""
        size = _round_up(length)
        if flags & (MAP_FIXED | MAP_FIXED_NOREPLACE):
            end = hint + size
            if hint % PAGE:
                raise OSError(EINVAL, "address within a page")
            if not self._areas.covers(hint, end):
                raise OSError(ENOMEM, "outside of what mmap gave out")
            if flags & MAP_FIXED_NOREPLACE and any(self._parts(hint, end)):
                raise OSError(EEXIST, "mapped already")
            self.unmap(hint, size)
            start = hint
        else:
            start = self._find(size)
        self._free.remove(start, start + size)
        return start, start + size

    def _check_limit(self, size: int) -> None:
        if self.limit is None:
            return
        mapped = self._static_end + sum(region.end - region.start for region in self._regions)
        if mapped + size > self.limit:
            raise OSError(ENOMEM, "limit of the address space")

    def _find(self, size: int) -> int:
        self._check_limit(size)
        found = self._free.first_fit(size)
        while found is None:
            self._grow(size)
            found = self._free.first_fit(size)
        return found

    def _grow(self, size: int) -> None:
        """Add free pages at the end of memory, enough for `size` bytes together with free ones that end there."""
        memory = self._memory.memory
        if memory is None:
            raise OSError(ENOMEM, "no memory")
        tail = next((end - start for start, end in self._free if end == memory.size_bytes), 0)
        needed = -(-(size - tail) // _WASM_PAGE)
        for pages in (max(needed, _GROWTH // _WASM_PAGE), needed):
            before = memory.grow(pages)
            if before >= 0:
                self._areas.add(before * _WASM_PAGE, (before + pages) * _WASM_PAGE)
                self._free.add(before * _WASM_PAGE, (before + pages) * _WASM_PAGE)
                return
        raise OSError(ENOMEM, "memory cannot grow")

    # -- regions --------------------------------------------------------------------------------------------------

    def _insert(self, region: Region) -> None:
        at = bisect_right(self._regions, region.start, key=lambda each: each.start)
        if at < len(self._regions) and region.joins(self._regions[at]):
            region.end = self._regions.pop(at).end
        if at and self._regions[at - 1].joins(region):
            self._regions[at - 1].end = region.end
        else:
            self._regions.insert(at, region)

    def _parts(self, start: int, end: int) -> list[Region]:
        """Return the regions that overlap start..end, in order, whole."""
        at = max(0, bisect_right(self._regions, start, key=lambda each: each.start) - 1)
        found = []
        while at < len(self._regions) and self._regions[at].start < end and start < end:
            if self._regions[at].end > start:
                found.append(self._regions[at])
            at += 1
        return found

    def _cut_out(self, start: int, end: int) -> list[Region]:
        """Remove start..end from the table of regions; return the pieces that were in it."""
        pieces = []
        for region in self._parts(start, end):
            self._regions.remove(region)
            low, high = max(start, region.start), min(end, region.end)
            for first, last in ((region.start, low), (high, region.end)):
                if first < last:
                    self._insert(region.part(first, last))
            pieces.append(region.part(low, high))
        return pieces

    def _is_mapped(self, start: int, end: int) -> bool:
        """Tell whether every page of start..end is mapped; the module's own memory is, but for its first page."""
        if PAGE <= start < self._static_end:
            start = min(end, self._static_end)
        for region in self._parts(start, end):
            if region.start > start:
                return False
            start = region.end
        return start >= end

    # -- munmap, mprotect, madvise, msync ---------------------------------------------------------------------------

    @_one_at_a_time
    def unmap(self, start: int, length: int) -> None:
        """Unmap whole pages; what is not mapped there, or is the module's own memory, stays as it is."""
        self._check_range(start, length)
        if not length:
            raise OSError(EINVAL, "length 0")
        pieces = self._cut_out(start, start + _round_up(length))
        gone = 0
        try:
            for piece in pieces:
                with suppress(OSError):  # munmap has no way to tell
                    self._write_back(piece, piece.start, piece.end)
                self._kernel.clear(piece.start, piece.end - piece.start, mapped=piece.real)
                self._free.add(piece.start, piece.end)
                gone += 1
        finally:  # what the host did not let go of stays mapped
            for piece in pieces[gone:]:
                self._insert(piece)
            self._release_copies(pieces[:gone])

    @_one_at_a_time
    def protect(self, start: int, length: int, prot: int) -> None:
        """Note what mprotect asks for.  Raises ENOMEM, EACCES."""
        end = start + _round_up(length)
        if prot & PROT_WRITE and not all(region.writable for region in self._parts(start, end)):
            raise OSError(EACCES, "the file may not be written")
        if not self._is_mapped(start, end):
            raise OSError(ENOMEM, "not mapped")
        for piece in self._cut_out(start, end):
            piece.prot = prot
            self._insert(piece)

    @_one_at_a_time
    def forget(self, start: int, length: int) -> None:
        """MADV_DONTNEED: make private anonymous pages read as zeros, and emulated ones as their file.

        The module's own memory cannot be forgotten: EINVAL.
        """
        end = start + _round_up(length)
        if start < self._static_end and length:
            raise OSError(EINVAL, "the module's own memory")
        for region in self._parts(start, end):
            low, high = max(start, region.start), min(end, region.end)
            if region.real or not region.shared:
                self._kernel.clear(low, high - low, mapped=False)

    @_one_at_a_time
    def require_mapped(self, start: int, length: int) -> None:
        """Raise EINVAL for an address within a page, ENOMEM if a page of the range is not mapped."""
        self._check_range(start, length)
        if not self._is_mapped(start, start + _round_up(length)):
            raise OSError(ENOMEM, "not mapped")

    @_one_at_a_time
    def sync(self, start: int, length: int, flags: int) -> None:
        """Write shared mappings of files back.  Raises EINVAL, ENOMEM."""
        self.require_mapped(start, length)
        for region in self._parts(start, start + _round_up(length)):
            low, high = max(start, region.start), min(start + _round_up(length), region.end)
            self._write_back(region, low, high)
            if region.real:
                self._kernel.sync(low, high - low, flags)

    def _check_range(self, start: int, length: int) -> None:
        if start % PAGE or start + length > _END:
            raise OSError(EINVAL, "no range of pages")

    # -- mremap ---------------------------------------------------------------------------------------------------

    @_one_at_a_time
    def remap(self, start: int, old_length: int, new_length: int, may_move: bool, fixed: int | None) -> int:
        """Resize a mapping, in place if that can be; return its address.

        fixed: where it must go.  Raises EINVAL, EFAULT if what is moved or grown is not one mapping, ENOMEM.
        """
        old_size, new_size = _round_up(old_length), _round_up(new_length)
        if start % PAGE or not new_size or not old_size:
            raise OSError(EINVAL, "mremap of nothing")
        shrinks = new_size <= old_size
        kept = PAGE if shrinks and fixed is None else min(old_size, new_size)  # what is cut off may be anything
        region = self._whole(start, kept)
        if new_size < old_size:
            self.unmap(start + new_size, old_size - new_size)
        if fixed is None:
            if shrinks or self._extend(region, start + old_size, start + new_size):
                return start
            if not may_move:
                raise OSError(ENOMEM, "no room behind")
        region = self._whole(start, kept)
        return self._move(region.part(start, start + kept), new_size, fixed)

    def _whole(self, start: int, size: int) -> Region:
        parts = self._parts(start, start + size)
        if len(parts) != 1 or parts[0].start > start or parts[0].end < start + size:
            raise OSError(EFAULT, "not one mapping")
        return parts[0]

    def _extend(self, region: Region, end: int, wanted: int) -> bool:
        """Grow private anonymous memory into free pages behind it; False if that cannot be."""
        if region.real or region.copy or region.end != end:
            return False
        memory = self._memory.memory
        if memory is not None and memory.size_bytes < wanted and self._ends_memory(end):
            with suppress(OSError):
                self._grow(wanted - end)
        if not self._free.covers(end, wanted):
            return False
        self._free.remove(end, wanted)
        self._insert(replace(region, start=end, end=wanted))
        return True

    def _ends_memory(self, end: int) -> bool:
        """Tell whether from `end` on all memory is free."""
        memory = self._memory.memory
        return memory is not None and (end == memory.size_bytes or self._free.covers(end, memory.size_bytes))

    def _move(self, piece: Region, size: int, fixed: int | None) -> int:
        """Move a mapping; one that the host keeps moves as it is, any other is copied."""
        if fixed is None:
            start = self._find(size)
            self._free.remove(start, start + size)
        else:
            start, _ = self._place(fixed, size, MAP_FIXED)
        moved = replace(piece, start=start, end=start + size)
        try:
            if piece.real:
                shared = piece.shared and piece.writable
                self._kernel.move_mapping(piece.start, piece.end - piece.start, start, size, shared)
            else:
                self._copy(piece, moved)
                self._kernel.clear(piece.start, piece.end - piece.start, mapped=False)
        except BaseException:
            self._give_back(start, start + size)
            raise
        self._cut_out(piece.start, piece.end)
        self._free.add(piece.start, piece.end)
        self._insert(moved)
        return start

    def _copy(self, piece: Region, moved: Region) -> None:
        size = min(piece.end - piece.start, moved.end - moved.start)
        for at in range(0, size, _PIECE):
            length = min(_PIECE, size - at)
            self._memory.view(moved.start + at, length)[:] = self._memory.view(piece.start + at, length)
        if piece.copy is not None:
            end = moved.start + size
            more = self._read_file(end, moved.end, piece.copy.host, moved.offset + size)
            moved.known = piece.known[: size // PAGE * _DIGEST] + more

    # -- emulated shared mappings -----------------------------------------------------------------------------------

    def _write_back(self, region: Region, start: int, end: int) -> None:
        """Write the pages of an emulated mapping that differ from the file as it was read, as far as the file goes."""
        if region.copy is None:
            return
        host = region.copy.host
        shift = region.offset - region.start
        end = min(end, os.fstat(host).st_size - shift)
        for address in range(start, end, PAGE):
            page = self._memory.read(address, PAGE)
            now = _digest(page)
            at = (address - region.start) // PAGE * _DIGEST
            if now != region.known[at : at + _DIGEST]:
                os.pwrite(host, page[: end - address], address + shift)
                region.known[at : at + _DIGEST] = now

    def _release_copies(self, pieces: list[Region]) -> None:
        """Close the files of pieces that were unmapped, unless other pieces of the same mapping are left."""
        used = {region.copy for region in self._regions}
        for copy in {piece.copy for piece in pieces} - used - {None}:
            assert copy is not None
            os.close(copy.host)

    @_one_at_a_time
    def close(self) -> None:
        """Write back and let go of all files: where they were mapped, linear memory reads as zeros from now on."""
        regions, self._regions = self._regions, []
        for region in regions:
            with suppress(OSError):
                self._write_back(region, region.start, region.end)
            if region.real:
                with suppress(OSError):  # then it goes with the memory
                    self._kernel.clear(region.start, region.end - region.start, mapped=True)
        for host in {region.copy.host for region in regions if region.copy is not None}:
            os.close(host)
