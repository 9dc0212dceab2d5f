# shellcheck shell=bash
# What the start scripts share. To be sourced after `set -euo pipefail`.
#
# Each script is called `SCRIPT start DIR PORT` or `SCRIPT stop DIR`. All that a server writes is in DIR: its data, `log`,
# `pid`, `secret`, and `env` with the lines that tell the tests where it is. One that was stopped, or killed, starts again
# with its data and its password. `start` ends with
#   0  the server answers            1  it does not; the end of its log is on stderr
#   3  it cannot be had here         4  somebody else took the port meanwhile

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Where test servers keep everything; `cache` below it outlives them.
# shellcheck disable=SC2034 # for the scripts that source this
services_dir=${COLLECTOR_SERVICES_DIR:-$(cd "$here/../.." && pwd)/target/services}

say() { printf 'services: %s\n' "$*" >&2; }

# The server cannot be had on this machine; $* says what is missing.
not_available() {
    say "$*"
    exit 3
}

# Makes sure that programs are there, from Debian's packages if need be: need_packages PACKAGE PROGRAM...
need_packages() {
    local package=$1 program missing=()
    shift
    for program in "$@"; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    if ((${#missing[@]} == 0)); then
        return
    fi
    get_package "$package" "${missing[*]}"
}

# Installs a Debian package if that is possible: get_package PACKAGE WHAT-IS-MISSING
get_package() {
    if ! command -v apt-get >/dev/null || ((EUID != 0)); then
        not_available "$2 not found: install the package $1, or run this as root on Debian"
    fi
    say "installing $1"
    # One at a time: another checkout may be installing as well.
    (
        flock 9
        install_package "$1" || { apt-get -qq update && install_package "$1"; }
    ) 9</var/cache/apt >&2 || not_available "apt-get could not install $1"
}

# RUNLEVEL keeps what is installed from starting by itself.
install_package() {
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get -o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends install "$1"
}

# A port nobody listens at, below those the system hands out by itself.
free_port() {
    local port
    for _ in {1..200}; do
        port=$((20000 + RANDOM % 12000))
        if ! is_taken "$port"; then
            echo "$port"
            return
        fi
    done
    say "no free port between 20000 and 32000"
    return 1
}

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Whether HTTP is spoken at a port.
speaks_http() {
    local line
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'GET / HTTP/1.0\r\n\r\n' >&3
    IFS= read -r -t 2 line <&3 && [[ $line == HTTP/* ]]
}

# The server's password, chosen at its first start.
secret_of() {
    local file=$1/secret
    if [[ ! -s $file ]]; then
        (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$file")
    fi
    cat "$file"
}

# The server's process, if it runs: its pid is in the file and it works in DIR, or in the folder that the file `elsewhere`
# names, so a pid that was given to somebody else since is not taken for it.
server_pid() {
    local dir=$1 pid elsewhere
    pid=$(cat "$dir/pid" 2>/dev/null) || return 1
    [[ $pid =~ ^[0-9]+$ ]] || return 1
    elsewhere=$(cat "$dir/elsewhere" 2>/dev/null) || elsewhere=$dir
    case "$(readlink "/proc/$pid/cwd" 2>/dev/null)" in
    "$dir" | "$dir"/* | "$elsewhere"/*) echo "$pid" ;;
    *) return 1 ;;
    esac
}

# Starts a program in DIR, away from this terminal, so that Ctrl-C is for the caller to act on: launch DIR COMMAND...
launch() {
    local dir=$1
    shift
    (
        cd "$dir" || exit
        setsid "$@" </dev/null >>"$dir/log" 2>&1 &
        echo $! >"$dir/pid"
    )
}

# Waits until a server answers: wait_until DIR PORT SECONDS COMMAND...
wait_until() {
    local dir=$1 port=$2 seconds=$3
    shift 3
    # The new process is in DIR from its first moment, so one that is not there has ended.
    for ((tenths = 0; tenths < seconds * 10; tenths++)); do
        if ! server_pid "$dir" >/dev/null; then
            if is_taken "$port"; then
                exit 4
            fi
            fail "$dir" "it ended while it was starting"
        fi
        if "$@" >/dev/null 2>&1; then
            return
        fi
        sleep 0.1
    done
    fail "$dir" "no answer after $seconds s"
}

# Gives up on a server that was being started: fail DIR WHY
fail() {
    say "$2; the end of $1/log:"
    tail -n 20 "$1/log" >&2 || true
    stop_server "$1"
    exit 1
}

# Stops a server by its pid.
stop_server() {
    local dir=$1 pid
    if pid=$(server_pid "$dir"); then
        # A test may have stopped it with SIGSTOP.
        kill -TERM "$pid" 2>/dev/null || true
        kill -CONT "$pid" 2>/dev/null || true
        for _ in {1..100}; do
            server_pid "$dir" >/dev/null || break
            sleep 0.1
        done
        if server_pid "$dir" >/dev/null; then
            say "pid $pid does not end on SIGTERM; killed"
            kill -KILL "$pid" 2>/dev/null || true
        fi
    fi
    rm -f "$dir/pid"
    if [[ -s $dir/elsewhere ]]; then
        rm -rf "$(cat "$dir/elsewhere")" "$dir/elsewhere"
    fi
}

# The lines of `env`: export_line NAME VALUE
export_line() { printf "export %s='%s'\n" "$1" "$2"; }

# Reads a script's arguments and calls start_server DIR PORT, which the script defines, or stops the server.
main() {
    local usage="usage: $0 start DIR PORT | $0 stop DIR"
    case "${1:-}" in
    start)
        [[ $# -eq 3 && $3 =~ ^[0-9]+$ ]] || { say "$usage"; exit 2; }
        mkdir -p "$2"
        local dir
        dir=$(cd "$2" && pwd -P)
        if [[ -f $dir/env ]] && server_pid "$dir" >/dev/null; then
            return
        fi
        stop_server "$dir"
        # Without the last thing that a start writes, the data may be half of what it should be.
        [[ -f $dir/env ]] || rm -rf "$dir/data"
        mkdir -p "$dir/data"
        start_server "$dir" "$3"
        ;;
    stop)
        [[ $# -eq 2 ]] || { say "$usage"; exit 2; }
        [[ -d $2 ]] || return 0
        stop_server "$(cd "$2" && pwd -P)"
        ;;
    *)
        say "$usage"
        exit 2
        ;;
    esac
}
