#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Tools that watch a program report nothing about a correct one that uses the library as it is installed
# (watched.c), and report each mistake of an incorrect one: ThreadSanitizer and MemorySanitizer as gcc and clang
# have them, Helgrind and DRD. Says which of them aren't here.
#   tests/users/watched.sh LIBRARY SOURCE VALGRIND [POSIX]
#       the folder of libksem.so; whether the build has valgrind's headers; libksem_posix.so (watched_posix.c)
# Ends with 77 (skipped) if none of them is.
set -u
library=$(realpath "$1") source=$(realpath "$2") valgrind=$3
export KSEM_POSIX_LIBRARY=${4:+$(realpath "$4")}
programs=$source/tests/users
work=$(mktemp -d /dev/shm/ksem-watched.XXXXXX) || exit 77
trap 'rm -rf "$work"' EXIT
mkdir "$work/shared" "$work/private"
export LD_LIBRARY_PATH=$library
. "$(dirname "$0")/../checks.bash"
ran=0
correct='by-id pinned value end tables handler fork'

# build COMPILER PROGRAM OPTION...: watched.c
build() {
	local compiler=$1 program=$2
	shift 2
	$compiler -O1 -g -Wno-unused "$@" -I"$source/include" "$programs/watched.c" -o "$work/$program" \
		-L"$library" -lksem -pthread
}

# sanitizes COMPILER SANITIZER: does the compiler have it, and does it run here?
sanitizes() {
	command -v "$1" >/dev/null || return 1
	echo 'int main(void) { return 0; }' >"$work/empty.c"
	"$1" -fsanitize="$2" "$work/empty.c" -o "$work/empty" 2>/dev/null && "$work/empty" 2>/dev/null
}

# quiet WHAT COMMAND...: the command succeeds
quiet() {
	local what=$1
	shift
	ran=$((ran + 1))
	check "$what" timeout 200 "$@"
}

# says PATTERN COMMAND...: what the command says matches
says() {
	local pattern=$1 said
	shift
	said=$(timeout 200 "$@" 2>&1)
	printf '%s\n' "$said"
	grep -qE "$pattern" <<<"$said"
}

# watch WHAT PATTERN MISTAKES COMMAND...: the command, given the arguments of watched.c
watch() {
	local what=$1 pattern=$2 mistakes=$3 mistake
	shift 3
	# shellcheck disable=SC2086 # words
	quiet "$what: correct, private" "$@" - $correct
	# shellcheck disable=SC2086
	quiet "$what: correct, shared" "$@" "$work/shared" $correct
	for mistake in $mistakes; do
		check "$what: mistake '$mistake'" says "$pattern" "$@" - "$mistake"
		check "$what: mistake '$mistake', shared" says "$pattern" "$@" "$work/shared" "$mistake"
	done
}

# watch_posix WHAT PATTERN WAYS COMMAND...: the same of watched_posix.c, under ksem-run
watch_posix() {
	local what="$1, <semaphore.h>" pattern=$2 ways=$3
	shift 3
	[ -n "$KSEM_POSIX_LIBRARY" ] || return 0
	# shellcheck disable=SC2086
	quiet "$what: correct" "$source/tools/ksem-run" "$@" $ways
	check "$what: mistake 'early'" says "$pattern" "$source/tools/ksem-run" "$@" early
}

race='WARNING: ThreadSanitizer: data race'
for compiler in gcc clang; do
	if sanitizes $compiler thread; then
		build $compiler tsan -fsanitize=thread || exit 1
		build $compiler tsan_inline -fsanitize=thread -DINLINE || exit 1
		watch "$compiler, ThreadSanitizer" "$race" 'early other' "$work/tsan"
		$compiler -O1 -g -fsanitize=thread "$programs/watched_posix.c" -o "$work/posix" -pthread || exit 1
		# Not `cancel`: of the cleanup handlers of a cancelled wait it knows nothing, with libc's calls neither.
		watch_posix "$compiler, ThreadSanitizer" "$race" 'ring value named' "$work/posix"
		watch "$compiler, ThreadSanitizer, inline" "$race" 'early other' "$work/tsan_inline"
	else
		echo "not here: ThreadSanitizer of $compiler"
	fi
	if sanitizes $compiler memory; then
		build $compiler msan -fsanitize=memory || exit 1
		build $compiler msan_inline -fsanitize=memory -DINLINE || exit 1
		watch "$compiler, MemorySanitizer" '' '' "$work/msan"
		watch "$compiler, MemorySanitizer, inline" '' '' "$work/msan_inline"
	else
		echo "not here: MemorySanitizer of $compiler"
	fi
done

if [ "$valgrind" = true ] && command -v valgrind >/dev/null; then
	build "${CC:-cc}" plain && build "${CC:-cc}" inline -O2 -DINLINE || exit 1
	${CC:-cc} -O1 -g "$programs/watched_posix.c" -o "$work/posix" -pthread || exit 1
	watch_posix Helgrind 'Possible data race' 'ring value named cancel' \
		valgrind --tool=helgrind --error-exitcode=66 "$work/posix"
	watch_posix DRD 'Conflicting (load|store)' 'ring value named cancel' \
		valgrind --tool=drd --error-exitcode=66 "$work/posix"
	watch 'Helgrind, plain' 'Possible data race' 'early other variable' \
		valgrind --tool=helgrind --error-exitcode=66 "$work/plain"
	watch 'DRD, inline' 'Conflicting (load|store)' 'early other variable' \
		valgrind --tool=drd --error-exitcode=66 "$work/inline"
	if [ -n "${KSEM_TEST_WIDE-}" ]; then
		watch 'Helgrind, inline' 'Possible data race' 'early other variable' \
			valgrind --tool=helgrind --error-exitcode=66 "$work/inline"
		watch 'DRD, plain' 'Conflicting (load|store)' 'early other variable' \
			valgrind --tool=drd --error-exitcode=66 "$work/plain"
	else
		echo 'skipped: Helgrind with the calls inline, and DRD without: KSEM_TEST_WIDE is not set'
	fi
else
	echo 'not here: Helgrind and DRD'
fi
[ $ran -gt 0 ] || exit 77
exit $failed
