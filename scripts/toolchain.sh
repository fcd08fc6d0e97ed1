# shellcheck shell=bash
# Debian 12's own rustc, unpacked into the cache and not installed, where it would take the place of the machine's own: what
# releases are built with.
#
# It is sourced after lib.sh and archive.sh.

# What rustc-web is of in Debian 12's archive; its security updates have newer ones, but not for all architectures.
RUST_WEB=1.85

# What that cargo and that rustc are linked with.
# shellcheck disable=SC2034 # for those who source this
TOOLCHAIN_LIBRARIES=(libcurl4 libhttp-parser2.9 libpcre3 libsqlite3-0 libssh2-1 libssl3 libedit2 libxml2 libz3-4)

# The packages of this name that $1 depends on: their names contain versions.
dependency() { apt-cache show --no-all-versions "$1" | sed -n 's/^Depends: //p' | grep -oE "$2[^ ,]*" | head -n 1; }

unpack_toolchain() (
    local work=$1 runtime llvm
    open_archive "$work/apt" "amd64 arm64 armhf" "deb $(archive) bookworm"
    export APT_CONFIG=$work/apt/apt.conf
    runtime=$(dependency libstd-rust-web-dev libstd-rust-web-)
    [[ $runtime == "libstd-rust-web-$RUST_WEB" ]] || die "Debian 12 has $runtime; expected libstd-rust-web-$RUST_WEB"
    llvm=$(dependency "$runtime" libllvm)
    unpack_packages "$work/apt" "$work/toolchain" cargo-web rustc-web "$runtime" "$llvm" \
        libstd-rust-web-dev:{amd64,arm64,armhf}
)

# Puts that cargo and rustc before all others for the rest of this script.
enter_toolchain() {
    local toolchain=$CACHE/rust-web-$RUST_WEB work
    if [[ ! -d $toolchain ]]; then
        say "unpacking Debian 12's rustc-web $RUST_WEB into $toolchain, once"
        mkdir -p "$CACHE"
        work=$(mktemp -d "$CACHE/toolchain.XXXXXX")
        unpack_toolchain "$work"
        mv -T "$work/toolchain" "$toolchain"
        rm -rf "$work"
    fi
    export PATH=$toolchain/usr/bin:$PATH LD_LIBRARY_PATH=$toolchain/usr/lib/x86_64-linux-gnu
    unset RUSTC CARGO_ENCODED_RUSTFLAGS
    export RUSTC_WRAPPER=$ROOT/scripts/rustc-wrapper
    # Panics name source files: where these lay on this machine is nobody's business.
    export RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$ROOT=/pi-stream"
    cargo --version >&2
}

# Adds the standard library's sources to it, of which it is built for Windows: Debian 12 has none that is built for that.
add_sources() {
    local library=$CACHE/rust-web-$RUST_WEB/usr/lib/rustlib/src/rust/library work
    [[ ! -d $library ]] || return 0
    say "unpacking the standard library's sources, once"
    work=$(mktemp -d "$CACHE/sources.XXXXXX")
    open_archive "$work/apt" amd64 "deb $(archive) bookworm"
    unpack_packages "$work/apt" "$work/sources" rust-web-src
    mkdir -p "$(dirname "$library")"
    mv -T "$work"/sources/usr/src/rustc-*/library "$library"
    rm -rf "$work"
}
