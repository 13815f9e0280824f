"""GStreamer's webrtcbin as a WHIP publisher and WHEP watcher, for interop tests. Needs Debian's gstreamer1.0-plugins-bad,
gstreamer1.0-plugins-good, -ugly, gstreamer1.0-nice, python3-gi and the GIR files of GStreamer; nothing from PyPI.

    gst_client.py publish --hub http://localhost:8080 --room ROOM --token TOKEN [--label NAME] [--codec vp8|h264]
    gst_client.py watch   --hub ... --room ROOM --token TOKEN [--sources NAME,NAME] [--frames 30] [--seconds 30]

`publish` sends a test picture and a tone until standard input closes, and prints `{"event": "connected"}` when media
flows. `watch` decodes, and prints one JSON line with frames and the loudest level heard; exit code 1 when something
stayed empty.
"""

import argparse
import json
import os
import sys
import threading
import urllib.error
import urllib.request
from urllib.parse import urljoin

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

ENCODERS = {
    "vp8": "vp8enc deadline=1 cpu-used=8 keyframe-max-dist=60 target-bitrate=500000 ! rtpvp8pay picture-id-mode=15-bit",
    "h264": "video/x-raw,format=I420 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60 bitrate=500 "
    "! video/x-h264,profile=constrained-baseline ! h264parse config-interval=-1 "
    "! rtph264pay aggregate-mode=zero-latency",
}
CAPS = {
    "vp8": "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000",
    "h264": "application/x-rtp,media=video,encoding-name=H264,payload=102,clock-rate=90000,"
    "packetization-mode=(string)1,profile-level-id=(string)42e01f",
}
OPUS = "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2"


def say(**event: object) -> None:
    print(json.dumps(event), flush=True)


class Session:
    """One peer connection and its HTTP session."""

    def __init__(self, options: argparse.Namespace, pipeline: Gst.Pipeline, peer: Gst.Element, path: str) -> None:
        self.options = options
        self.pipeline = pipeline
        self.peer = peer
        self.url = f"{options.hub}/api/v1/rooms/{options.room}/{path}"
        self.location = ""
        self.loop = GLib.MainLoop()
        self.code = 0
        peer.connect("notify::connection-state", self.on_state)
        peer.connect("notify::ice-gathering-state", self.on_gathered)
        bus = pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.on_error)
        self.posted = False

    def call(self, method: str, url: str, body: str | None, kind: str) -> tuple[int, str, dict]:
        request = urllib.request.Request(url, method=method, data=None if body is None else body.encode())
        request.add_header("Authorization", f"Bearer {self.options.token}")
        if body is not None:
            request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request, timeout=15) as reply:
                return reply.status, reply.read().decode(), dict(reply.headers)
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode(), dict(refused.headers)

    def offer(self) -> None:
        promise = Gst.Promise.new_with_change_func(self.on_offer, None)
        self.peer.emit("create-offer", None, promise)

    def on_offer(self, promise: Gst.Promise, _data: object) -> None:
        # The offer lives inside the reply: both have to be held.
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self.peer.emit("set-local-description", offer, Gst.Promise.new())

    def on_gathered(self, peer: Gst.Element, _spec: object) -> None:
        # All candidates in the offer: no PATCH, which is what most encoders do.
        if peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE and not self.posted:
            self.posted = True
            GLib.idle_add(self.post)

    def post(self) -> bool:
        sdp = self.peer.get_property("local-description").sdp.as_text()
        status, body, headers = self.call("POST", self.url, sdp, "application/sdp")
        if status != 201:
            say(event="refused", status=status, body=body)
            self.end(2)
            return False
        self.location = urljoin(self.url, headers.get("Location") or headers.get("location"))
        _, message = GstSdp.SDPMessage.new_from_text(body)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.peer.emit("set-remote-description", answer, Gst.Promise.new())
        return False

    def on_state(self, peer: Gst.Element, _spec: object) -> None:
        state = peer.get_property("connection-state")
        if state == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            say(event="connected", location=self.location)
        elif state == GstWebRTC.WebRTCPeerConnectionState.FAILED:
            say(event="failed")
            self.end(1)

    def on_error(self, _bus: Gst.Bus, message: Gst.Message) -> None:
        error, detail = message.parse_error()
        say(event="error", error=str(error), detail=detail)
        self.end(1)

    def end(self, code: int) -> bool:
        self.code = self.code or code
        self.loop.quit()
        return False

    def run(self, seconds: float) -> int:
        GLib.timeout_add(int(seconds * 1000), self.end, 0)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        status = None
        if self.location:
            status, _, _ = self.call("DELETE", self.location, None, "")
        self.pipeline.set_state(Gst.State.NULL)
        say(event="stopped", status=status)
        return self.code


def publish(options: argparse.Namespace) -> int:
    pipeline = Gst.parse_launch(
        "webrtcbin name=peer bundle-policy=max-bundle "
        f"videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=15/1 ! videoconvert "
        f"! {ENCODERS[options.codec]} ! {CAPS[options.codec].split(',profile-level-id')[0]} ! queue ! peer. "
        f"audiotestsrc is-live=true freq=440 volume=0.4 ! audioconvert ! audioresample ! opusenc ! rtpopuspay ! {OPUS} "
        "! queue ! peer."
    )
    peer = pipeline.get_by_name("peer")
    session = Session(options, pipeline, peer, f"whip?label={options.label}")
    index = 0
    while transceiver := peer.emit("get-transceiver", index):
        transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        transceiver.set_property("do-nack", True)
        index += 1
    peer.connect("on-negotiation-needed", lambda _peer: session.offer())

    def until_closed() -> None:
        # Not `sys.stdin`, whose lock a thread that still reads would hold at exit.
        while os.read(0, 4096):
            pass
        GLib.idle_add(session.end, 0)

    threading.Thread(target=until_closed, daemon=True).start()
    return session.run(options.seconds)


def watch(options: argparse.Namespace) -> int:
    pipeline = Gst.Pipeline.new("watch")
    peer = Gst.ElementFactory.make("webrtcbin", "peer")
    peer.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
    pipeline.add(peer)
    wanted = f"?sources={options.sources}" if options.sources else ""
    session = Session(options, pipeline, peer, f"whep{wanted}")
    seen = {"video": 0, "audio": 0, "level": -200.0}

    def enough() -> None:
        if seen["video"] >= options.frames and seen["audio"] >= options.frames and seen["level"] > -60:
            GLib.idle_add(session.end, 0)

    def count(pad: Gst.Pad, _info: object, kind: str) -> Gst.PadProbeReturn:
        seen[kind] += 1
        enough()
        return Gst.PadProbeReturn.OK

    def on_level(_bus: Gst.Bus, message: Gst.Message) -> None:
        structure = message.get_structure()
        if structure and structure.get_name() == "level":
            seen["level"] = max(seen["level"], *structure.get_value("rms"))
            enough()

    pipeline.get_bus().connect("message::element", on_level)

    def on_track(_peer: Gst.Element, pad: Gst.Pad) -> None:
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        kind = pad.get_current_caps().get_structure(0).get_string("media")
        rest = "audioconvert ! level interval=200000000 ! fakesink name=sink" if kind == "audio" else (
            "videoconvert ! fakesink name=sink"
        )
        branch = Gst.parse_bin_from_description(f"decodebin name=decode ! {rest}", False)
        branch.add_pad(Gst.GhostPad.new("sink", branch.get_by_name("decode").get_static_pad("sink")))
        branch.get_by_name("sink").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, count, kind)
        pipeline.add(branch)
        branch.sync_state_with_parent()
        pad.link(branch.get_static_pad("sink"))

    peer.connect("pad-added", on_track)
    direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
    for caps in (CAPS[options.codec], OPUS):
        peer.emit("add-transceiver", direction, Gst.Caps.from_string(caps))
    GLib.idle_add(lambda: session.offer() and False)
    code = session.run(options.seconds)
    say(event="watched", frames={kind: seen[kind] for kind in ("video", "audio")}, level=seen["level"])
    complete = seen["video"] >= options.frames and seen["audio"] >= options.frames and seen["level"] > -60
    return code or (0 if complete else 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("publish", "watch"))
    parser.add_argument("--hub", required=True)
    parser.add_argument("--room", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--label", default="stream")
    parser.add_argument("--sources", default="")
    parser.add_argument("--codec", choices=tuple(CAPS), default="vp8")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--frames", type=int, default=30, help="frames of each kind that count as watched")
    options = parser.parse_args()
    Gst.init(None)
    return (publish if options.mode == "publish" else watch)(options)


if __name__ == "__main__":
    sys.exit(main())
