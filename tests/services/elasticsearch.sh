#!/usr/bin/env bash
# A real Elasticsearch node: plain HTTP, with users. It is the server its makers run their integration tests on, from Maven
# Central: the server itself and its security, without the modules of the whole distribution. See lib.sh for how it is called.
#
# Users, each with the password NAME-pw: admin may do everything; reader, writer and maker have the rights that
# docs/permissions.md lists for asking, writing and making an index, on indexes named collector-test*; nobody has none.
set -euo pipefail
# shellcheck source=tests/services/lib.sh
. "$(dirname "$0")/lib.sh"

# It runs on Java 17.
version=8.19.0

start_server() {
    local dir=$1 port=$2 as=() java home data=$1/data
    local archive="$services_dir/cache/elasticsearch-$version.zip"
    need_packages default-jdk-headless java jar
    need_packages curl curl
    fetch_once "$archive"
    if ((EUID == 0)); then
        # It refuses to be root.
        need_packages util-linux setpriv
        as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
        if ! "${as[@]}" test -x "$data"; then
            data=$(mktemp -d "${TMPDIR:-/tmp}/collector-elasticsearch.XXXXXX")
            echo "$data" >"$dir/elsewhere"
            chmod go+x "$data"
        fi
    fi
    home=$data/elasticsearch-$version
    if [[ ! -d $home ]]; then
        (cd "$data" && jar xf "$archive")
        chmod +x "$home"/bin/*
        configure "$home/config"
    fi
    if ((EUID == 0)); then
        chown -R nobody:nogroup "$home"
    fi
    java=$(dirname "$(dirname "$(readlink -f "$(command -v java)")")")
    launch "$dir" "${as[@]}" env "ES_JAVA_HOME=$java" "ES_JAVA_OPTS=-Xms512m -Xmx512m" "HOME=$home" \
        "$home/bin/elasticsearch" "-Ehttp.port=$port"
    # Half a minute on two busy cores.
    wait_until "$dir" "$port" 240 answers "$port"
    export_line COLLECTOR_TEST_ELASTICSEARCH "http://admin:admin-pw@127.0.0.1:$port" >"$dir/env"
}

# The whole archive or none: what was cut off lies in another folder.
fetch_once() {
    local archive=$1 part
    if [[ -s $archive ]]; then
        return
    fi
    need_packages maven mvn
    say "fetching Elasticsearch from Maven Central"
    mkdir -p "${archive%/*}"
    part=$(mktemp -d "${archive%/*}/part.XXXXXX")
    if ! mvn -q -B dependency:copy "-DoutputDirectory=$part" \
        "-Dartifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:$version:zip" >&2; then
        rm -rf "$part"
        not_available "Maven Central gave no server of elasticsearch $version"
    fi
    mv "$part/${archive##*/}" "$archive"
    rm -rf "$part"
}

# Users live in files, so that nothing has to be asked of the server. The passwords are hashed with few rounds.
configure() {
    cat >>"$1/elasticsearch.yml" <<EOF
cluster.name: collector-tests
discovery.type: single-node
network.host: 127.0.0.1
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

answers() {
    curl -sf -u admin:admin-pw "http://127.0.0.1:$1/_cluster/health?wait_for_status=yellow&timeout=1s"
}

main "$@"
