#!/bin/sh
# Fuzzes one source: ./fuzz/run.sh TARGET [flags of libFuzzer]. It needs a C++ compiler, and no toolchain but the one of the workspace: RUSTC_BOOTSTRAP lets that one take the coverage flags.
set -eu
cd "$(dirname "$0")"
target=$1
shift
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
for part in inline-8bit-counters pc-table trace-compares; do
    coverage="$coverage -Cllvm-args=-sanitizer-coverage-$part"
done
# With `--target`, build scripts and macros are built without these flags: they could not be linked.
RUSTC_BOOTSTRAP=1 RUSTFLAGS="$coverage -Ccodegen-units=1" cargo build --release --locked --target "$host" --bin "$target"
# What the fuzzer begins with, and only reads: the recorded answers, and the fixtures of the source if it has any.
mkdir -p "corpus/$target" "corpus/$target.seeds" "artifacts/$target"
fixtures=../collector-sources/tests/fixtures/$target
[ -d "$fixtures" ] || fixtures=
export SEEDS="corpus/$target.seeds"
exec "${CARGO_TARGET_DIR:-target}/$host/release/$target" "-artifact_prefix=artifacts/$target/" \
    -timeout=10 -rss_limit_mb=2048 -max_len=65536 "$@" "corpus/$target" "corpus/$target.seeds" $fixtures
