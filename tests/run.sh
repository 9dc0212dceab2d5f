#!/usr/bin/env bash
# Every test of the workspace. Needs a Rust toolchain and a C compiler, nothing else.
#
# Arguments go to `cargo test`, for example: ./tests/run.sh pipeline
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in cargo cc; do
    if ! command -v "$tool" >/dev/null; then
        echo "tests/run.sh: '$tool' is not on the PATH: install a Rust toolchain (rustup) and a C compiler" >&2
        exit 2
    fi
done

cargo test --workspace --locked "$@"
