#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The programs in the documents are right: the first one in README.md, those in docs/cpp.md, and the EXAMPLE of each
# page about calls. Compiles each as C11 and as C++17, with warnings as errors, and runs it. A program with comments
# /* prints LINE */ at the ends of its lines must print those lines, and no others.
#   tests/examples/examples.sh BUILD SOURCE     BUILD: where libksem.so is; with the compilers CC and CXX
set -u
build=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d -p "${KSEM_TEST_SHM:-/dev/shm}" ksem-examples-XXXXXX) || exit 77
trap 'rm -rf "$work"' EXIT
mkdir "$work/semaphores"
export KSEM_DIR=$work/semaphores LD_LIBRARY_PATH=$build
strict=(-Wall -Wextra -Wshadow -Werror -pedantic "-I$source/include")
failed=0

# The program of a manual page, its escapes undone.
program_of_page() {
	sed '1,/^\.SH EXAMPLE/d' "$1" | awk '/^\.EX/ { inside = 1; next } /^\.EE/ { exit } inside' |
		sed -e 's/\\&//' -e 's/\\-/-/g' -e "s/\\\\(aq/'/g" -e 's/\\(ha/^/g' -e 's/\\(ga/`/g' -e 's/\\(ti/~/g' \
			-e 's/\\e/\\/g'
}

# The first block of C in the README.
program_of_readme() {
	awk '/^```c$/ && !n++ { inside = 1; next } /^```/ { inside = 0 } inside' "$source/README.md"
}

# works COMPILER FILE: compiles and runs it, and compares what it prints
works() {
	local status
	# shellcheck disable=SC2086 # options are words
	$1 "${strict[@]}" -o "$work/program" "$2" -L"$build" -lksem -pthread || return 1
	timeout 60 "$work/program" >"$work/output"
	status=$?
	cat "$work/output"
	sed -n 's,.*/\* prints \(.*\) \*/$,\1,p' "$2" >"$work/expected"
	[ "$status" -eq 0 ] && { [ ! -s "$work/expected" ] || diff "$work/expected" "$work/output"; }
}

# try FILE.c: as C and as C++
try() {
	works "${CC:-cc} -std=c11" "$1" || return 1
	! command -v "${CXX:-c++}" >/dev/null || works "${CXX:-c++} -std=c++17 -x c++" "$1"
}

# example NAME: the one in $work/NAME.c
example() {
	if try "$work/$1.c" >"$work/log" 2>&1; then
		echo "ok: $1"
	else
		echo "FAILED: the example of $1"
		cat "$work/log"
		failed=1
	fi
}

program_of_readme >"$work/README.c"
example README
[ "$(wc -l <"$work/README.c")" -le 30 ] || { echo "FAILED: the README's program has more than 30 lines"; failed=1; }

for page in "$source"/man/man3/*.3 "$source/man/man7/ksem.7"; do
	! grep -q '^\.so ' "$page" || continue # the page of another call shows it
	name=$(basename "$page")
	program_of_page "$page" >"$work/$name.c"
	if [ -s "$work/$name.c" ]; then
		example "$name"
	else
		echo "FAILED: $name has no example"
		failed=1
	fi
done

# The programs of docs/cpp.md, each in a block of its own: with both compilers, if they are there. co_await needs C++20.
awk -v work="$work" '/^```cpp$/ { name = work "/cpp" ++n ".cpp"; next } /^```/ { name = "" } name { print > name }' \
	"$source/docs/cpp.md"
[ -e "$work/cpp1.cpp" ] || { echo "FAILED: no program in docs/cpp.md"; failed=1; }
for program in "$work"/cpp*.cpp; do
	for compiler in 'g++ -std=c++17' 'clang++ -std=c++20'; do
		command -v "${compiler%% *}" >/dev/null || continue
		! grep -q co_await "$program" || compiler=${compiler/17/20}
		if works "$compiler" "$program" >"$work/log" 2>&1; then
			echo "ok: docs/cpp.md: $(basename "$program"), $compiler"
		else
			echo "FAILED: docs/cpp.md: $(basename "$program"), $compiler"
			cat "$program" "$work/log"
			failed=1
		fi
	done
done

# It finds what is wrong: a result, a warning, and what is C alone.
for broken in 's/return /return 1 || /' 's/int error/int error, unused/' 's/NULL;/(void *)0; int *p = malloc(1);/'; do
	sed "$broken" "$work/ksem_wait.3.c" >"$work/broken.c"
	if try "$work/broken.c" >"$work/log" 2>&1; then
		echo "FAILED: not found: $broken"
		failed=1
	fi
done

if command -v "${CXX:-c++}" >/dev/null; then
	says=$(grep -l '/\* prints ' "$work"/cpp*.cpp | head -n 1)
	sed 's,/\* prints ,&no ,' "$says" >"$work/broken.cpp"
	if works "${CXX:-c++} -std=c++17" "$work/broken.cpp" >"$work/log" 2>&1 || ! grep -q '^< no ' "$work/log"; then
		echo "FAILED: not found: a program of docs/cpp.md that prints something else"
		failed=1
	fi
fi

left=$(ls "$KSEM_DIR")
[ "$left" = example ] || { echo "FAILED: semaphores left behind, or none: $left"; failed=1; }
exit $failed
