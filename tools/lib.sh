# Shared by the scripts of tools/: packages, the toolchain, and steps with their times.
# To be sourced after `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What the build links against, and what nodes are made of.
build_packages=(libsqlite3-dev liblz4-dev pkg-config)
node_packages=(containerd runc containernetworking-plugins nftables iproute2 procps busybox-static)

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# step TITLE COMMAND...: runs the command, its output in $root/.build/steps/, and shows how long it
# took; on a terminal the seconds tick. A failure ends the script with the end of the output.
step() {
  local title=$1 log began status=0 pid
  shift
  mkdir -p "$root/.build/steps"
  log="$root/.build/steps/$(printf '%s' "$title" | tr -c 'A-Za-z0-9\n' '-').log"
  began=$(date +%s%N)
  if [ -t 1 ]; then
    "$@" >"$log" 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
      printf '\r\033[K- %s (%s s)' "$title" $((($(date +%s%N) - began) / 1000000000))
      sleep 0.2
    done
    wait "$pid" || status=$?
    printf '\r\033[K'
  else
    printf '%s ... ' "$title"
    "$@" >"$log" 2>&1 || status=$?
  fi
  local took=$((($(date +%s%N) - began) / 1000000))
  took=$(printf '%d.%d s' $((took / 1000)) $((took % 1000 / 100)))
  if [ "$status" -ne 0 ]; then
    if [ -t 1 ]; then printf '✗ %s: failed after %s\n' "$title" "$took"; else echo failed; fi
    tail -n 25 "$log" >&2
    fail "\"$title\" failed ($status); all of its output is in $log"
  fi
  if [ -t 1 ]; then printf '✓ %s: %s\n' "$title" "$took"; else printf '%s\n' "$took"; fi
}

# missing_packages NAME...: prints those that are not installed.
missing_packages() {
  local name
  for name in "$@"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" != installed ]; then
      printf '%s\n' "$name"
    fi
  done
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  apt-get install -y -q --no-install-recommends "$@"
}

# install_packages [NAME...]: installs what is missing, also of NAME...; without root, says what
# somebody has to install. Only what the build needs is necessary.
install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian: install the counterparts of ${build_packages[*]} ${node_packages[*]}"
    return
  fi
  local missing needed
  mapfile -t missing < <(missing_packages "${build_packages[@]}" "${node_packages[@]}" "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -eq 0 ]; then
    step "Installing ${missing[*]}" apt_install "${missing[@]}"
    return
  fi
  mapfile -t needed < <(missing_packages "${build_packages[@]}")
  echo "Not installed: ${missing[*]}. As root: apt-get install ${missing[*]}"
  [ ${#needed[@]} -eq 0 ] || fail "the build needs ${needed[*]}"
}

require_swift() {
  command -v swift >/dev/null ||
    fail "found no Swift toolchain; install Swift 6.3 (https://swift.org/install) and put its bin into PATH"
}

# python_with_venv: prints the path of a Python that can make virtual environments; fails if there
# is none.
python_with_venv() {
  local candidate
  for candidate in "$(command -v python3 || true)" /usr/bin/python3; do
    if [ -n "$candidate" ] && "$candidate" -c \
      'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      printf '%s' "$candidate"
      return
    fi
  done
  return 1
}

# make_python_clients FOLDER REQUIREMENTS: makes a virtual environment with what the file asks for.
make_python_clients() {
  local python
  python=$(python_with_venv) || {
    echo "no Python from 3.10 on with venv; on Debian: apt-get install python3-venv"
    return 1
  }
  # Each on condition of the one before: the copy is the mark that all of it is there.
  rm -rf "$1" && "$python" -m venv "$1" &&
    timeout 900 "$1/bin/python" -m pip install --disable-pip-version-check --no-input --retries 2 \
      --timeout 20 --only-binary :all: -r "$2" &&
    cp "$2" "$1/installed.txt"
}

# install_python_clients FOLDER: installs the Python clients that the tests run, unless they are
# there. Fails where that can't be done, having said why.
install_python_clients() {
  local requirements="$root/Tests/EndToEndTests/Clients/requirements.txt"
  cmp -s "$requirements" "$1/installed.txt" && return
  # In a shell of its own, which is all that a step that fails ends.
  (step "Installing the Python clients" make_python_clients "$1" "$requirements")
}

# built_program: prints the path of the newest build of taffrail; nothing if there is none.
built_program() {
  local newest='' candidate
  for candidate in "$root/.build/release/taffrail" "$root/.build/debug/taffrail"; do
    if [ -x "$candidate" ] && { [ -z "$newest" ] || [ "$candidate" -nt "$newest" ]; }; then
      newest=$candidate
    fi
  done
  printf '%s' "$newest"
}

# absolute PATH: the path from the root of the file system; the file need not exist.
absolute() {
  case $1 in
    /*) printf '%s' "$1" ;;
    *) printf '%s/%s' "$PWD" "$1" ;;
  esac
}
