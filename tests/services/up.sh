#!/usr/bin/env bash
# Starts the servers that the tests use, and prints where they are: eval "$(tests/services/up.sh)".
#
# A server whose variable is set already is taken as it is. One that cannot be started is named on stderr with the reason;
# with COLLECTOR_REQUIRE_SERVICES=1 that is an error. COLLECTOR_SERVICES_RUN is the folder for data and logs. Those that
# run there already are left running. Stop them with down.sh.
set -euo pipefail
# shellcheck source=tests/services/lib.sh
. "$(dirname "$0")/lib.sh"

run=${COLLECTOR_SERVICES_RUN:-$services_dir/run}
missing=()

# Starts a server unless VARIABLE says where one is: bring_up NAME VARIABLE
bring_up() {
    local name=$1 variable=$2 status=0
    if [[ -n ${!variable:-} ]]; then
        say "$name: the one in $variable"
        return
    fi
    mkdir -p "$run/$name"
    start "$name" || status=$?
    case $status in
    0) cat "$run/$name/env" ;;
    130 | 143) exit "$status" ;;
    *)
        say "$name: skipped, see above"
        missing+=("$name")
        ;;
    esac
}

# The port may be taken between the choice and the start.
start() {
    local name=$1 status=4
    for _ in {1..5}; do
        ((status == 4)) || break
        status=0
        "$here/$name.sh" start "$run/$name" "$(free_port)" >&2 || status=$?
    done
    return "$status"
}

bring_up mariadb COLLECTOR_TEST_MYSQL
bring_up redis COLLECTOR_TEST_REDIS
bring_up s3 COLLECTOR_TEST_S3
bring_up moto COLLECTOR_TEST_S3_STRICT
bring_up opensearch COLLECTOR_TEST_SEARCH
bring_up elasticsearch COLLECTOR_TEST_ELASTICSEARCH

if ((${#missing[@]} > 0)) && [[ ${COLLECTOR_REQUIRE_SERVICES:-} == 1 ]]; then
    say "COLLECTOR_REQUIRE_SERVICES=1, but there is no ${missing[*]}: the reason is above"
    exit 1
fi
