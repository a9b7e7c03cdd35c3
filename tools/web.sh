#!/usr/bin/env bash
# The browser page: tools/web.sh build | serve [PORT] | test
#   build   makes web/dist
#   serve   builds, and serves the page on this machine alone
#   test    builds, and uses the page in headless Chromium
# LAYERSCOPE_WEB_QUICK=1 leaves the size work out: a larger page, sooner.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/setup.sh

dist=web/dist
target=wasm32-unknown-unknown
# What every browser with WebGPU has.
features=(--enable-bulk-memory --enable-bulk-memory-opt --enable-mutable-globals --enable-sign-ext
    --enable-nontrapping-float-to-int --enable-reference-types --enable-multivalue --enable-simd)

# Sets `compile` to a cargo that can build for wasm: rustup's target where it is installed,
# otherwise Debian's compiler, which builds the standard library itself.
find_compiler() {
    local sysroot host wanted
    sysroot="$(rustc --print sysroot)"
    host="$(rustc -vV | sed -n 's/^host: //p')"
    wanted="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)"
    compile=(cargo build)
    if [ -d "$sysroot/lib/rustlib/$target/lib" ]; then return; fi
    if command -v dpkg >/dev/null && need_packages rustc-web cargo-web rust-web-src &&
        dpkg --compare-versions "$(dpkg-query -Wf '${Version}' rustc-web)" ge "$wanted"; then
        export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
        export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="$sysroot/lib/rustlib/$host/bin/rust-lld"
        compile=(/usr/bin/cargo build -Zbuild-std=std,panic_abort)
        return
    fi
    command -v rustup >/dev/null || {
        say "Rust cannot compile for $target here. Install that target, with rustup: rustup target add $target"
        return 1
    }
    rustup target add "$target"
}

# Node's packages, in the cache; a link makes them found.
need_node() {
    command -v node >/dev/null || need_packages nodejs npm
    local modules
    modules="$cache/node-$(sha256sum web/package-lock.json | cut -c1-16)"
    if [ ! -d "$modules/node_modules" ]; then
        say "Node packages"
        mkdir -p "$modules"
        cp web/package.json web/package-lock.json "$modules"
        npm ci --prefix "$modules" --silent --no-audit --no-fund
    fi
    ln -sfn "$modules/node_modules" web/node_modules
}

# The program that makes JavaScript for the module; it wants the version of the library.
need_bindgen() {
    local version
    version="$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)"
    bindgen="$cache/wasm-bindgen-$version/bin/wasm-bindgen"
    if [ -x "$bindgen" ]; then return; fi
    say "wasm-bindgen $version"
    # Without its own network code; `--locked` is left out because its list names withdrawn crates.
    cargo install --quiet wasm-bindgen-cli --version "$version" --no-default-features --bin wasm-bindgen \
        --root "$cache/wasm-bindgen-$version" --target-dir "$cache/bindgen"
    rm -rf "$cache/bindgen"
}

build() {
    need_rust
    need_packages build-essential brotli
    need_node
    need_bindgen
    find_compiler
    export CARGO_TARGET_DIR="$cache/web"
    # Paths of this machine stay out of the module; those of the clone are relative anyway, and
    # naming it here would compile everything again in the next one.
    export RUSTFLAGS="--cfg getrandom_backend=\"wasm_js\" -C target-feature=+simd128 \
        --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    local optimize=(-Oz)
    if [ -n "${LAYERSCOPE_WEB_QUICK:-}" ]; then
        export CARGO_PROFILE_WEB_LTO=off CARGO_PROFILE_WEB_CODEGEN_UNITS=16
        optimize=()
    fi
    say "The page's module"
    "${compile[@]}" --locked --target "$target" --profile web -p app
    rm -rf "$dist"
    mkdir -p "$dist"
    "$bindgen" --target web --no-typescript --out-dir "$dist" --out-name layerscope \
        "$CARGO_TARGET_DIR/$target/web/layerscope.wasm"
    local module="$dist/layerscope_bg.wasm" raw
    raw="$(stat -c %s "$module")"
    if [ ${#optimize[@]} -gt 0 ]; then
        say "wasm-opt ${optimize[*]}"
        web/node_modules/.bin/wasm-opt "${optimize[@]}" "${features[@]}" "$module" -o "$module"
        brotli --force --quality=11 --lgwin=24 "$module"
    else
        brotli --force --quality=4 "$module"
    fi
    sed "s/^const TOTAL = 0;/const TOTAL = $(stat -c %s "$module");/" web/page.js >"$dist/page.js"
    cp web/index.html "$dist"
    say "$module: $raw bytes, $(stat -c %s "$module") after wasm-opt, $(stat -c %s "$module.br") with brotli"
}

case "${1:-build}" in
build) build ;;
serve)
    build
    exec node web/serve.mjs "$dist" "${2:-8080}"
    ;;
test)
    need_packages chromium
    build
    say "The page in Chromium"
    node web/test.mjs
    ;;
*)
    say "tools/web.sh build | serve [PORT] | test"
    exit 2
    ;;
esac
