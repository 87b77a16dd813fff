"""Small files of formats that no program here writes, made by hand from their descriptions."""

import struct

import numpy as np


def qcp(n_frames: int) -> bytes:
    """QCELP of 13 kbit/s: frames of 20 ms with any content."""
    about = struct.pack("<BB", 1, 0) + bytes.fromhex("416d7f5e15b1d011ba9100805fb4b97e")
    about += struct.pack("<H80s", 2, b"Qcelp 13K") + struct.pack("<HHHHH", 13000, 35, 160, 8000, 16)
    rates = ((34, 4), (16, 3), (7, 2), (3, 1))  # bytes of a frame, and the code of its rate
    about += struct.pack("<I", len(rates)) + b"".join(map(bytes, rates)) + bytes(8) + bytes(20)
    rng = np.random.default_rng(0)
    data = b"".join(b"\4" + rng.bytes(34)[:-1] + b"\0" for _ in range(n_frames))
    body = b"QLCMfmt " + struct.pack("<I", len(about)) + about
    body += b"vrat" + struct.pack("<III", 8, 1, n_frames)
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


class _Bits:
    def __init__(self):
        self.text: list[str] = []

    def rice(self, value: int, k: int) -> None:
        self.text.append("0" * (value >> k) + "1" + (f"{value & (1 << k) - 1:0{k}b}" if k else ""))

    def signed(self, value: int, k: int) -> None:
        self.rice((~value << 1 | 1) if value < 0 else value << 1, k)

    def number(self, value: int) -> None:
        """Of any size: how many bits it has, then those."""
        n = value.bit_length()
        self.rice(n, 2)
        self.rice(value, n)

    def bytes(self) -> bytes:
        bits = "".join(self.text)
        bits += "0" * (-len(bits) % 32)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")


def shorten(wav: bytes, samples: np.ndarray) -> bytes:
    """A wav file of mono 16-bit samples without loss: its head as it is, samples as Rice codes."""
    bits, block = _Bits(), 256
    for value in (5, 1, block, 0, 4, 0):  # s16 low-high, channels, block, predictor, means, skipped
        bits.number(value)
    bits.rice(9, 2)  # verbatim
    head = wav[:44]
    bits.rice(len(head), 5)
    for byte in head:
        bits.rice(byte, 8)
    means: list[int] = [0] * 4
    for at in range(0, len(samples) // block * block, block):
        part = [int(sample) for sample in samples[at : at + block]]
        offset = int((sum(means) + 2) / 4)
        bits.rice(0, 2)  # differences from the mean
        bits.rice(12, 3)  # bits of a code, less one
        for sample in part:
            bits.signed(sample - offset, 13)
        means = [*means[1:], int((sum(part) + block // 2) / block)]
    bits.rice(4, 2)  # end
    return b"ajkg\2" + bits.bytes()


def vqf(seconds: float) -> bytes:
    """TwinVQ of 8 kHz and 8 kbit/s: frames of 64 ms with a long window and any content."""
    about = struct.pack(">IIII", 0, 8, 8, 0)
    chunks = b"COMM" + struct.pack(">I", len(about)) + about
    frames = np.frombuffer(np.random.default_rng(0).bytes(64 * int(seconds / 0.064)), np.uint8)
    frames = frames.reshape(-1, 64).copy()
    frames[:, 0] &= 0x0F
    data = frames.tobytes()
    head = b"TWIN97012000" + struct.pack(">I", len(chunks))
    return head + chunks + b"DATA" + data


def dst(n_frames: int) -> bytes:
    """Direct Stream Transfer, the coded form of DSD, at 2.8 MHz: frames of 1/75 s."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack(">Q", len(body)) + body + bytes(len(body) % 2)

    sound = chunk(b"FS  ", struct.pack(">I", 64 * 44_100))
    sound += chunk(b"CHNL", struct.pack(">H4s", 1, b"C000")) + chunk(
        b"CMPR", b"DST \x0bDST Encoded"
    )
    stream = chunk(b"FRTE", struct.pack(">IH", n_frames, 75))
    stream += n_frames * chunk(b"DSTF", bytes(64 * 44_100 // 75 // 8 + 1))
    body = b"DSD " + chunk(b"FVER", b"\1\5\0\0") + chunk(b"PROP", b"SND " + sound)
    return chunk(b"FRM8", body + chunk(b"DST ", stream))


def dtshd(core: bytes) -> bytes:
    """A raw dts stream in its archive form."""
    head = b"DTSHDHDR" + struct.pack(">Q", 14) + bytes(14)
    return head + b"STRMDATA" + struct.pack(">Q", len(core)) + core
