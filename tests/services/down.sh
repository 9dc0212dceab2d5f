#!/usr/bin/env bash
# Stops the servers that up.sh started, each by its pid: down.sh [FOLDER]. Of what they wrote only the logs stay.
set -euo pipefail
# shellcheck source=tests/services/lib.sh
. "$(dirname "$0")/lib.sh"

run=${1:-${COLLECTOR_SERVICES_RUN:-$services_dir/run}}
for dir in "$run"/*/; do
    script="$here/$(basename "$dir").sh"
    if [[ -x $script ]]; then
        "$script" stop "$dir"
        find "$dir" -mindepth 1 -maxdepth 1 ! -name 'log*' -exec rm -rf {} +
    fi
done
