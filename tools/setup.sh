#!/usr/bin/env bash
# Makes .venv exactly as requirements.lock says (hashes checked) and brings the programs that tests and sandbox need.
# Idempotent: the stamp holds the digest of what was installed; a second run ends in a second.
# `tools/setup.sh basics` brings what comes before it (make, Python), `tools/setup.sh cluster` what a Kubernetes node on
# this machine needs.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

programs() {
  command -v bwrap >/dev/null || missing+=(bubblewrap)
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
  # Not `ldconfig | grep -q`: grep leaves at the first match, and with pipefail the broken pipe would look like a miss.
  grep -q libportaudio <<< "$(ldconfig -p 2>/dev/null)" || missing+=(libportaudio2)
  # Brings the jars of Kafka and Elasticsearch, for the suite that runs on them.
  command -v mvn >/dev/null || missing+=(maven)
  # Lets a hub see a clock that jumps, for one test.
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(libfaketime)
  # One judge (webrtcvad) is compiled at installation.
  command -v cc >/dev/null || missing+=(gcc libc6-dev)
  "$PYTHON" -c 'import sysconfig, os, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' || missing+=(python3-dev)
  install_missing || say "Without bubblewrap no voice's behaviour is tested (and none is heard); without chromium the browser suite does not run, without maven not the engines suite."
}

basic_programs() {
  command -v make >/dev/null || missing+=(make)
  command -v python3 >/dev/null || missing+=(python3 python3-venv)
  install_missing
}

# Kubernetes, helm and kwok are built by Go; the containers of the node are run by Debian's containerd.
cluster_programs() {
  command -v go >/dev/null || missing+=(golang)
  command -v containerd >/dev/null || missing+=(containerd)
  command -v runc >/dev/null || missing+=(runc)
  [ -x /usr/lib/cni/bridge ] || missing+=(containernetworking-plugins)
  command -v iptables >/dev/null || missing+=(iptables)
  command -v ip >/dev/null || missing+=(iproute2)
  command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
  install_missing || say "Without them nothing runs on a real node: the suite on Kubernetes counts as not run."
}

missing=()
install_missing() {
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "Missing: ${missing[*]}. Install them as administrator: apt-get install ${missing[*]}"
    return 1
  fi
  say "Installing ${missing[*]} …"
  # As root: apt's own user cannot check signatures where the temporary directory is root's alone.
  local as_root=(-qq -o APT::Sandbox::User=root)
  apt-get "${as_root[@]}" update
  DEBIAN_FRONTEND=noninteractive apt-get "${as_root[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
  missing=()
}

uv_program() {
  if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then echo uv; return; fi
  local tools=.venv-tools
  [ -x "$tools/bin/uv" ] || { "$PYTHON" -m venv "$tools" && "$tools/bin/pip" install -q uv; }
  echo "$tools/bin/uv"
}

find_python() {
  local name
  for name in python3.11 python3.12 python3.13 python3; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"; return
    fi
  done
  say "Python 3.11 or newer is needed: apt-get install python3 python3-venv"
  exit 2
}

case "${1:-}" in
  basics) basic_programs; exit ;;
  cluster) cluster_programs; exit ;;
esac
PYTHON="${PYTHON:-$(find_python)}"
programs
stamp="$(cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1) $("$PYTHON" --version)"
if [ "$(cat .venv/.setup-stamp 2>/dev/null)" = "$stamp" ]; then exit 0; fi
uv="$(uv_program)"
say "Installing the locked dependencies into .venv (once) …"
[ -x .venv/bin/python ] || "$uv" venv --quiet --python "$PYTHON" .venv
# Compiled at once: a process that trains or exports would spend two seconds on it at each start where Python writes none.
"$uv" pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r requirements.lock
"$uv" pip install --quiet --python .venv/bin/python --no-deps -e .
# Recordings of voice artists that the demo compares with; without them it says what is missing.
.venv/bin/python -m gptsovits.judge.artists || true
printf '%s' "$stamp" > .venv/.setup-stamp
