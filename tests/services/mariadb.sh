#!/usr/bin/env bash
# MariaDB from Debian's package. See lib.sh for how it is called.
set -euo pipefail
# shellcheck source=tests/services/lib.sh
. "$(dirname "$0")/lib.sh"

start_server() {
    local dir=$1 port=$2 secret user
    # Debian keeps the server outside the PATH of ordinary users.
    PATH=$PATH:/usr/sbin:/sbin
    need_packages mariadb-server mariadbd mariadb-install-db mariadb-admin mariadb
    user=$(id -un)
    # A server that starts removes the temporary tables of others from a folder they share.
    mkdir -p "$dir/tmp"
    # Sockets have short names only, and a checkout may lie deep: this one is relative to the data.
    cat >"$dir/my.cnf" <<CNF
[mariadbd]
datadir=$dir/data
tmpdir=$dir/tmp
socket=$port.sock
pid-file=$dir/data/mariadbd.pid
bind-address=127.0.0.1
port=$port
user=$user
skip-name-resolve
character-set-server=utf8mb4
CNF
    # By force: it also works where the machine's own name cannot be looked up.
    if [[ ! -d $dir/data/mysql ]] && ! (cd "$dir" && mariadb-install-db --defaults-file="$dir/my.cnf" --user="$user" \
        --auth-root-authentication-method=socket --auth-root-socket-user="$user" --skip-test-db --force) >>"$dir/log" 2>&1; then
        fail "$dir" "mariadb-install-db failed"
    fi
    launch "$dir" mariadbd --defaults-file="$dir/my.cnf"
    wait_until "$dir" "$port" 60 admin "$dir" "$port" mariadb-admin ping

    secret=$(secret_of "$dir")
    if ! sed "s/@PASSWORD@/$secret/" "$here/rights/mysql.sql" | admin "$dir" "$port" mariadb >>"$dir/log" 2>&1; then
        fail "$dir" "the user for the tests could not be made"
    fi
    export_line COLLECTOR_TEST_MYSQL "mysql://collector:$secret@127.0.0.1:$port/collector" >"$dir/env"
}

# A client as the server's administrator: admin DIR PORT CLIENT...
admin() {
    local dir=$1 port=$2 client=$3
    shift 3
    (cd "$dir/data" && "$client" --no-defaults --protocol=socket --socket="$port.sock" "$@")
}

main "$@"
