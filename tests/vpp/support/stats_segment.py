# SPDX-License-Identifier: Apache-2.0
"""Reads VPP's statistics segment, version 2 (VPP 22.02 and later).

The segment is shared memory with a header and a directory of named entries. Pointers in it are
addresses in VPP, relative to the base in the header. Reading costs VPP nothing, so tests and
benches can read while packets flow. This file knows nothing of what is measured.

A process of VPP copies node counters into the segment in each `update-interval`, and then
increments the heartbeat. They are exact at the time of that copy.
"""

import array
import mmap
import os
import socket
import struct

VERSION = 2

# The kinds of entries that are read here.
SCALAR, SIMPLE, COMBINED, NAMES, SYMLINK, GAUGE = 1, 2, 3, 4, 6, 9

HEADER = struct.Struct("<QQQQQ")  # version, base, epoch, in progress, directory
ENTRY = struct.Struct("<II8s128s")  # kind, padding, value or pointer, name
POINTER = struct.Struct("<Q")
LENGTH = struct.Struct("<I")
PAIR = struct.Struct("<II")

# The offset of a vector's length before its first element.
LENGTH_BEFORE = 8


class Segment:
    """The statistics of one VPP process."""

    def __init__(self, path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.settimeout(10)
            client.connect(str(path))
            _, [file], _, _ = socket.recv_fds(client, 256, 1)
        try:
            self.memory = mmap.mmap(file, os.fstat(file).st_size, prot=mmap.PROT_READ)
        finally:
            os.close(file)
        version, self.base, *_ = HEADER.unpack_from(self.memory, 0)
        if version != VERSION:
            raise ValueError(f"the statistics segment has version {version}, not {VERSION}")
        self.epoch = None
        self.entries = {}

    def close(self):
        self.memory.close()

    def heartbeat(self):
        """How often VPP has updated the copied counters."""
        return self.scalar("/sys/heartbeat")

    def scalar(self, name):
        _, value = self._entry(name)
        return POINTER.unpack(value)[0]

    def names(self, name):
        """A list of names, by index; removed names are empty."""
        _, value = self._entry(name)
        return [self._text(pointer) for pointer in self._vector(*POINTER.unpack(value), "Q")]

    def simple(self, name, thread=None):
        """A counter by index, of one thread or summed over all."""
        return self._sum(name, SIMPLE, 1, thread)[0]

    def combined(self, name):
        """Packets and octets by index, summed over all threads."""
        return self._sum(name, COMBINED, 2)

    def one(self, name):
        """A gauge, a counter with one index, or a named element of a vector."""
        return sum(self.by_thread(name))

    def by_thread(self, name, index=0):
        """Element `index` of a counter for each thread, as a pair for packets and octets. A gauge
        has one value."""
        kind, value = self._entry(name)
        if kind in (SCALAR, GAUGE):
            return list(POINTER.unpack(value))
        if kind == SYMLINK:
            entry, index = PAIR.unpack(value)
            kind, value = self._read(entry)
        if kind not in (SIMPLE, COMBINED):
            raise KeyError(f"{name} is of kind {kind}, which counts nothing")
        width = 2 if kind == COMBINED else 1
        values = []
        for vector in self._vector(*POINTER.unpack(value), "Q"):
            element = self._vector(vector, "Q", width)[index * width : (index + 1) * width]
            if element:
                values.append(tuple(element) if width == 2 else element[0])
        return values

    def present(self, prefix):
        """The names that start with `prefix`."""
        self._refresh()
        return sorted(name for name in self.entries if name.startswith(prefix))

    def _sum(self, name, wanted, width, thread=None):
        kind, value = self._entry(name)
        if kind != wanted:
            raise KeyError(f"{name} is of kind {kind}, not {wanted}")
        threads = self._vector(*POINTER.unpack(value), "Q")
        sums = []
        for vector in threads if thread is None else threads[thread : thread + 1]:
            counts = self._vector(vector, "Q", width)
            if len(counts) > len(sums):
                sums += [0] * (len(counts) - len(sums))
            for index, count in enumerate(counts):
                sums[index] += count
        return [sums[part::width] for part in range(width)]

    def _entry(self, name):
        self._refresh()
        return self._read(self.entries[name])

    def _read(self, index):
        kind, _, value, _ = ENTRY.unpack_from(self.memory, self._directory() + index * ENTRY.size)
        return kind, value

    def _refresh(self):
        """Reads the directory again if VPP has changed it."""
        while True:
            _, _, epoch, in_progress, _ = HEADER.unpack_from(self.memory, 0)
            if epoch == self.epoch and not in_progress:
                return
            if in_progress:
                continue
            directory = self._directory()
            count = LENGTH.unpack_from(self.memory, directory - LENGTH_BEFORE)[0]
            entries = {}
            whole = self.memory[directory : directory + count * ENTRY.size]
            for index, (kind, _, _, name) in enumerate(ENTRY.iter_unpack(whole)):
                if kind in (SCALAR, SIMPLE, COMBINED, NAMES, SYMLINK, GAUGE):
                    entries[name.partition(b"\0")[0].decode()] = index
            if HEADER.unpack_from(self.memory, 0)[2:4] == (epoch, 0):
                self.entries, self.epoch = entries, epoch

    def _directory(self):
        return self._offset(HEADER.unpack_from(self.memory, 0)[4])

    def _offset(self, pointer):
        return pointer - self.base

    def _vector(self, pointer, kind, width=1):
        """The elements of a vector of words or of pairs of words."""
        if pointer == 0:
            return array.array(kind)
        at = self._offset(pointer)
        count = LENGTH.unpack_from(self.memory, at - LENGTH_BEFORE)[0] * width
        elements = array.array(kind)
        elements.frombytes(self.memory[at : at + count * elements.itemsize])
        return elements

    def _text(self, pointer):
        if pointer == 0:
            return ""
        at = self._offset(pointer)
        count = LENGTH.unpack_from(self.memory, at - LENGTH_BEFORE)[0]
        return self.memory[at : at + count].partition(b"\0")[0].decode()
