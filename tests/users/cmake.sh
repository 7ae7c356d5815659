#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A CMake project finds what a build installs: find_package(ksem) gives it the shared library, or the static one where
# that alone is there; wherever the tree was moved to; in versions that fit, and no others.
#   tests/users/cmake.sh BUILD SOURCE LIBRARIES     LIBRARIES: which the build installs: shared, static or both
# Skipped (77) without CMake.
set -u
build=$(realpath "$1") source=$(realpath "$2") libraries=$3
command -v cmake >/dev/null || { echo 'skipped: no cmake'; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/../checks.bash"
unset LD_LIBRARY_PATH CMAKE_PREFIX_PATH ksem_ROOT ksem_DIR LDFLAGS
export CMAKE_GENERATOR=Ninja

DESTDIR=$work/both meson install -C "$build" --no-rebuild >"$work/log" 2>&1 || {
	cat "$work/log"
	exit 1
}
config=$(find "$work/both" -name ksemConfig.cmake)
[ -n "$config" ] || { echo 'FAILED: no ksemConfig.cmake was installed'; exit 1; }
prefix=$(dirname "$(dirname "$(find "$work/both" -path '*/include/ksem' -type d)")")
prefix=${prefix#"$work/both"}

# less NAME PATTERN...: a copy of what was installed, in another place, without these libraries
less() {
	local name=$1 pattern
	shift
	cp -r "$work/both" "$work/$name"
	for pattern; do
		find "$work/$name" -name "$pattern" -delete
	done
}

# finds TREE BUILD OPTION...: the project is set up with what is installed in the tree
finds() {
	local tree=$1 to=$work/builds/$2
	shift 2
	cmake -S "$source/tests/users/cmake" -B "$to" -DCONSUMER="$source/tests/users/subproject" \
		-DCMAKE_PREFIX_PATH="$work/$tree$prefix" "$@" ||
		return 1
	grep -q "^ksem_DIR:[A-Z]*=$work/$tree/" "$to/CMakeCache.txt"
}

# works TREE BUILD OPTION...: and is built, and its programs run
works() {
	finds "$@" && cmake --build "$work/builds/$2" && (cd "$work/builds/$2" && ctest --output-on-failure)
}

# refuses WORDS TREE BUILD OPTION...: find_package fails, and says that
refuses() {
	local words=$1
	shift
	! finds "$@" >"$work/said" 2>&1 || return 1
	cat "$work/said"
	tr -s ' \n' ' ' <"$work/said" | grep -qF -- "$words"
}

needs_libksem() { # PROGRAM yes-or-no
	readelf -d "$1" >"$work/dynamic" || return 1
	if grep 'NEEDED.*\[libksem\.so\.0\]' "$work/dynamic"; then
		[ "$2" = yes ]
	else
		[ "$2" = no ]
	fi
}

has_no_interpreter() { # PROGRAM
	readelf -l "$1" >"$work/segments" && ! grep INTERP "$work/segments"
}

static=$([ "$libraries" = shared ] || [ -z "$("${CC:-cc}" -print-file-name=liburcu-bp.a | grep /)" ] || echo yes)
shared=$([ "$libraries" = static ] || echo yes)
version=$(sed -n "s/^ *version: '\(.*\)',$/\1/p" "$source/meson.build" | head -n 1)
major=${version%%.*} next=$((${version%%.*} + 1))

if [ "$shared" ]; then
	less 'a moved tree' libksem.a
	check 'the shared library, in a path with spaces' works 'a moved tree' shared -DTARGETS=ksem
	for program in ksem-c ksem-cc; do
		check "... $program needs libksem.so" needs_libksem "$work/builds/shared/$program" yes
	done
fi
if [ "$static" ]; then
	less static 'libksem.so*'
	check 'the static library, where there is no other' works static static -DTARGETS=ksem -DALL_STATIC=ON
	check '... ksem-c needs no libksem.so' needs_libksem "$work/builds/static/ksem-c" no
	check '... a program that is all static' has_no_interpreter "$work/builds/static/all-static"
	check 'the static library, and no liburcu' refuses "libksem.a needs liburcu-bp" static no-urcu \
		-DCMAKE_FIND_ROOT_PATH=/nowhere -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY
fi
if [ "$shared" ] && [ "$static" ]; then
	check 'either, where both are' works both both '-DTARGETS=ksem;ksem_static'
	check '... ksem::ksem needs libksem.so' needs_libksem "$work/builds/both/ksem-c" yes
	check '... ksem::ksem_static needs none' needs_libksem "$work/builds/both/ksem_static-cc" no
fi
less none 'libksem.so*' libksem.a
check 'no library' refuses 'There is no libksem.so or libksem.a' none none

for wanted in "$version" "$version;EXACT" "$major" "$major.0.1...$next" "$major.0.1...$version"; do
	check "version $wanted" finds both versions "-DVERSION=$wanted"
done
for wanted in "$version.1" "$next" "$major.0.1;EXACT" "$major.0.1...<$version" "$version.1...$next"; do
	check "... not version $wanted" refuses 'considered but not accepted' both versions "-DVERSION=$wanted"
done

exit $failed
