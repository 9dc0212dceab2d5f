#!/usr/bin/env bash
# s3s-fs: S3 on a folder. It checks signatures and conditional writes, which is what matters here; it knows no rights, and
# makes a bucket that is missing. See lib.sh for how it is called.
set -euo pipefail
# shellcheck source=tests/services/lib.sh
. "$(dirname "$0")/lib.sh"

# The newest one that the compiler of this workspace can build.
version=0.14.1
bucket=collector

start_server() {
    local dir=$1 port=$2 secret
    local root="$services_dir/cache/s3s-fs-$version"
    install_once "$root"
    secret=$(secret_of "$dir")
    mkdir -p "$dir/data/$bucket"
    launch "$dir" "$root/bin/s3s-fs" --host 127.0.0.1 --port "$port" --access-key collector --secret-key "$secret" \
        "$dir/data"
    wait_until "$dir" "$port" 20 speaks_http "$port"
    {
        export_line COLLECTOR_TEST_S3 "http://127.0.0.1:$port/$bucket"
        export_line COLLECTOR_TEST_S3_ACCESS_KEY collector
        export_line COLLECTOR_TEST_S3_SECRET_KEY "$secret"
    } >"$dir/env"
}

# Builds it below the cache, for the first time; some minutes.
install_once() {
    local root=$1 build
    if [[ -x $root/bin/s3s-fs ]]; then
        return
    fi
    command -v cargo >/dev/null || not_available "cargo not found: s3s-fs is built from source"
    say "building s3s-fs $version"
    mkdir -p "$root"
    # A folder of its own: two checkouts may share the cache.
    build=$(mktemp -d "$root/build.XXXXXX")
    if ! CARGO_TARGET_DIR="$build" cargo install s3s-fs --version "$version" --features binary --locked --quiet \
        --root "$root" >&2; then
        rm -rf "$build"
        not_available "cargo could not install s3s-fs $version"
    fi
    rm -rf "$build"
}

main "$@"
