#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A project that has ksem as a subproject gets the libraries that default_library says, links the right one, from C and
# C++, and gets nothing of ours that it didn't ask for: no tests, no programs, no tools, no manual.
#   tests/users/subproject.sh SOURCE
set -u
source=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/../checks.bash"
cp -r "$source/tests/users/subproject" "$work/consumer"
mkdir "$work/consumer/subprojects"
ln -s "$source" "$work/consumer/subprojects/ksem"

builds_and_runs() { # BUILD OPTION...
	local build=$work/$1
	shift
	meson setup "$build" "$work/consumer" --buildtype=debug --wrap-mode=forcefallback \
		-Dwerror=true --libdir=lib "$@" || return 1
	ninja -C "$build" || return 1
	meson test -C "$build" || return 1
	DESTDIR=$build.installed meson install -C "$build" --no-rebuild
}

# The tests of the project are the consumer's two: meson lists those of subprojects too.
has_no_more_tests() { # BUILD
	meson test -C "$work/$1" --list --no-rebuild 2>/dev/null | sed 's/.* //' | sort >"$work/tests"
	printf '%s\n' c cc | diff - "$work/tests"
}

# Headers, libraries, what pkg-config and CMake find them by, and the two programs of the consumer.
installs_just() { # BUILD LIBRARY...
	local build=$1
	shift
	(cd "$work/$build.installed/usr/local" && find . ! -type d) | sort >"$work/files"
	{
		printf './%s\n' bin/consumer-{c,cc} lib/pkgconfig/ksem.pc lib/cmake/ksem/ksemConfig{,Version}.cmake
		printf './include/ksem/%s.h\n' {inline,ksem,version} arch/{aarch64,none,x86_64}
		echo ./include/ksem/ksem.hpp
		printf './lib/%s\n' "$@"
	} | sort | diff - "$work/files"
}

links() { # BUILD shared-or-static
	local program
	for program in "$work/$1"/consumer-c "$work/$1"/consumer-cc; do
		readelf -d "$program" >"$work/dynamic" || return 1
		case $2 in
		shared) grep -q 'NEEDED.*libksem\.so\.0' "$work/dynamic" || return 1 ;;
		static) ! grep -q 'NEEDED.*libksem' "$work/dynamic" || return 1 ;;
		esac
	done
}

version=$(sed -n "s/^ *version: '\(.*\)',$/\1/p" "$source/meson.build" | head -n 1)
shared=(libksem{,_posix}.so{,.0,".$version"})
static=(libksem.a libksem_posix.a)

if [ -n "${KSEM_TEST_WIDE-}" ]; then
	check 'with both libraries' builds_and_runs both -Dksem:default_library=both
	check '... linked shared' links both shared
	check '... and both installed, and no tools' installs_just both "${shared[@]}" "${static[@]}"
	check 'with the shared ones, asked for by the project' builds_and_runs shared -Ddefault_library=shared \
		-Dksem:default_library=shared
	check '... linked shared' links shared shared
	check '... and those installed' installs_just shared "${shared[@]}"
else
	echo 'skipped: with the static ones alone: KSEM_TEST_WIDE is not set'
fi
# With jemalloc, where it is: an archive that needs another, whose package says less than it needs.
allocator=$(pkg-config --exists jemalloc && echo jemalloc || echo auto)
check "with the static ones, allocator: $allocator" \
	builds_and_runs static -Dksem:default_library=static -Dksem:allocator="$allocator"
check '... no tests but its own' has_no_more_tests static
check '... linked static' links static static
check '... and those installed, and no tools' installs_just static "${static[@]}"

# Against the static one, as it was installed, and what its ksem.pc says.
pc_is_enough() { # OPTION...
	local installed=$work/static.installed/usr/local
	PKG_CONFIG_PATH=$installed/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work/static.installed \
		pkg-config --cflags --libs ksem >"$work/flags" || return 1
	# shellcheck disable=SC2046 # options are words
	${CC:-cc} "$@" "$work/consumer/consumer.c" -o "$work/by-pc" $(cat "$work/flags") && "$work/by-pc"
}
check '... whose ksem.pc says all that a program needs' pc_is_enough
[ -z "$(${CC:-cc} -print-file-name=liburcu-bp.a | grep /)" ] ||
	check '... and one that is all static' pc_is_enough -static

exit $failed
