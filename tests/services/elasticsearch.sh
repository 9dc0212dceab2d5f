#!/bin/sh
# Starts and stops a real Elasticsearch node for tests: plain HTTP, on this machine only, with users.
#
#   elasticsearch.sh start DIR PORT   starts it with its files, log and process number in DIR, and waits until it answers
#   elasticsearch.sh stop DIR         stops it by its process number
#
# `elasticsearch.sh DIR PORT` is the same as start. It is the server its makers run their integration tests on, from
# Maven Central: the server itself and its security, without the modules of the whole distribution. It is fetched
# once and stays in ${COLLECTOR_SERVICES_CACHE:-$HOME/.cache/collector-services}. Needs a JDK of version 17 or newer, Maven
# and curl; as root also setpriv, because the server refuses to be root.
#
# Users, each with the password NAME-pw: admin may do everything; reader, writer and maker have the rights that
# docs list for asking, writing and making an index, on indexes named collector-test*; nobody has none.
set -eu

VERSION=8.19.0
CACHE=${COLLECTOR_SERVICES_CACHE:-$HOME/.cache/collector-services}
ARCHIVE=$CACHE/elasticsearch-$VERSION.zip
PATIENCE=180

fail() {
    echo "elasticsearch: $*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null 2>&1 || fail "$1 is missing; on Debian: apt-get install $2"
}

# The process that was started from DIR, if it still is that one.
running() {
    [ -s "$1/elasticsearch.pid" ] || return 1
    pid=$(cat "$1/elasticsearch.pid")
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q 'elasticsearch' && echo "$pid"
}

# The whole archive or none: what was cut off lies in another folder.
fetch() {
    [ -s "$ARCHIVE" ] && return
    need mvn maven
    part=$CACHE/elasticsearch.$$
    mkdir -p "$part"
    artifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:$VERSION:zip
    if ! mvn -q -B dependency:copy "-Dartifact=$artifact" "-DoutputDirectory=$part" >"$part.log" 2>&1; then
        tail -n 5 "$part.log" >&2
        rm -rf "$part"
        fail "Maven Central gave no server; see $part.log"
    fi
    mv "$part/elasticsearch-$VERSION.zip" "$ARCHIVE"
    rm -rf "$part" "$part.log"
}

# Users live in files, so that nothing has to be asked of the server. The passwords are hashed with few rounds.
configure() {
    cat >>"$1/elasticsearch.yml" <<EOF
cluster.name: collector-tests
discovery.type: single-node
network.host: 127.0.0.1
http.port: $2
transport.port: 0
cluster.routing.allocation.disk.threshold_enabled: false
xpack.security.enabled: true
xpack.security.http.ssl.enabled: false
xpack.security.transport.ssl.enabled: false
EOF
    cat >"$1/users" <<'EOF'
admin:$2a$06$vn1UcNBPhhjkbOrhFtUXjukFG9/ID9FeXko.63agp61Z.o3W0ylM6
reader:$2a$06$s1US44OnxBcEOW7XyASvNukKT7ymvQ3BirX39S9HWKxSe/JdybNKy
writer:$2a$06$v20sJhCNsJ8wnMqewfvvX.G/rgC/o8zOo77HUb2BcG7QQABVQgW0K
maker:$2a$06$uLq6dAuXx163F2TB10SJp./QVdyJTxDoxtpnHGFMiLtJyC4MINw4y
nobody:$2a$06$oh299POhE7ACvt9srOh2b.NJottsoJtMQGtC5l7EgrYrRASNy2Tce
EOF
    cat >"$1/users_roles" <<'EOF'
superuser:admin
collector_reader:reader
collector_writer:writer
collector_maker:maker
collector_none:nobody
EOF
    cat >"$1/roles.yml" <<'EOF'
collector_none:
  cluster: []
collector_reader:
  indices:
    - names: ['collector-test*']
      privileges: ['read', 'view_index_metadata']
collector_writer:
  indices:
    - names: ['collector-test*']
      privileges: ['read', 'view_index_metadata', 'index']
collector_maker:
  indices:
    - names: ['collector-test*']
      privileges: ['read', 'index', 'manage']
EOF
}

start() {
    dir=$1 port=$2
    need java default-jdk-headless
    need jar default-jdk-headless
    need curl curl
    mkdir -p "$dir"
    dir=$(CDPATH='' cd -- "$dir" && pwd)
    running "$dir" >/dev/null && fail "a node runs from $dir already; stop it first"
    curl -s -o /dev/null "http://127.0.0.1:$port/" && fail "port $port is taken"
    fetch
    home=$dir/elasticsearch-$VERSION
    rm -rf "$home"
    (cd "$dir" && jar xf "$ARCHIVE")
    chmod +x "$home"/bin/*
    configure "$home/config" "$port"
    as=
    if [ "$(id -u)" = 0 ]; then
        need setpriv util-linux
        # The archive's files, and nothing else of DIR.
        chown -R nobody:nogroup "$home"
        as='setpriv --reuid=nobody --regid=nogroup --clear-groups'
        $as test -x "$home/bin/elasticsearch" || fail "the user nobody cannot enter $dir; choose a folder it can"
    fi
    java=$(dirname "$(dirname "$(readlink -f "$(command -v java)")")")
    # shellcheck disable=SC2086
    nohup $as env "ES_JAVA_HOME=$java" "ES_JAVA_OPTS=-Xms512m -Xmx512m" "HOME=$home" "$home/bin/elasticsearch" \
        >"$dir/elasticsearch.log" 2>&1 </dev/null &
    echo $! >"$dir/elasticsearch.pid"
    left=$PATIENCE
    until curl -sf -o /dev/null -u admin:admin-pw \
        "http://127.0.0.1:$port/_cluster/health?wait_for_status=yellow&timeout=1s"; do
        left=$((left - 1))
        if [ "$left" -le 0 ] || ! running "$dir" >/dev/null; then
            tail -n 20 "$dir/elasticsearch.log" >&2
            stop "$dir"
            fail "the node did not start; see $dir/elasticsearch.log"
        fi
        sleep 1
    done
    echo "http://admin:admin-pw@127.0.0.1:$port"
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
    rm -f "$1/elasticsearch.pid"
}

usage() {
    fail "usage: elasticsearch.sh start DIR PORT | stop DIR"
}

case ${1:-}:$# in
start:3) start "$2" "$3" ;;
stop:2) stop "$2" ;;
start:* | stop:*) usage ;;
*:2) start "$1" "$2" ;;
*) usage ;;
esac
