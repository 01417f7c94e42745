# Sourced by the scripts that need programs which may be missing.

install() { # package...
    command -v apt-get >/dev/null || {
        echo "install these, and run it again: $*" >&2
        return 1
    }
    echo "installing $*"
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq || return
    # Only the programs are wanted, not a service that runs.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
