"""An independent WHIP publisher and WHEP watcher (aiortc), for interop tests.

    aiortc_client.py publish --hub http://localhost:8080 --room ROOM --token TOKEN [--label NAME] [--seconds 60]
    aiortc_client.py watch   --hub ... --room ROOM --token TOKEN [--sources NAME,NAME] [--seconds 20]

`publish` sends a moving picture (VP8) and a 440 Hz tone (Opus), prints `{"event": "connected"}` when media flows and
`{"event": "stopped"}` after DELETE. `watch` prints one JSON line with the frames decoded per kind; exit code 1 when a
kind that the answer offers stayed empty.
"""

import argparse
import asyncio
import fractions
import json
import math
import os
import sys
from urllib.parse import urljoin

import aiohttp
import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, VideoStreamTrack

RATE = 48_000
FRAME = 960  # 20 ms


class Tone(MediaStreamTrack):
    """A 440 Hz sine, 20 ms per frame, paced by the loop's clock."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0
        self.began: float | None = None

    async def recv(self) -> av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        now = asyncio.get_running_loop().time()
        if self.began is None:
            self.began = now
        await asyncio.sleep(max(0.0, self.began + self.sent * FRAME / RATE - now))
        first = self.sent * FRAME
        samples = b"".join(
            int(9_000 * math.sin(2 * math.pi * 440 * (first + n) / RATE)).to_bytes(2, "little", signed=True)
            for n in range(FRAME)
        )
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(samples)
        frame.sample_rate = RATE
        frame.pts = first
        frame.time_base = fractions.Fraction(1, RATE)
        self.sent += 1
        return frame


class Bars(VideoStreamTrack):
    """A grey gradient with a bright bar that wanders: every frame differs, so a decoder's progress can be seen."""

    WIDTH, HEIGHT = 320, 240

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame(self.WIDTH, self.HEIGHT, "yuv420p")
        bar = (pts // 3000 * 4) % self.WIDTH
        luma = frame.planes[0]
        row = bytearray(x * 200 // self.WIDTH + 16 for x in range(self.WIDTH))
        row[bar : bar + 8] = b"\xeb" * len(row[bar : bar + 8])
        line = bytes(row).ljust(luma.line_size, b"\x10")
        luma.update(line * self.HEIGHT)
        for plane in frame.planes[1:]:
            plane.update(b"\x80" * plane.buffer_size)
        frame.pts = pts
        frame.time_base = time_base
        return frame


def say(**event: object) -> None:
    print(json.dumps(event), flush=True)


async def exchange(http: aiohttp.ClientSession, peer: RTCPeerConnection, url: str) -> str:
    """Offer by POST, answer from the body; gives the resource's address."""
    await peer.setLocalDescription(await peer.createOffer())
    headers = {"Content-Type": "application/sdp"}
    async with http.post(url, data=peer.localDescription.sdp, headers=headers) as reply:
        body = await reply.text()
        if reply.status != 201:
            say(event="refused", status=reply.status, body=body)
            sys.exit(2)
        location = urljoin(url, reply.headers["Location"])
    await peer.setRemoteDescription(RTCSessionDescription(body, "answer"))
    return location


async def connected(peer: RTCPeerConnection) -> None:
    done = asyncio.Event()

    @peer.on("connectionstatechange")
    def _changed() -> None:
        if peer.connectionState == "connected":
            done.set()

    if peer.connectionState != "connected":
        await asyncio.wait_for(done.wait(), 15)


async def publish(http: aiohttp.ClientSession, options: argparse.Namespace) -> int:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for track in (Tone(), Bars()):
        peer.addTransceiver(track, direction="sendonly")
    url = f"{options.hub}/api/v1/rooms/{options.room}/whip?label={options.label}"
    location = await exchange(http, peer, url)
    await connected(peer)
    say(event="connected", location=location)
    # Until the time is up or whoever started this closes standard input.
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def readable() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            ended.set()

    loop.add_reader(sys.stdin.fileno(), readable)
    try:
        await asyncio.wait_for(ended.wait(), options.seconds)
    except TimeoutError:
        pass
    async with http.delete(location) as reply:
        status = reply.status
    await peer.close()
    say(event="stopped", status=status)
    return 0 if status in (200, 204) else 1


async def watch(http: aiohttp.ClientSession, options: argparse.Namespace) -> int:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    counts = {"audio": 0, "video": 0}
    enough = {kind: asyncio.Event() for kind in counts}
    tasks = []

    async def drain(track: MediaStreamTrack) -> None:
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return
            counts[track.kind] += 1
            if counts[track.kind] >= options.frames:
                enough[track.kind].set()

    @peer.on("track")
    def _track(track: MediaStreamTrack) -> None:
        tasks.append(asyncio.ensure_future(drain(track)))

    for kind in counts:
        peer.addTransceiver(kind, direction="recvonly")
    wanted = f"?sources={options.sources}" if options.sources else ""
    location = await exchange(http, peer, f"{options.hub}/api/v1/rooms/{options.room}/whep{wanted}")
    await connected(peer)
    try:
        await asyncio.wait_for(asyncio.gather(*(event.wait() for event in enough.values())), options.seconds)
    except TimeoutError:
        pass
    async with http.delete(location):
        pass
    await peer.close()
    say(event="watched", frames=counts)
    return 0 if all(event.is_set() for event in enough.values()) else 1


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("publish", "watch"))
    parser.add_argument("--hub", required=True)
    parser.add_argument("--room", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--label", default="stream")
    parser.add_argument("--sources", default="")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--frames", type=int, default=30, help="frames of each kind that count as watched")
    options = parser.parse_args()
    headers = {"Authorization": f"Bearer {options.token}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        return await (publish if options.mode == "publish" else watch)(http, options)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
