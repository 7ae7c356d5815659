#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The crate ksem, built offline by Debian's compiler from Debian's crates: its tests, its documentation, the programs of
# docs/rust.md; with the library that pkg-config names, and with libksem.a of a folder.
#   bindings/rust/tests/rust.sh BUILD SOURCE
# Builds in BUILD/bindings/rust, where the next run finds what this one has compiled. Skipped (77) without cargo or the
# crates: tools/install rust.
set -u
build=$(realpath "$1") source=$(realpath "$2")
registry=/usr/share/cargo/registry
for needed in /usr/bin/cargo "$registry"/libc-0.2* "$registry"/tokio-1.* "$registry"/tokio-macros-1*; do
	[ -e "$needed" ] || { echo "skipped: no $needed (tools/install rust)"; exit 77; }
done
work=$build/bindings/rust
rm -rf "$work/tree"
mkdir -p "$work/tree/bindings" "$work/tree/docs" "$work/home" || exit 1
shm=$(mktemp -d -p "${KSEM_TEST_SHM:-/dev/shm}" ksem-rust-XXXXXX) || exit 77
trap 'rm -rf "$shm"' EXIT
. "$source/tests/checks.bash"

# cargo writes beside the manifest. Times are kept: by them it sees what has changed.
cp -a "$source/bindings/rust" "$work/tree/bindings/" && cp -a "$source/docs/rust.md" "$work/tree/docs/" || exit 1
cat >"$work/home/config.toml" <<CONFIG
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "$registry"
[net]
offline = true
CONFIG
export CARGO_HOME=$work/home RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTFLAGS='-D warnings'
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0 CARGO_INCREMENTAL=0
export KSEM_DIR=$shm KSEM_TEST_SHM=$shm LD_LIBRARY_PATH=$build/lib CC=${CC:-cc}
unset CARGO_BUILD_TARGET CARGO_TARGET_DIR RUSTUP_TOOLCHAIN KSEM_LIB_DIR KSEM_INCLUDE_DIR KSEM_STATIC

# in_target NAME COMMAND...: cargo, with what it builds in a folder of that name
in_target() {
	local target=$1
	shift
	(cd "$work/tree/bindings/rust" && CARGO_TARGET_DIR=$work/$target timeout 500 /usr/bin/cargo --quiet "$@")
}

by_pkg_config() {
	PKG_CONFIG_PATH=$build/meson-uninstalled in_target target "$@"
}

static() {
	KSEM_STATIC=1 KSEM_LIB_DIR=$build/lib in_target static test --test semaphores || return 1
	readelf -d "$(newest static 'semaphores-*' -executable)" >"$work/dynamic" &&
		! grep 'NEEDED.*libksem' "$work/dynamic"
}

# newest TARGET NAME...: what cargo made last of that name
newest() {
	find "$work/$1/debug/deps" -name "${@:2}" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-
}

# Each name that it links to is there. By rustdoc itself, since cargo would compile all crates again.
documentation() {
	cd "$work/tree/bindings/rust" && "$RUSTDOC" --edition 2021 --crate-name ksem src/lib.rs -o "$work/doc" \
		-D warnings --cfg 'feature="tokio"' -L dependency="$work/target/debug/deps" \
		--extern libc="$(newest target 'liblibc-*.rlib')" --extern tokio="$(newest target 'libtokio-*.rlib')"
}

finds_no_library() {
	! PKG_CONFIG_PATH='' PKG_CONFIG_LIBDIR="$shm" in_target static build 2>"$work/said" &&
		grep "pkg-config doesn't know ksem" "$work/said"
}

check 'tests, and the programs of docs/rust.md' by_pkg_config test --features tokio
check 'documentation' documentation
[ ! -e "$build/lib/libksem.a" ] || check 'without tokio, libksem.a of a folder' static
check 'no library is an error that says so' finds_no_library
[ -z "$(ls "$shm")" ] || { echo "FAILED: these are left: $(ls "$shm")"; failed=1; }
exit $failed
