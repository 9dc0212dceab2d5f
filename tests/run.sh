#!/usr/bin/env bash
# Every test of the workspace, against every server that can be had. Needs a Rust toolchain and a C compiler.
#
# Arguments go to `cargo test`, for example: ./tests/run.sh pipeline
# COLLECTOR_NO_SERVICES=1       starts no server; tests that need one are skipped with a line
# COLLECTOR_REQUIRE_SERVICES=1  a server that cannot be had fails the run
# COLLECTOR_TEST_MYSQL=…        and its like (tests/services/up.sh): a server of your own
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in cargo cc; do
    if ! command -v "$tool" >/dev/null; then
        echo "tests/run.sh: '$tool' is not on the PATH: install a Rust toolchain (rustup) and a C compiler" >&2
        exit 2
    fi
done

services=${COLLECTOR_SERVICES_DIR:-$PWD/target/services}
run=$services/run.$$

# Stops what a run that was killed has left behind.
sweep() {
    local folder pid
    for folder in "$services"/run.*/; do
        pid=${folder%/}
        pid=${pid##*.}
        if [[ -d $folder ]] && ! grep -qs run.sh "/proc/$pid/cmdline"; then
            tests/services/down.sh "$folder"
            rm -rf "$folder"
        fi
    done
}

# Logs of a run that failed are kept until the next one.
finish() {
    local status=$?
    tests/services/down.sh "$run"
    if ((status == 0)); then
        rm -rf "$run"
    else
        echo "tests/run.sh: the servers' logs are in $run" >&2
    fi
}

if [[ ${COLLECTOR_NO_SERVICES:-} != 1 ]]; then
    sweep
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    found=$(COLLECTOR_SERVICES_RUN=$run tests/services/up.sh)
    eval "$found"
fi

if (($# == 0)) && [[ -n ${COLLECTOR_TEST_ELASTICSEARCH:-} && -n ${COLLECTOR_TEST_SEARCH:-} ]]; then
    # What is asked of a search server is asked of both kinds.
    COLLECTOR_TEST_SEARCH=$COLLECTOR_TEST_ELASTICSEARCH cargo test --workspace --locked --test it elasticsearch
fi
cargo test --workspace --locked "$@"
