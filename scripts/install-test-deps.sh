#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: Chromium, Firefox, Redis, PostgreSQL, Python's venv and GStreamer (for the
# independent WebRTC clients of the interop tests), and for those in network namespaces iproute2, iptables, conntrack
# and coturn. Says what it does; asks nothing.
set -euo pipefail

packages=()
has_chromium() { [[ -n "${CHROMIUM:-}" && -x "${CHROMIUM:-}" ]] || command -v chromium >/dev/null 2>&1; }
# A browser without a Cyrillic font draws boxes.
has_chromium || packages+=(chromium fonts-dejavu-core)
command -v redis-server >/dev/null 2>&1 || packages+=(redis-server)
{ compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || command -v initdb >/dev/null 2>&1; } || packages+=(postgresql)
# Some of these stand where only root's PATH looks.
has() { command -v "$1" >/dev/null 2>&1 || [[ -x "/usr/sbin/$1" || -x "/sbin/$1" ]]; }
has ip || packages+=(iproute2)
has iptables || packages+=(iptables)
has conntrack || packages+=(conntrack)
has turnserver || packages+=(coturn)
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || packages+=(python3 python3-venv)
[[ -n "${FIREFOX:-}" && -x "${FIREFOX:-}" ]] || command -v firefox-esr >/dev/null 2>&1 || packages+=(firefox-esr)
# The system's own Python: it has the bindings of GStreamer.
gstreamer='import gi; gi.require_version("GstWebRTC", "1.0"); from gi.repository import GstWebRTC'
if ! /usr/bin/python3 -c "$gstreamer" >/dev/null 2>&1 || ! gst-inspect-1.0 nicesrc >/dev/null 2>&1 ||
    ! gst-inspect-1.0 x264enc >/dev/null 2>&1; then
    packages+=(gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
        gstreamer1.0-plugins-ugly gstreamer1.0-nice
        gstreamer1.0-tools python3-gi gir1.2-gst-plugins-base-1.0 gir1.2-gst-plugins-bad-1.0)
fi

if ((${#packages[@]} == 0)); then
    echo "test tools: Chromium, Firefox, Redis, PostgreSQL, Python, GStreamer, coturn and the network tools are here"
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "test tools: please install ${packages[*]} with your package manager" >&2
    exit 1
fi
run=()
if [[ "$(id -u)" != 0 ]]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "test tools: not root and no sudo; please install: ${packages[*]}" >&2
        exit 1
    fi
    run=(sudo)
fi
echo "test tools: installing ${packages[*]} (apt-get)"
export DEBIAN_FRONTEND=noninteractive
install() { "${run[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" </dev/null >/dev/null; }
# The package lists of a fresh image are empty or old.
install || { "${run[@]}" apt-get update -qq </dev/null && install; }
