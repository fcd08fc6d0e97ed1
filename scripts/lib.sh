# shellcheck shell=bash
# What every script here needs before it can do its own work: where the project and the cache are, how to
# speak and to give up, which system this is, how packages that are missing get installed, a cargo that is new
# enough, and how a step is announced and timed. It is sourced, does nothing by being sourced but set names, and
# knows nothing of cameras, tests or windows.
#
# Standard output belongs to the script that sources this (camera-lab prints lines to be evaluated), so
# everything said here goes to stderr; only steps are announced where their own output goes.

# A function that fails inside $(…) must fail the script as it would outside.
shopt -s inherit_errexit

# shellcheck disable=SC2034 # for those who source this
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/pi-stream

# The edition and the lock file need this cargo; Debian 13 and Raspberry Pi OS (trixie) have it.
CARGO_NEEDED=1.85

# The crate libcamera, which the feature camera brings, uses what the standard library has from here on; no
# release of Debian or Raspberry Pi OS has it as its package cargo.
# shellcheck disable=SC2034
CARGO_NEEDED_FOR_CAMERA=1.87

# apt is often busy with its own daily work on a freshly started machine: wait for it rather than fail.
APT_LOCK_SECONDS=300

say() { printf '%s\n' "$*" >&2; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# --- which system -------------------------------------------------------------------------------------

# A field of os-release, in a subshell because that file sets names as it likes.
os_release() (
    [[ -r /etc/os-release ]] || exit 0
    # shellcheck source=/dev/null
    . /etc/os-release
    printf '%s' "${!1-}"
)

# Debian, Ubuntu, Raspberry Pi OS (whose ID is debian or raspbian) and what calls itself like them.
is_debian_like() {
    [[ " $(os_release ID) $(os_release ID_LIKE) " =~ \ (debian|ubuntu|raspbian)\  ]] &&
        command -v apt-get >/dev/null
}

# Where releases are built: its C library is the oldest that they run with.
is_debian_12_amd64() {
    [[ "$(os_release ID) $(os_release VERSION_ID)" == "debian 12" && $(dpkg --print-architecture) == amd64 ]]
}

# --- being root, and not being it ---------------------------------------------------------------------

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "needs root for: $* (run it as root, or install sudo)"
    fi
}

# Under sudo, only the packages need root. What is built and run afterwards belongs to the person who typed
# sudo: their cargo, their cache, their display, and no file of root's left in their checkout. setpriv and
# not sudo -u, because sudo strips the environment that the camera lab sets.
drop_sudo() {
    ((EUID == 0)) && [[ -n ${SUDO_UID-} && $SUDO_UID != 0 ]] || return 0
    # shellcheck disable=SC2153 # sudo sets all three
    local uid=$SUDO_UID gid=$SUDO_GID user=$SUDO_USER home
    home=$(getent passwd "$uid" | cut -d: -f6)
    [[ -d $home ]] || die "the user $user, who called sudo, has no home directory ($home)"
    unset SUDO_UID SUDO_GID SUDO_USER SUDO_COMMAND XDG_CACHE_HOME XDG_RUNTIME_DIR
    exec setpriv --reuid="$uid" --regid="$gid" --init-groups \
        env HOME="$home" USER="$user" LOGNAME="$user" "$0" "$@"
}

# --- packages -----------------------------------------------------------------------------------------

is_installed() {
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

missing_of() {
    local package
    for package; do
        is_installed "$package" || printf '%s\n' "$package"
    done
}

# Quiet unless it fails. noninteractive by env, because sudo would not pass it on.
apt_get() {
    local log
    log=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 \
        -o "DPkg::Lock::Timeout=$APT_LOCK_SECONDS" "$@" </dev/null 2>&1) && return
    say "$log"
    return 1
}

# Whether apt's lists name every one of these packages, with a version that can be installed.
apt_knows() {
    local package
    for package; do
        apt-cache policy "$package" | grep -E '^  Candidate: [^(]' >/dev/null || return 1
    done
}

# Fresh lists only where they are needed: an installed machine usually has them.
update_lists_for() {
    apt_knows "$@" && return
    say "apt's lists do not have all of: $* - updating them"
    apt_get update || die "apt-get update failed: is there a network?"
}

# What apt would lift to a newer version to install these, a name a line.
upgrades_for() {
    apt-get install -s --no-install-recommends "$@" 2>/dev/null |
        sed -nE 's/^Inst ([^ ]+) \[.*/\1/p'
}

# Installs those of the named packages that are not there. What is there stays: nothing is removed, and only
# what they depend on gets a newer version, where a machine has not had its last updates; which, is said.
install_missing() {
    if ! is_debian_like; then
        say "this is $(os_release PRETTY_NAME); packages are installed for Debian, Ubuntu and Raspberry Pi OS only."
        say "Make sure that what these Debian packages hold is there: $*"
        [[ ${PI_STREAM_PACKAGES-} == present ]] && return
        die "once it is, run this again with PI_STREAM_PACKAGES=present in the environment"
    fi
    local missing upgrades
    mapfile -t missing < <(missing_of "$@")
    ((${#missing[@]})) || return 0
    update_lists_for "${missing[@]}"
    apt_knows "${missing[@]}" || die "apt has no package for one of: ${missing[*]}"
    say "installing: ${missing[*]}"
    upgrades=$(upgrades_for "${missing[@]}" | paste -sd' ')
    [[ -z $upgrades ]] || say "upgrading, because they need it: $upgrades"
    apt_get install -y --no-install-recommends --no-remove "${missing[@]}" ||
        die "apt-get install failed: ${missing[*]}"
}

# What `cargo build` needs beside cargo: a C compiler, and cmake and nasm for the JPEG encoder.
# shellcheck disable=SC2034
BUILD_PACKAGES=(gcc libc6-dev make cmake nasm pkg-config ca-certificates)

# What the viewer's window opens when it runs (dlopen, so that no linker asks for them before).
# shellcheck disable=SC2034
WINDOW_PACKAGES=(libx11-6 libxcursor1)

# What runs the programs for Windows, and makes a library for it.
# shellcheck disable=SC2034
WINE_PACKAGES=(wine64 gcc-mingw-w64-x86-64-win32)

# --- cargo --------------------------------------------------------------------------------------------

# True if version $1 is at least version $2.
version_at_least() { [[ $(printf '%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }

# How to get a cargo of at least version $1.
how_to_get_cargo() {
    say "How to get cargo $1 or newer:"
    [[ $1 != "$CARGO_NEEDED" ]] ||
        say "  Debian 13, Raspberry Pi OS (trixie):  sudo apt install cargo rustfmt rust-clippy"
    say "  Debian 13, Raspberry Pi OS (trixie):  sudo apt install rustup && rustup default stable"
    say "  anywhere:  https://rustup.rs  (one line to paste, no root needed)"
}

# Puts cargo into PATH, also where only a login shell would have it there, and checks its age: at least $1,
# or what the project needs without the camera; $2 is what else would help. Call it after drop_sudo: rustup's
# cargo is its owner's alone.
require_cargo() {
    local needed=${1:-$CARGO_NEEDED} version
    command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    if ! command -v cargo >/dev/null; then
        how_to_get_cargo "$needed"
        die "there is no cargo"
    fi
    version=$(cargo --version | cut -d' ' -f2)
    version_at_least "$version" "$needed" && return
    how_to_get_cargo "$needed"
    die "cargo $version is too old: $needed or newer is needed${2:+; $2}"
}

# apt's cargo comes without these two; rustup's brings them or can add them.
install_lint_packages() {
    is_debian_like && is_installed cargo || return 0
    version_at_least "$(dpkg-query -W -f '${Version}' cargo)" "$CARGO_NEEDED" || return 0
    install_missing rustfmt rust-clippy
}

require_lints() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return
    command -v rustup >/dev/null ||
        die "cargo has no fmt or no clippy, and there is no rustup to add them: install rustfmt and clippy"
    say "adding rustfmt and clippy"
    rustup component add rustfmt clippy
}

# Prints where cargo's program $1 is in version $2. What is not there yet is built into the cache, and not into the
# user's own ~/.cargo/bin; what follows is for `cargo install`.
cargo_tool() {
    local name=$1 version=$2 root=$CACHE/$1-$2
    shift 2
    if [[ ! -x $root/bin/$name ]]; then
        say "building $name $version, once"
        cargo install --quiet --locked --root "$root" "$@" "$name@$version" >&2
    fi
    printf '%s' "$root/bin/$name"
}

# --- steps --------------------------------------------------------------------------------------------

TIMES=()

announce() { printf '\n== %s\n' "$*"; }

step() {
    local name=$1 began=$SECONDS
    shift
    announce "$name"
    "$@"
    TIMES+=("$(printf '%5d s  %s' "$((SECONDS - began))" "$name")")
}

print_times() {
    announce "Times"
    printf '%s\n' "${TIMES[@]}"
}
