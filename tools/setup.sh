# Sourced by ./check and ./explore: installs what a fresh Debian or Ubuntu machine lacks, and
# points cargo at a build cache outside the clone.

say() { printf '%s\n' "== $*" >&2; }

# need_packages NAME...: Debian packages, installed as root or with sudo where missing.
need_packages() {
    command -v dpkg >/dev/null || {
        say "Not a Debian or Ubuntu machine. Please install the equivalents of: $*"
        return 0
    }
    local missing=() package
    for package in "$@"; do
        dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    local as_root=""
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            say "Missing packages, and neither root nor sudo: apt-get install ${missing[*]}"
            return 1
        }
        as_root=sudo
    fi
    say "Installing ${missing[*]}"
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Cargo from the path, from rustup's usual place, or installed there for this user alone.
# `rust-toolchain.toml` picks the version.
need_rust() {
    command -v cargo >/dev/null && return 0
    export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    command -v cargo >/dev/null && return 0
    need_packages curl ca-certificates
    say "Installing Rust with rustup"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
        sh -s -- -y -q --profile minimal --default-toolchain none --no-modify-path || {
        say "Rust is missing and could not be installed. See https://rustup.rs, then run this again."
        return 1
    }
}

cache="${XDG_CACHE_HOME:-$HOME/.cache}/layerscope"

# Keyed by toolchain and lock file; a new key starts from the newest older cache.
use_cache() {
    local key newest
    key="$( (rustc --version; cat Cargo.lock) | sha256sum | cut -c1-16)"
    export CARGO_TARGET_DIR="$cache/target-$key"
    if [ ! -d "$CARGO_TARGET_DIR" ]; then
        mkdir -p "$cache"
        newest="$(find "$cache" -maxdepth 1 -name "target-*" -printf "%T@ %p\n" | sort -rn | head -1 | cut -d" " -f2)"
        if [ -n "$newest" ]; then mv "$newest" "$CARGO_TARGET_DIR"; fi
    fi
    # Cargo keeps what it built of every earlier state of the source; dependencies stay.
    if [ "$(du -s --block-size=1G "$CARGO_TARGET_DIR" | cut -f1)" -gt 45 ]; then
        say "The build cache has outgrown 45 GiB: the workspace's own part is built again"
        cargo clean --workspace --quiet
        rm -rf "$CARGO_TARGET_DIR/debug/incremental"
    fi
}
