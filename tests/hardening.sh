#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Are the built files hardened as distributions want it? All symbols are bound, and their table is read-only, before the
# program runs; no stack and no text can be both written and executed; functions with arrays guard their stack; programs
# lie anywhere in memory. With FORTIFIED=true: calls of libc check the sizes that the compiler knows. With CET=true: the
# processor may check each return and each indirect jump; the linker marks what it links so if libc's start files are
# marked, which Debian 12's aren't, and so this looks at libksem.a, which has none. And may a thread be cancelled at
# each instruction of a sleep in libksem_posix? It may not in entries of a procedure linkage table: on arm64, say, the
# unwinder can't leave these, and then glibc ends the thread without its cleanup handlers.
#   tests/hardening.sh FORTIFIED CET ARCHIVE FILE...
set -u
fortified=$1 cet=$2 archive=$3
shift 3
failed=0

# must WHAT FILE COMMAND...: the command succeeds
must() {
	local what=$1 file=$2
	shift 2
	if "$@" >/dev/null 2>&1; then
		echo "ok: ${file##*/}: $what"
	else
		echo "FAILED: ${file##*/}: $what"
		failed=1
	fi
}

binds_now() { readelf -dW "$1" | grep -E '\((FLAGS|FLAGS_1|BIND_NOW)\)' | grep -q 'NOW'; }
is_relro() { readelf -lW "$1" | grep -q GNU_RELRO; }
has_no_executable_stack() { readelf -lW "$1" | grep GNU_STACK | grep -q ' RW  '; }
has_no_segment_that_is_written_and_executed() { ! readelf -lW "$1" | grep -E '^ +LOAD' | grep -q 'RWE'; }
has_no_text_relocations() { ! readelf -dW "$1" | grep -q TEXTREL; }
guards_stacks() { readelf -sW "$1" | grep -q __stack_chk_fail; }
calls_checked() { readelf --dyn-syms -W "$1" | grep -E 'UND +__[a-z]+_chk' | grep -vq __stack_chk_fail; }
marks() { readelf -nW "$1" 2>/dev/null | grep 'x86 feature: ' | grep "$2"; }
lies_anywhere() { readelf -hW "$1" | grep -q 'Type: *DYN'; }
sleeps_without_plt() {
	readelf -rW "$1" | sed -n '/rela.dyn/,/rela.plt/p' | grep -E ' syscall(@|$)' &&
		! readelf -rW "$1" | sed -n '/rela.plt/,$p' | grep -E ' (syscall|pthread_setcanceltype)(@|$)'
}
has_soname() { readelf -dW "$1" | grep -q 'SONAME.*\[libksem.*\.so\.[0-9]*\]'; }

if [ "$cet" = true ]; then
	must 'returns may be checked' "$archive" marks "$archive" SHSTK
	must 'indirect jumps may be checked' "$archive" marks "$archive" IBT
fi
for file; do
	must 'symbols are bound at once' "$file" binds_now "$file"
	must 'what was relocated is read-only' "$file" is_relro "$file"
	must 'the stack is not executable' "$file" has_no_executable_stack "$file"
	must 'no segment is writable and executable' "$file" has_no_segment_that_is_written_and_executed "$file"
	must 'no text relocations' "$file" has_no_text_relocations "$file"
	must 'functions guard their stack' "$file" guards_stacks "$file"
	must 'it lies anywhere in memory' "$file" lies_anywhere "$file"
	case $file in
	*ksem_posix.so*) must 'a sleep needs no procedure linkage table' "$file" sleeps_without_plt "$file" ;;&
	*.so*) must 'it has its soname' "$file" has_soname "$file" ;;
	*) [ "$fortified" = false ] || must 'calls of libc check sizes' "$file" calls_checked "$file" ;;
	esac
done
exit $failed
