"""What examples/python/pi_stream.py promises by itself: bytes, pixels, keys, both classes with each other, and strangers.

    PYTHONPATH=examples/python python3 -m unittest tests/python/test_pi_stream.py

tests/python.rs runs it, and holds both classes against pi-send and view-recv.
"""

import base64
import io
import logging
import math
import os
import random
import resource
import socket
import struct
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

import pi_stream
from pi_stream import Receiver, Sender, Stamp

try:
    import numpy
    from PIL import Image
except ImportError:
    numpy = None

try:
    import cryptography
except ImportError:
    cryptography = None

# How long anything awaited may take.
PATIENCE = 30
# A grey picture of 16 x 8, by libjpeg.
SMALL = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgy"
    "PC4zNDL/wAALCAAIABABAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEG"
    "E1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJ"
    "ipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/ACiv/9k="
)
STAMP = Stamp(42, 1732264380123456, 0.04125, 80, 30.0, True, "garden")


def stamped(jpeg, stamp):
    return b"".join(pi_stream._stamped(jpeg, stamp))


def framed(jpeg):
    return struct.pack("<I", len(jpeg)) + jpeg


def until(what, look):
    deadline = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {PATIENCE} s: {what}")
        time.sleep(0.005)


def receiver(**options):
    return Receiver("127.0.0.1:0", **options)


def connect(to):
    link = socket.create_connection(("127.0.0.1", to.port))
    link.settimeout(PATIENCE)
    return link


class Bytes(unittest.TestCase):
    def test_a_stamp_is_as_documented(self):
        text = b"pi-stream/1 seq=42 t=1732264380123456 lat=41250 q=80 fps=30 ack=1 name=garden"
        self.assertEqual(STAMP.emit(), b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text)
        self.assertEqual(Stamp.parse(text), STAMP)
        self.assertEqual(Stamp.parse(b"pi-stream/1 seq=1 t=2 new=thing flag"), Stamp(1, 2))

    def test_what_is_malformed_is_no_stamp(self):
        for bad in (b"seq=1", b"seq=-1 t=2", b"seq=1 t=2 q=101", b"seq=1 t=2 q=0", b"seq=1 t=2 name=\x1b[31m",
                    b"seq=1 t=18446744073709551616", b"seq=1_0 t=2", b"seq=1 t=2 x=" + b"x" * 256, b"seq=\xb2 t=2"):  # fmt: skip
            self.assertIsNone(Stamp.parse(b"pi-stream/1 " + bad), bad)
        self.assertIsNone(Stamp.parse(b"pi-stream/2 seq=1 t=2"))

    def test_a_rate_that_none_can_have_is_not_believed_and_a_name_is_harmless(self):
        for bad in (b"0", b"-1", b"0.009", b"1001", b"1e99", b"inf", b"NaN", b"", b"x"):
            self.assertIsNone(Stamp.parse(b"pi-stream/1 seq=1 t=2 fps=" + bad).fps, bad)
        self.assertEqual(Stamp.parse(b"pi-stream/1 seq=1 t=2 name=..%2Fetc%1b%5Bpass%ff").name, "etcpass")
        self.assertEqual(len(Stamp.parse(b"pi-stream/1 seq=1 t=2 name=" + b"x" * 200).name), 64)

    def test_a_jpeg_has_one_stamp_behind_its_application_segments(self):
        once = stamped(SMALL, STAMP)
        self.assertEqual(once.replace(STAMP.emit(), b""), SMALL)
        self.assertEqual(once.index(STAMP.emit()), 20)
        other = Stamp(43, 2)
        self.assertEqual(stamped(once, other), stamped(SMALL, other))
        comment = b"\xff\xfe\x00\x06mine"
        commented = SMALL[:20] + comment + SMALL[20:]
        self.assertIn(comment, stamped(stamped(commented, STAMP), other))
        twice = stamped(commented, STAMP)
        self.assertEqual((pi_stream._inspect(twice, 128), pi_stream._find_stamp(twice)), ((16, 8), STAMP))

    def test_mutated_pictures_are_refused_and_never_an_error(self):
        dice, whole, kept = random.Random(1), stamped(SMALL, STAMP), 0
        for _ in range(10_000):
            jpeg = bytearray(whole[: dice.randrange(len(whole))] if dice.random() < 0.3 else whole)
            for _ in range(dice.randrange(6) if jpeg else 0):
                jpeg[dice.randrange(len(jpeg))] = dice.choice((0, 0xFF, 0xFE, 0xC0, 0xC2, 0xDA, dice.randrange(256)))
            try:
                kept += pi_stream._inspect(bytes(jpeg), 1_000_000) > (0, 0)
            except pi_stream._Refused:
                pass
            stamped(bytes(jpeg), STAMP)
        self.assertGreater(kept, 300)

    def test_addresses_are_as_people_write_them(self):
        for text, meant in {"pi": ("pi", 8000), "pi.local:8001": ("pi.local", 8001), "[::1]:9": ("::1", 9), "::1": ("::1", 8000),
                            "10.0.0.1": ("10.0.0.1", 8000)}.items():  # fmt: skip
            self.assertEqual(pi_stream._parse_host(text), meant)
        self.assertEqual(pi_stream._parse_listen(":8001"), ("", 8001))
        self.assertEqual(pi_stream._parse_listen("8001"), ("", 8001))
        for bad in ("", "a:b", "a:99999", ":", "http://pi:1/"):
            with self.assertRaises(ValueError, msg=bad):
                pi_stream._parse_host(bad)


@unittest.skipIf(numpy is None, "there is no numpy, or no Pillow")
class Pixels(unittest.TestCase):
    def setUp(self):
        across = numpy.linspace(0, 255, 64).astype("uint8")
        self.array = numpy.stack(numpy.broadcast_arrays(across, across[:48, None], across[::-1]), -1)
        self.codecs = {}
        for name, make in pi_stream._CODECS.items():
            try:
                self.codecs[name] = make()
            except ImportError:
                pass

    def test_all_decoders_give_the_same_pixels_to_draw_on(self):
        jpeg = io.BytesIO()
        Image.fromarray(self.array).save(jpeg, "JPEG", quality=90)
        wanted = numpy.asarray(Image.open(jpeg))
        for name, (decode, _) in self.codecs.items():
            rgb, bgr = decode(jpeg.getvalue(), False), decode(jpeg.getvalue(), True)
            self.assertTrue((rgb == wanted).all() and (bgr == wanted[..., ::-1]).all(), name)
            self.assertTrue(rgb.flags.writeable and bgr.flags.c_contiguous, name)
            self.assertEqual(decode(SMALL, False).shape, (8, 16, 3), name)

    def test_all_encoders_take_what_send_takes(self):
        grey = self.array[..., 0]
        for name, (_, encode) in self.codecs.items():
            for bgr in (False, True):
                back = numpy.asarray(Image.open(io.BytesIO(encode(self.array, bgr, 95)))).astype(int)
                wanted = self.array[..., ::-1] if bgr else self.array
                self.assertLess(abs(back - wanted).mean(), 4, name)
                back = numpy.asarray(Image.open(io.BytesIO(encode(grey, bgr, 95)))).astype(int)
                self.assertLess(abs(back - grey).mean(), 2, name)

    def test_what_cannot_be_a_picture_is_said_at_once(self):
        with Sender("127.0.0.1:1") as sender:
            logging.getLogger("pi_stream").setLevel(logging.CRITICAL)
            for bad, words in ((self.array.astype(float), "uint8"), (self.array[..., :2], "height x width"), (b"GIF", "JPEG")):
                with self.assertRaisesRegex(ValueError, words):
                    sender.send(bad)
            with self.assertRaisesRegex(TypeError, "str"):
                sender.send("picture.jpg")

    def test_without_numpy_the_error_says_what_to_install(self):
        with mock.patch.dict(sys.modules, {"numpy": None}), mock.patch.object(pi_stream, "_codec", None):
            with self.assertRaisesRegex(ImportError, "python3-numpy"):
                pi_stream._get_codec()


def key_file(test, text=None, mode=0o600):
    folder = tempfile.TemporaryDirectory()
    test.addCleanup(folder.cleanup)
    path = Path(folder.name, "key")
    secret = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    path.write_text(f"# a comment\npi-stream-key-1:{secret}\n" if text is None else text)
    path.chmod(mode)
    return path


class Keys(unittest.TestCase):
    @unittest.skipIf(cryptography is None, "there is no cryptography")
    def test_the_handshake_is_noises(self):
        # Of cacophony's vectors, as far as this program goes.
        vector = [bytes.fromhex(text) for text in (
            "54686973206973206d7920417573747269616e20706572737065637469766521", "4a6f686e2047616c74",
            "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
            "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
        )]  # fmt: skip
        dialler = pi_stream._Noise(vector[0], vector[1], vector[2])
        listener = pi_stream._Noise(vector[0], vector[1], vector[3])
        first = dialler.write(b"Ludwig von Mises")
        self.assertEqual(first.hex(), "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
                                      "fda936bec35a8adfdff198386f7d5475880897edaaf7495314c99095a2e4d66a")  # fmt: skip
        self.assertEqual(listener.read(first), b"Ludwig von Mises")
        second = listener.write(b"Murray Rothbard")
        self.assertEqual(second.hex(), "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088434"
                                       "cd2a371993ba41ea11448024fca32766b169183c9e691a7a433279da7e729")  # fmt: skip
        self.assertEqual(dialler.read(second), b"Murray Rothbard")
        self.assertEqual(dialler.hash.hex(), "b3e9c846d264120a4211e18307da91157a21e92e69b639c50f027f101db3e1a6")
        there, back = dialler.split()
        self.assertEqual(there.encrypt(b"F. A. Hayek").hex(), "bc44da303ae0beb08075fc4eb4e58235c67c2d1f53a4f2fff0bca7")
        self.assertEqual(back.encrypt(b"Carl Menger").hex(), "416d1af83e9fa6966ce4e871156b131aa9bd7e9a1d6f8794f4872a")

    @unittest.skipIf(cryptography is None, "there is no cryptography")
    def test_a_key_file_is_the_owners_and_holds_a_key(self):
        self.assertEqual(len(pi_stream._Key(key_file(self)).secret), 32)
        with self.assertRaisesRegex(ValueError, "chmod 600"):
            pi_stream._Key(key_file(self, mode=0o640))
        for text in ("", "pi-stream-key-1:short\n", "pi-stream-key-1:" + "A" * 43 + "\n" * 2 + "more"):
            with self.assertRaisesRegex(ValueError, "--new-key"):
                pi_stream._Key(key_file(self, text))

    def test_without_cryptography_the_error_says_what_to_install(self):
        with mock.patch.dict(sys.modules, {"cryptography.hazmat.primitives.ciphers.aead": None}):
            with self.assertRaisesRegex(ImportError, "apt install python3-cryptography"):
                receiver(key=key_file(self))


class Pairs(unittest.TestCase):
    """Both classes with each other."""

    def each_way(self, keyed):
        """A receiver and a sender, whoever dials."""
        key = key_file(self) if keyed else None
        with receiver(key=key) as to, Sender(f"127.0.0.1:{to.port}", key=key, name="garden") as sender:
            yield to, sender
        with Sender(listen="127.0.0.1:0", key=key, name="garden") as sender:
            with Receiver(connect=f"127.0.0.1:{sender.port}", key=key) as to:
                yield to, sender

    def show(self, keyed):
        large = SMALL + random.Random(1).randbytes(300_000) if keyed else SMALL
        for to, sender in self.each_way(keyed):
            sender.send(large, captured=time.time() - 1)
            frame = to.read(PATIENCE)
            self.assertEqual((frame.camera, frame.size, frame.stamp.seq), ("garden", (16, 8), 1))
            self.assertEqual(frame.jpeg.replace(frame.stamp.emit(), b""), large)
            self.assertEqual(to.cameras, ["garden"])
            until("an ack", lambda: sender.latency)
            self.assertGreater(sender.latency, 1)
            # From now on the receiver knows of the way.
            sender.send(large, captured=time.time() - 1)
            self.assertAlmostEqual(to.read(PATIENCE).age, 1, delta=0.5)

    def test_a_picture_goes_whoever_dials(self):
        self.show(keyed=False)

    @unittest.skipIf(cryptography is None, "there is no cryptography")
    def test_with_a_key_too(self):
        self.show(keyed=True)

    def test_the_last_picture_and_the_end_come_when_the_sender_closes(self):
        with receiver() as to:
            for seq in range(3):
                with Sender(f"127.0.0.1:{to.port}", name="garden") as sender:
                    sender.send(SMALL)
                self.assertEqual(to.read(PATIENCE).stamp.seq, 1, seq)
                until("the end", lambda: not to.cameras)

    def test_the_iteration_ends_with_close(self):
        to = receiver()
        threading.Timer(0.1, to.close).start()
        self.assertEqual(list(to), [])
        self.assertIsNone(to.read())

    def test_latest_never_waits_and_gives_the_same_until_there_is_a_newer_one(self):
        with receiver() as to, connect(to) as link:
            self.assertIsNone(to.latest())
            link.sendall(framed(SMALL))
            until("a frame", lambda: to.latest("127.0.0.1"))
            first = to.latest()
            self.assertIs(to.latest("127.0.0.1"), first)
            self.assertIsNone(to.latest("porch"))
            self.assertIs(to.read(PATIENCE), first)
            link.sendall(framed(SMALL))
            until("a newer frame", lambda: to.latest() is not first)

    def test_each_frame_is_acknowledged_once_when_it_is_handed_on_or_skipped(self):
        with receiver() as to, connect(to) as link:
            def ack():
                return struct.unpack("<II", link.recv(8, socket.MSG_WAITALL))

            def send(seq):
                link.sendall(framed(stamped(SMALL, Stamp(seq, seq, ack=True))))

            # The first waits, and is skipped for the second; none but the second is handed on.
            for seq in (1, 2 + (1 << 32)):
                send(seq)
                until("the frame", lambda seq=seq: to._cameras and to._cameras[0].frames == seq % (1 << 32))
            self.assertEqual(ack()[0], 1)
            frame = to.read(PATIENCE)
            self.assertEqual(frame.stamp.seq, 2 + (1 << 32))
            seq, held = ack()
            self.assertEqual(seq, 2)
            self.assertLess(held, PATIENCE * 1e6)
            self.assertIs(to.latest(), frame)
            send(3)
            self.assertEqual((to.read(PATIENCE).stamp.seq, ack()[0]), (3, 3))
            # It is older than what was acknowledged since.
            frame._is_answered = False
            frame._answer()
            send(4)
            self.assertEqual((to.read(PATIENCE).stamp.seq, ack()[0]), (4, 4))

    def test_cameras_are_known_by_name_then_address_and_keep_their_place(self):
        def camera(name):
            link = connect(to)
            self.addCleanup(link.close)
            stamp = Stamp(1, 1, name=name, fps=0.01)
            link.sendall(framed(stamped(SMALL, stamp)))
            return link, to.read(PATIENCE).camera

        with receiver(max_cameras=4) as to:
            links, names = zip(*(camera(name) for name in ("garden", "porch", "garden", None)))
            self.assertEqual(names, ("garden", "porch", "garden-2", "127.0.0.1"))
            with self.assertLogs("pi_stream", "WARNING") as logs:
                late = connect(to)
                late.sendall(framed(stamped(SMALL, Stamp(1, 1, name="late"))))
                self.assertEqual(late.recv(1), b"")
                late.close()
                until("a line", lambda: logs.output)
            self.assertIn("4 cameras are here already", logs.output[0])
            links[1].close()
            until("its end", lambda: "porch" not in to.cameras)
            self.assertEqual(camera("porch")[1], "porch")

    def test_a_silent_camera_gives_way_to_its_own_next_connection(self):
        with receiver() as to, connect(to) as old, connect(to) as new:
            frame = framed(stamped(SMALL, Stamp(1, 1, name="garden", fps=1000)))
            old.sendall(frame)
            to.read(PATIENCE)
            with mock.patch.object(pi_stream._Camera, "gives_way", lambda self, now: True):
                new.sendall(frame)
                self.assertEqual(to.read(PATIENCE).camera, "garden")
            self.assertEqual(old.recv(1), b"")
            self.assertEqual(to.cameras, ["garden"])

    def test_times_are_by_this_computers_clock_whatever_the_senders_says(self):
        with receiver() as to:
            for name, off in (("before", -7200), ("after", 86400.5)):
                with connect(to) as link:
                    latency = None
                    for seq in range(20):
                        # Captured a fifth of a second before it is sent.
                        taken = time.time() - 0.2
                        stamp = Stamp(seq, int((taken + off) * 1e6), latency, ack=True, name=name)
                        link.sendall(framed(stamped(SMALL, stamp)))
                        frame = to.read(PATIENCE)
                        # Also as long as little is known.
                        self.assertLess(frame.age, PATIENCE)
                        link.recv(8, socket.MSG_WAITALL)
                        # The second frame cannot say it yet.
                        latency = time.time() - taken if seq else None
                    self.assertAlmostEqual(frame.captured, taken, delta=0.05)
                    self.assertAlmostEqual(frame.age, 0.2, delta=0.15)

    def test_a_receiver_that_stands_still_has_few_frames_on_their_way_and_gets_the_newest(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            with Sender(f"127.0.0.1:{server.getsockname()[1]}", fps=100) as sender:
                sender.send(SMALL)
                link, _ = server.accept()
                link.settimeout(PATIENCE)
                stream = link.makefile("rb")

                def read():
                    (length,) = struct.unpack("<I", stream.read(4))
                    return pi_stream._find_stamp(stream.read(length)).seq

                link.sendall(struct.pack("<II", read(), 0))
                until("the ack", lambda: sender.latency)
                began = time.monotonic()
                for _ in range(100):
                    sender.send(SMALL)
                    time.sleep(0.001)
                # Beside the first: what a round trip holds, and one more; and one a second, in case an ack was lost.
                outlet = sender._outlets[0]
                held = max(1, math.ceil(outlet._round_trip.get() * 100))
                self.assertLessEqual(outlet._seq, 1 + held + 1 + (time.monotonic() - began))
                link.close()
                stream.close()

    def test_a_receiver_that_takes_nothing_gives_its_place_to_the_ninth_and_no_other_does(self):
        with Sender(listen="127.0.0.1:0") as sender:
            links = [connect(sender) for _ in range(8)]
            until("eight", lambda: len(sender.receivers) == 8)
            sender.send(SMALL)
            with self.assertLogs("pi_stream", "WARNING") as logs, connect(sender) as ninth:
                self.assertEqual(ninth.recv(1), b"")
                until("a line", lambda: logs.output)
            self.assertIn("8 receivers are here already", logs.output[0])
            # Where a frame is written whole, nothing waits any more.
            until("all of it", lambda: all(outlet._seq and not outlet.waiting_since for outlet in sender._outlets))
            stuck = sender._outlets[3]
            stuck.waiting_since = time.monotonic() - 6
            with connect(sender) as ninth:
                self.assertTrue(ninth.recv(1))
                self.assertTrue(stuck.over or stuck not in sender._outlets)
            for link in links:
                link.close()

    def test_a_port_that_is_taken_is_said(self):
        with receiver() as to:
            with self.assertRaisesRegex(OSError, rf"port {to.port} is taken.*Receiver\({to.port + 1}\)"):
                Receiver(f"127.0.0.1:{to.port}")
            with self.assertRaisesRegex(OSError, rf"Sender\(listen={to.port + 1}\)"):
                Sender(listen=f"127.0.0.1:{to.port}")

    @unittest.skipIf(cryptography is None, "there is no cryptography")
    def test_who_has_no_key_or_another_hears_and_is_told_what_to_do(self):
        key, other = key_file(self), key_file(self)
        for ours, theirs, words in ((key, None, ("uses no key", "it wants a key")), (None, key, ("asks for a key", "it has no key")),
                                    (key, other, ("has another key", "it has another key"))):  # fmt: skip
            with self.assertLogs("pi_stream", "WARNING") as logs, receiver(key=ours) as to:
                with Sender(f"127.0.0.1:{to.port}", key=theirs) as sender:
                    sender.send(SMALL)
                    until(words, lambda: all(any(word in line for line in logs.output) for word in words))
                    self.assertIsNone(to.latest())

    @unittest.skipIf(cryptography is None, "there is no cryptography")
    def test_what_was_said_once_proves_no_key(self):
        """A recorded handshake brings no picture in: the first record does not fit."""
        key = key_file(self)
        with receiver(key=key) as to, socket.create_server(("127.0.0.1", 0)) as middle:
            said = bytearray()

            def relay():
                link, _ = middle.accept()
                with link, connect(to) as there:
                    for size, one, other in ((12, link, there), (8, there, link), (48, link, there), (48, there, link)):
                        data = one.recv(size, socket.MSG_WAITALL)
                        other.sendall(data)
                        said.extend(data if one is link else b"")
                    there.settimeout(0.2)
                    while data := link.recv(65536):
                        there.sendall(data)
                        said.extend(data)

            thread = threading.Thread(target=relay)
            thread.start()
            with Sender(f"127.0.0.1:{middle.getsockname()[1]}", key=key) as sender:
                sender.send(SMALL)
                self.assertEqual(to.read(PATIENCE).size, (16, 8))
            thread.join()
            with self.assertLogs("pi_stream", "WARNING") as logs, connect(to) as again:
                again.sendall(said)
                try:
                    while again.recv(4096):
                        pass
                except OSError:
                    pass
                until("a line", lambda: logs.output)
            self.assertIn("changed on its way", logs.output[0])
            self.assertIsNone(to.read(0))


class Strangers(unittest.TestCase):
    """Nobody on the network ends a receiver, keeps a camera out, or takes its memory."""

    def setUp(self):
        logging.getLogger("pi_stream").setLevel(logging.CRITICAL)
        self.addCleanup(logging.getLogger("pi_stream").setLevel, logging.NOTSET)

    def test_garbage_ends_its_own_connection_and_nothing_else(self):
        dice = random.Random(2)
        bad = [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b"pi-s" + bytes(8), bytes(4), framed(b""), framed(b"x" * 1000),
               framed(SMALL[:40]), struct.pack("<I", (16 << 20) + 1), struct.pack("<I", 1 << 31) + SMALL,
               framed(SMALL.replace(b"\x00\x08\x00\x10\x01", b"\xff\xff\xff\xff\x01")), *(dice.randbytes(500) for _ in range(50))]  # fmt: skip
        with receiver() as to, Sender(f"127.0.0.1:{to.port}", name="garden") as sender:
            sender.send(SMALL)
            to.read(PATIENCE)
            for data in bad:
                with connect(to) as link:
                    try:
                        link.sendall(data)
                        link.shutdown(socket.SHUT_WR)
                        while link.recv(64):
                            pass
                    except OSError as error:
                        self.assertNotIsInstance(error, socket.timeout, data)
            sender.send(SMALL)
            self.assertEqual(to.read(PATIENCE).stamp.seq, 2)
            self.assertEqual([camera.label for camera in to._cameras], ["garden"])

    def test_idle_connections_are_few_and_keep_no_camera_out(self):
        with receiver() as to:
            links = [connect(to) for _ in range(100)]
            with Sender(f"127.0.0.1:{to.port}", name="garden") as sender:
                sender.send(SMALL)
                self.assertEqual(to.read(PATIENCE).camera, "garden")
            self.assertLessEqual(len(to._admission._waiting), 24)
            readers = [thread for thread in threading.enumerate() if thread.name == "pi_stream_run"]
            self.assertLess(len(readers), 40)
            for link in links:
                link.close()

    def test_promised_pictures_take_no_memory_before_they_come(self):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with receiver() as to:
            links = [connect(to) for _ in range(6)]
            for link in links:
                link.sendall(struct.pack("<I", 16 << 20) + b"\xff\xd8")
            until("them", lambda: sum(candidate.held > 0 for candidate in to._admission._waiting) == 6)
            self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 16 << 10)  # KiB
            for link in links:
                link.close()

    def test_whoever_holds_too_much_with_others_has_to_go(self):
        admission = pi_stream._Admission(1000)
        links = [mock.Mock(ip=str(index), since=index, held=0) for index in range(3)]
        for link in links:
            admission.admit(link)
        for held, link in zip((4 << 20, 4 << 20, 1 << 20), links):
            admission.charge(link, held)
        links[0].cut.assert_called_once_with()
        self.assertEqual(admission._waiting, links[1:])

    def test_a_first_frame_has_its_time(self):
        with mock.patch.object(pi_stream, "_FIRST_FRAME", 0.1), mock.patch.object(pi_stream, "_LOOK", 0.05):
            with receiver() as to, connect(to) as idle, connect(to) as slow:
                slow.sendall(struct.pack("<I", 100_000))
                self.assertEqual((idle.recv(1), slow.recv(1)), (b"", b""))

    def test_a_camera_that_falls_silent_is_let_go(self):
        with mock.patch.object(pi_stream._Camera, "is_idle", lambda self, now: now > self.last_frame + 0.1):
            with mock.patch.object(pi_stream, "_LOOK", 0.05), receiver() as to, connect(to) as link:
                link.sendall(framed(SMALL))
                to.read(PATIENCE)
                self.assertEqual(link.recv(1), b"")

    @unittest.skipIf(numpy is None, "there is no numpy, or no Pillow")
    def test_what_does_not_decode_is_grey_and_a_hundred_of_them_end_the_connection(self):
        with receiver() as to, connect(to) as link:
            for _ in range(100):
                link.sendall(framed(SMALL))
                frame = to.read(PATIENCE)
                with mock.patch.object(pi_stream, "_codec", (mock.Mock(side_effect=ValueError("no")), None)):
                    pixels = frame.rgb()
                self.assertEqual((pixels.shape, pixels.min(), pixels.max()), ((8, 16, 3), 128, 128))
            self.assertEqual(link.recv(1), b"")

    def test_a_picture_between_that_is_none_is_passed_over(self):
        with receiver() as to, connect(to) as link:
            link.sendall(framed(SMALL) + framed(b"no picture") + framed(SMALL))
            until("three", lambda: to._cameras and to._cameras[0].frames == 3)
            self.assertEqual(to.cameras, ["127.0.0.1"])

    def test_acks_that_nobody_reads_are_left_out_whole(self):
        one, other = socket.socketpair()
        with one, other:
            link = pi_stream._Link.__new__(pi_stream._Link)
            link.socket, link._lock, link._unwritten, link._ciphers = one, threading.Lock(), b"", None
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
            for seq in range(50_000):
                link.acknowledge(seq, 0.0)
            self.assertLessEqual(len(link._unwritten), 8)
            one.setblocking(True)
            link_rest = bytes(link._unwritten)
            other.settimeout(0.2)
            data = bytearray()
            try:
                while True:
                    data += other.recv(65536)
            except socket.timeout:
                pass
            data += link_rest
            self.assertEqual(len(data) % 8, 0)
            seqs = [seq for seq, _ in struct.iter_unpack("<II", data)]
            self.assertEqual(seqs, sorted(set(seqs)))
            self.assertLess(len(seqs), 50_000)

    def test_only_those_who_may_come_in(self):
        with receiver(allow=["10.0.0.0/8"]) as to, connect(to) as link:
            self.assertEqual(link.recv(1), b"")
        with Sender(listen="127.0.0.1:0") as sender:
            for ip, may in (("127.0.0.1", True), ("192.168.1.7", True), ("100.101.1.1", True), ("8.8.8.8", False), ("fe80::1", True)):
                self.assertEqual(sender._is_allowed(ip), may, ip)


if __name__ == "__main__":
    unittest.main()
