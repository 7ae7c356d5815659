#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ksem.hpp with one compiler, in C++17 and C++20: cpp/*.cpp are built with warnings as errors and run, some of
# them under sanitizers. The checks of standard.cpp are made of std's semaphores as well: they are the standard's.
#   tests/users/cpp.sh LIBRARY SOURCE COMPILER     LIBRARY: the folder of libksem.so
# Ends with 77 (skipped) if the compiler isn't there. Clang's turn, which is as long, comes only with KSEM_TEST_WIDE, as
# do some of the programs in C++17.
set -u
library=$(realpath "$1") source=$(realpath "$2") compiler=$3
command -v "$compiler" >/dev/null || { echo "skipped: no $compiler"; exit 77; }
[ "$compiler" != clang++ ] || [ -n "${KSEM_TEST_WIDE-}" ] || { echo 'skipped: KSEM_TEST_WIDE is not set'; exit 77; }
work=$(mktemp -d -p "${KSEM_TEST_SHM:-/dev/shm}" ksem-cpp-XXXXXX) || exit 77
trap 'rm -rf "$work"' EXIT
mkdir "$work/default"
export KSEM_DIR=$work/default LD_LIBRARY_PATH=$library TSAN_OPTIONS=halt_on_error=1
tests=$source/tests/users/cpp
. "$(dirname "$0")/../checks.bash"

# build PROGRAM STANDARD OPTION... FILE...: one of tests/users/cpp
build() {
	local program=$work/$1 standard=$2
	shift 2
	"$compiler" -std="$standard" -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Werror \
		-I"$source/include" "$@" -o "$program" -L"$library" -lksem -pthread
}

# runs NAME STANDARD OPTION...: tests/users/cpp/NAME.cpp
runs() {
	local name=$1 standard=$2
	shift 2
	build "$name" "$standard" "$@" "$tests/$name.cpp" || return 1
	rm -rf "$work/shared"
	mkdir "$work/shared"
	set --
	case $name in semaphores | undo | coroutines) set -- "$work/shared" ;; esac
	timeout 100 "$work/$name" "$@"
}

# sanitizes SANITIZER: does the compiler have it, and does it run here?
sanitizes() {
	echo 'int main() { return 0; }' >"$work/empty.cpp"
	"$compiler" -fsanitize="$1" "$work/empty.cpp" -o "$work/empty" 2>/dev/null && "$work/empty" 2>/dev/null
}

# Where the compiler has sanitizers that run here, they replace plain builds.
thread='' address=''
! sanitizes thread || thread=-fsanitize=thread
! sanitizes address,undefined || address='-fsanitize=address,undefined -fno-sanitize-recover=all'
# wide WHAT COMMAND...: a check, with KSEM_TEST_WIDE
wide() {
	[ -z "${KSEM_TEST_WIDE-}" ] || check "$@"
}
[ -n "${KSEM_TEST_WIDE-}" ] || echo 'skipped: some programs in C++17: KSEM_TEST_WIDE is not set'

wrap=-Wl,--wrap=ksem_pinned_clockwait,--wrap=ksem_deadline_after

check 'standard, c++17' runs standard c++17 $thread
check 'standard, c++20' runs standard c++20
# Only built: libstdc++ 12's own semaphores don't always wake.
check "standard.cpp, of std's semaphores" build std_standard c++20 -DSTANDARD "$tests/standard.cpp"
wide 'storms, c++17' runs storms c++17 -O1 $thread
check 'storms, c++20' runs storms c++20 -O1
for name in permits semaphores; do
	wide "$name, c++17" runs $name c++17
	# shellcheck disable=SC2086 # options are words
	check "$name, c++20" runs $name c++20 $address
done
wide 'deadlines, c++17' runs deadlines c++17 $wrap
# shellcheck disable=SC2086
check 'deadlines, c++20' runs deadlines c++20 $wrap $address
wide 'undo, c++17' runs undo c++17 -Wl,--wrap=ksem_pin
# shellcheck disable=SC2086
check 'undo, c++20' runs undo c++20 -Wl,--wrap=ksem_pin $address
failing=-Wl,--wrap=ksem_cq_create,--wrap=ksem_cq_submit
# shellcheck disable=SC2086
check 'coroutines, c++20' runs coroutines c++20 $failing $address
# shellcheck disable=SC2086
check 'coroutines, c++20, threads' runs coroutines c++20 $failing -O1 $thread
for standard in c++17 c++20; do
	check "no_exceptions, $standard" runs no_exceptions $standard -fno-exceptions -fno-rtti "$tests/other_file.cpp"
done
[ "$(ls "$KSEM_DIR")" = '' ] || { echo "FAILED: names are left: $(ls "$KSEM_DIR")"; failed=1; }
exit $failed
