#!/usr/bin/env bash
# moto: a second S3, in memory, which is strict where s3s-fs is not: its user has the rights of rights/s3.json and no
# others, and a bucket that is missing is missing. See lib.sh for how it is called.
set -euo pipefail
# shellcheck source=tests/services/lib.sh
. "$(dirname "$0")/lib.sh"

version=5.2.5
bucket=collector

start_server() {
    local dir=$1 port=$2
    local root="$services_dir/cache/moto-$version"
    install_once "$root"
    # Making bucket, user, key and policy are the four calls that nobody has to sign; one more to see whether it is up
    # would be a fifth, so that is seen by its port.
    INITIAL_NO_AUTH_ACTION_COUNT=4 launch "$dir" "$root/bin/moto_server" -H 127.0.0.1 -p "$port"
    wait_until "$dir" "$port" 60 is_taken "$port"
    if ! (umask 077 && make_user "$root" "$port" >"$dir/env" 2>>"$dir/log"); then
        rm -f "$dir/env"
        fail "$dir" "the user for the tests could not be made"
    fi
}

# Builds its environment below the cache, for the first time; half a minute.
install_once() {
    local root=$1
    if [[ -f $root/complete ]]; then
        return
    fi
    python3 -c 'import ensurepip' 2>/dev/null || get_package python3-venv "python3 with ensurepip"
    say "installing moto $version"
    mkdir -p "$root"
    # Another run may be at it.
    (
        flock 9
        [[ -f $root/complete ]] || {
            python3 -m venv --clear "$root" && "$root/bin/pip" install --quiet "moto[server]==$version" &&
                touch "$root/complete"
        }
    ) 9>"$root.lock" >&2 || not_available "pip could not install moto $version"
}

# Prints the lines of `env`.
make_user() {
    "$1/bin/python" - "http://127.0.0.1:$2" "$bucket" "$here/rights/s3.json" <<'PYTHON'
import sys
import boto3

url, bucket, rights = sys.argv[1:]
anybody = dict(endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
iam = boto3.client("iam", **anybody)
boto3.client("s3", **anybody).create_bucket(Bucket=bucket)
iam.create_user(UserName="collector")
key = iam.create_access_key(UserName="collector")["AccessKey"]
policy = open(rights).read().replace("@BUCKET@", bucket)
iam.put_user_policy(UserName="collector", PolicyName="collector", PolicyDocument=policy)
print(f"export COLLECTOR_TEST_S3_STRICT='{url}/{bucket}'")
print(f"export COLLECTOR_TEST_S3_STRICT_ACCESS_KEY='{key['AccessKeyId']}'")
print(f"export COLLECTOR_TEST_S3_STRICT_SECRET_KEY='{key['SecretAccessKey']}'")
PYTHON
}

main "$@"
