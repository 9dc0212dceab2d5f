#!/usr/bin/env bash
# Redis from Debian's package. See lib.sh for how it is called.
set -euo pipefail
# shellcheck source=tests/services/lib.sh
. "$(dirname "$0")/lib.sh"

start_server() {
    local dir=$1 port=$2 secret
    need_packages redis-server redis-server redis-cli
    secret=$(secret_of "$dir")
    (umask 077 && sed "s/@PASSWORD@/$secret/" "$here/rights/redis.acl" >"$dir/users.acl")
    launch "$dir" redis-server --bind 127.0.0.1 --port "$port" --dir "$dir/data" --save "" --appendonly no \
        --aclfile "$dir/users.acl" --daemonize no
    wait_until "$dir" "$port" 20 answers "$port" "$secret"
    export_line COLLECTOR_TEST_REDIS "redis://:$secret@127.0.0.1:$port/0" >"$dir/env"
}

answers() {
    [[ $(REDISCLI_AUTH=$2 redis-cli -h 127.0.0.1 -p "$1" ping) == PONG ]]
}

main "$@"
