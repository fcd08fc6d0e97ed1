# shellcheck shell=bash
# An apt beside the machine's own, for what is unpacked and not installed: packages of another release or another
# architecture, and sources. It reads the machine's own archive, verifies it by the keys that the machine trusts, and
# has lists of its own; the machine's sources, lists and packages stay as they are.
#
# It is sourced after lib.sh, and knows nothing of what the packages are for.

# The distribution's own archive, as apt itself reads it from whatever the machine's sources look like.
archive() {
    local origin=Debian uri
    [[ " $(os_release ID) $(os_release ID_LIKE) " != *ubuntu* ]] || origin=Ubuntu
    # shellcheck disable=SC2016 # the dollars are apt's
    uri=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
        awk -v o="$origin" -v c="$(os_release VERSION_CODENAME)" '$1 == o && $2 == c && !n++ { print $3 }')
    [[ -n $uri ]] || die "apt's sources name no archive of $origin $(os_release VERSION_CODENAME) here"
    printf '%s' "$uri"
}

# What holds the keys that sign the archive.
keyring_package() {
    case " $(os_release ID) $(os_release ID_LIKE) " in
    *ubuntu*) printf 'ubuntu-archive-keyring' ;;
    *) printf 'debian-archive-keyring' ;;
    esac
}

# Its file below $1, of whichever name.
keyring_below() {
    local file
    for file in "$1/usr/share/keyrings/$(keyring_package)".{pgp,gpg}; do
        [[ -r $file ]] && printf '%s' "$file" && return
    done
    return 1
}

# A newer release may be signed by keys younger than the installed keyring. The machine's own archive,
# verified by the keys that the machine trusts, has the keyring's newest version for this release.
newer_keyring() {
    local directory=$1
    mkdir -p "$directory"
    (cd "$directory" &&
        apt-get -qq -o "APT::Sandbox::User=$(id -un)" download "$(keyring_package)" >&2 &&
        dpkg-deb -x "$(keyring_package)"_*.deb .) || return 1
    keyring_below "$directory"
}

# Sources $4 and so on: "deb URI SUITE", "deb-src URI SUITE".
write_apt_configuration() {
    local directory=$1 architectures=$2 keyring=$3 type rest
    shift 3
    mkdir -p "$directory"/{lists/partial,cache/archives/partial}
    : >"$directory/status"
    printf '%s\n' "$@" | while read -r type rest; do
        printf '%s [signed-by=%s] %s main\n' "$type" "$keyring" "$rest"
    done >"$directory/sources.list"
    # (apt's own user could not write below a home directory.)
    cat >"$directory/apt.conf" <<CONF
Dir::Etc::sourcelist "$directory/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$directory/lists";
Dir::State::status "$directory/status";
Dir::Cache "$directory/cache";
APT::Sandbox::User "$(id -un)";
APT::Architecture "${architectures%% *}";
#clear APT::Architectures;
APT::Architectures { "${architectures// /\"; \"}"; };
CONF
}

# Error-Mode=any: without it a failed verification is only a warning.
update_apt_of() { APT_CONFIG=$1/apt.conf apt-get -qq -o APT::Update::Error-Mode=any update >&2; }

# Sets up the separate apt in directory $1 for these architectures (the first is what a name without one means) and sources,
# its lists fetched and their signatures verified. APT_CONFIG=$1/apt.conf makes a command use it.
open_archive() {
    local directory=$1 architectures=$2 keyring
    shift 2
    keyring=$(keyring_below '') || keyring=/nonexistent
    write_apt_configuration "$directory" "$architectures" "$keyring" "$@"
    update_apt_of "$directory" && return
    say "the installed $(keyring_package) does not verify: $*; trying that package's newest version for this release"
    keyring=$(newer_keyring "$directory/keyring") || die "$(keyring_package) cannot be downloaded"
    write_apt_configuration "$directory" "$architectures" "$keyring" "$@"
    update_apt_of "$directory" ||
        die "cannot be fetched, or not verified by the keys that this machine trusts: $*"
}

# Unpacks packages $3 and so on, as NAME or NAME:ARCHITECTURE, of the apt in $1 into the folder $2.
unpack_packages() {
    local apt=$1 into=$2 debs=$1/debs
    shift 2
    mkdir -p "$debs" "$into"
    (cd "$debs" && APT_CONFIG=$apt/apt.conf apt-get -qq download "$@" >&2) || die "apt cannot download: $*"
    local deb
    for deb in "$debs"/*.deb; do
        dpkg-deb -x "$deb" "$into"
    done
    rm -rf "$debs"
}
