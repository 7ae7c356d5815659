#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The commands of tools/ that people run: wrong arguments are refused before anything is installed; what is missing is
# installed by one call of sudo; progress shows; a command that ends, or is interrupted, leaves no process and no file.
# apt-get, sudo and their like are stand-ins here, which write down how they were called. The commands run in a copy of
# the tree, in a path with spaces.
#   tests/commands.sh SOURCE
set -u
unset KSEM_TEST_SHM # of tools/test, if that runs this
source=$(realpath "$1")
work=$(mktemp -d)
work=$(realpath "$work")
trap 'rm -rf "$work"' EXIT
failed=0
tree="$work/a tree"
calls=$work/calls
mkdir -p "$tree" "$work/bin"
mkdir "$tree/bench" "$tree/tests"
cp -r "$source/tools" "$source/meson_options.txt" "$source/stress" "$tree"
cp -r "$source/bench/compare" "$tree/bench"
cp -r "$source/tests/interleave" "$source/tests/model" "$tree/tests" # what has the names that arguments may have
export LC_ALL=C

wrong() {
	echo "FAILED: $*"
	failed=1
}

stand_in() { # NAME, and what it does
	printf '#!/bin/bash\necho "%s $*" >>"%s"\n%s\n' "$1" "$calls" "$2" >"$work/bin/$1"
	chmod +x "$work/bin/$1"
}

# Nothing is installed but gcc, and no package list is there; the caller isn't root. Nothing can be built.
echo gcc >"$work/installed"
export INSTALLED=$work/installed
stand_in dpkg-query '! grep -qx -- "${*: -1}" "$INSTALLED" || echo installed'
stand_in apt-cache 'echo "  Candidate: (none)"'
stand_in apt-get '[[ $* != *" install "* ]] || printf "%s\n" "$@" >>"$INSTALLED"'
stand_in meson 'exit 1'
stand_in id 'echo 1000'
stand_in sudo 'exec "$@"'

# with STATUS COMMAND...: where the stand-ins are
with() {
	local want=$1 got=0
	shift
	: >"$calls"
	(cd "$work" && PATH=$work/bin:$PATH "$@") >"$work/out" 2>"$work/err" </dev/null || got=$?
	[ "$got" -eq "$want" ] || wrong "$*: status $got, not $want: $(cat "$work/out" "$work/err")"
}

# refused COMMAND...: with a reason, and before anything else is done
refused() {
	with 2 "$@"
	[ -s "$work/err" ] || wrong "$*: no reason given"
	[ ! -s "$calls" ] || wrong "$*: looked for packages first"
	[ ! -e "$tree/build" ] || wrong "$*: made build/"
}

# shown COMMAND...: the same, but it does what was asked for
shown() {
	with 0 "$@"
	[ -s "$work/out" ] || wrong "$*: nothing shown"
	[ ! -s "$work/err" ] || wrong "$*: $(cat "$work/err")"
	[ ! -s "$calls" ] || wrong "$*: looked for packages"
	[ ! -e "$tree/build" ] || wrong "$*: made build/"
}

refused "$tree/tools/test" gcc frobnicate
refused "$tree/tools/test" ''
refused "$tree/tools/test" 'gcc clang'
refused "$tree/tools/test" $'gcc\nclang'
refused "$tree/tools/test" --resum
refused "$tree/tools/test" --all gcc
refused "$tree/tools/test" gcc --all
refused "$tree/tools/run" "$work/none"
refused "$tree/tools/run" "$work/out"
refused "$tree/tools/run" --bogus
refused "$tree/tools/run" / /
refused "$tree/tools/test-programs" --rounds
refused "$tree/tools/test-programs" --rounds 0
refused "$tree/tools/test-programs" --seconds x
refused "$tree/tools/test-programs" more
refused "$tree/tools/cross" arm64 vax
refused "$tree/tools/cross" --system s390x
refused "$tree/tools/cross" common
for minutes in x 0 -1 1e3; do
	refused env MINUTES=$minutes "$tree/tools/cross" --system arm64
done
refused "$tree/tools/install" nothing
refused "$tree/tools/install" ''
refused "$tree/tools/install" build ''
refused "$tree/tools/install" 'build run'
for number in x 0 -1 102 1.5 '' ' 1'; do
	refused "$tree/tools/compare" --rounds "$number"
done
refused "$tree/tools/compare" --rounds
for option in only peers; do
	refused "$tree/tools/compare" --$option '('
	refused "$tree/tools/compare" --$option zzzz
	refused "$tree/tools/compare" --$option
done
refused "$tree/tools/compare" --bogus
refused "$tree/tools/compare" --features --quick
refused "$tree/tools/compare" --quick --features
refused "$tree/tools/check" nothing
refused "$tree/tools/check" layers nothing
refused "$tree/tools/check" --build "$work/none"
refused "$tree/tools/check" --record
refused "$tree/tools/check" --record layers
refused "$tree/tools/check" --record abi more
refused "$tree/tools/check" --record model
refused "$tree/tools/check" mod.l
refused "$tree/tools/verify" nothing
refused "$tree/tools/verify" model,nothing
refused "$tree/tools/verify" model,torture more
refused "$tree/tools/verify" mod.l
refused "$tree/tools/verify" model,
refused "$tree/tools/verify" ,model
refused "$tree/tools/verify" dist quick
for part in coverage dist fuzz interleave kills model mutants packages torture; do
	refused "$tree/tools/verify" $part --wrong
	[ $part = mutants ] || refused "$tree/tools/verify" $part wrong
	[ $part = mutants ] || refused "$tree/tools/verify" $part ''
	shown "$tree/tools/verify" $part --help
	grep -q "tools/verify $part" "$work/out" || wrong "tools/verify $part --help says nothing of it"
done
refused "$tree/tools/verify" fuzz --minutes
refused "$tree/tools/verify" fuzz --minutes 1 more
refused "$tree/tools/verify" fuzz --coverage more
refused "$tree/tools/verify" kills --kills
for number in x 0 -1 1.5 ''; do
	refused "$tree/tools/verify" kills --kills "$number"
	refused "$tree/tools/verify" torture --threads "$number"
	refused "$tree/tools/verify" mutants --jobs "$number"
done
for part in interleave torture; do
	for number in x 0 -1 0.0 . '' ' 1'; do
		refused "$tree/tools/verify" $part --minutes "$number"
	done
	refused "$tree/tools/verify" $part --seed x
done
refused "$tree/tools/verify" torture --variant nothing
refused "$tree/tools/verify" torture --variant
refused "$tree/tools/verify" torture --tsan --asan
refused "$tree/tools/verify" model --first more
refused "$tree/tools/verify" model --trail
refused "$tree/tools/verify" model --trail nothing

# What is asked for before anything is there; and what a part of it needs that is not.
shown "$tree/tools/compare" --list
grep -qx 'glibc sem_t' "$work/out" || wrong "tools/compare --list: $(cat "$work/out")"
for tool in check verify; do
	shown "$tree/tools/$tool" --list
	! grep -v '\.$' "$work/out" || wrong "tools/$tool --list doesn't end its sentences"
	for runner in /no/such/python3 '/usr/bin/env no-such-python3'; do
		printf '#!%s\n' "$runner" >"$tree/tools/$tool.d/mutants"
		with 77 "$tree/tools/$tool" mutants
		grep -q "skipped: ${runner#* } .*tools/install" "$work/err" || wrong "tools/$tool: no word of $runner"
	done
	printf '#!/usr/bin/env bash\n' >"$tree/tools/$tool.d/mutants"
	with 0 "$tree/tools/$tool" mutants
	cp "$source/tools/$tool.d/mutants" "$tree/tools/$tool.d/mutants"
done
mkdir "$work/few"
for program in bash dirname env grep mktemp realpath rm sed basename ls; do
	ln -s "$(command -v $program)" "$work/few"
done
with 77 env PATH="$work/few" "$tree/tools/verify" model
grep -q 'spin .*tools/install' "$work/out" || wrong "tools/verify model: no word of what is missing"

for tool in check verify; do
	with 0 "$tree/tools/$tool" --list
	for part in "$tree/tools/$tool.d"/*; do
		[ ! -x "$part" ] || [ -d "$part" ] || grep -q "^${part##*/}  *[A-Zcd]" "$work/out" ||
			wrong "tools/$tool --list lacks ${part##*/}"
	done
done
for tool in test run test-programs cross; do
	with 0 "$tree/tools/$tool" --help
	grep -q "tools/$tool" "$work/out" || wrong "tools/$tool --help says nothing of it"
	[ ! -s "$calls" ] || wrong "tools/$tool --help looked for packages"
done

# A tarball can't be made from what was a tarball.
with 1 env GIT_CEILING_DIRECTORIES="$work" "$tree/tools/verify" dist
grep -q -e 'needs a clone of the repository' -e 'needs git' "$work/err" ||
	wrong "no word of a clone: $(cat "$work/err")"
[ ! -s "$calls" ] || wrong "tools/verify dist looked for packages before it found that this is no clone"

# One sudo, with what all three builds need, and not what is there.
with 1 "$tree/tools/test" gcc arm64 programs
grep -qx '0 passed, 3 failed' "$work/out" || wrong "it doesn't end with what failed: $(cat "$work/out")"
[ "$(grep -c '^sudo ' "$calls")" -eq 1 ] || wrong "sudo ran $(grep -c '^sudo ' "$calls") times"
for package in libcmocka-dev qemu-user gcc-aarch64-linux-gnu postgresql-15 stress-ng; do
	grep -q "^apt-get .*install.* $package\( \|$\)" "$calls" || wrong "$package isn't installed at once"
done
! grep -q '^apt-get .* gcc\( \|$\)' "$calls" || wrong "gcc is there, and is installed again"
[ "$(grep -c '^apt-get -q -o .* update$' "$calls")" -eq 1 ] || wrong "the package lists aren't fetched once"
rm -rf "$tree/build"

# Progress says what runs.
stand_in meson 'sleep 7; exit 1'
with 1 "$tree/tools/run"
grep -q '^configuring build/run: 0:' "$work/out" || wrong "not said that it configures: $(cat "$work/out")"
stand_in meson 'exit 1'
rm -rf "$tree/build"
echo gcc >"$work/installed"

# Packages that can't be had: said, with what apt said; nothing is built.
stand_in apt-get 'echo "E: no such thing"; exit 100'
with 1 "$tree/tools/test" gcc
grep -q 'E: no such thing' "$work/err" || wrong "what apt-get said isn't shown"
grep -q 'could not install: .*libcmocka-dev' "$work/err" || wrong "what can't be installed isn't said"
with 1 env TMPDIR="$work/no such place" "$tree/tools/install" build
grep -q 'could not install' "$work/err" || wrong "tools/install needs \$TMPDIR"
stand_in sudo 'echo "sudo: a reason of its own" >&2; exit 1'
with 1 "$tree/tools/install" build
grep -qx 'sudo: a reason of its own' "$work/err" || wrong "what sudo said isn't shown: $(cat "$work/err")"
grep -q 'could not install' "$work/err" || wrong "what can't be installed isn't said, where sudo refuses"
rm "$work/bin/sudo"
if ! command -v sudo >/dev/null; then
	with 1 "$tree/tools/install" build
	grep -q 'with sudo installed' "$work/err" || wrong "no word of sudo"
fi

# ---- What tools/common.bash does for each of them ----

cat >"$tree/tools/job" <<'JOB'
#!/bin/bash
set -e
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/common.bash
progress_every=1 patience=1
begin_work job
part() {
	echo "1/3 one OK"
	mktemp >>"$RECORD"
	(trap '' TERM; exec setsid sleep 1000) & # one that a signal to the group, or a polite one, doesn't reach
	echo $! >>"$RECORD"
	mkdir "$KSEM_TEST_SHM/left"
	echo "$KSEM_TEST_SHM" >>"$RECORD"
	echo ready >"$READY"
	echo "2/3 two FAIL "
	sleep 2
	[ "$1" = ends ] || sleep 1000
	printf '%s' "3/3 three OK"
	return 3
}
umask
locale
status=0
follow work build/job.log part "$1" || status=$?
echo "ended with $status"
JOB
chmod +x "$tree/tools/job"
export RECORD=$work/record READY=$work/ready
mkfifo "$READY"

# nothing_left WHAT: of the files and processes that the job wrote down
nothing_left() {
	local line
	while read -r line; do
		case $line in
		/*) [ ! -e "$line" ] || wrong "$1: left $line" ;;
		*) ! grep -q '^State:.[^Z]' "/proc/$line/status" 2>"$work/ignored" || wrong "$1: left process $line" ;;
		esac
	done <"$RECORD"
	[ "$(wc -l <"$RECORD")" -ge 3 ] || wrong "$1: the job didn't come so far"
	[ ! -e "$tree/build/tmp" ] || wrong "$1: left $(find "$tree/build/tmp")"
	rm -f "$RECORD"
}

(umask 077 && LANG=xx TMPDIR=/nowhere exec "$tree/tools/job" ends) >"$work/out" 2>&1 &
read -r _ <"$READY"
! "$tree/tools/job" ends >"$work/second" 2>&1 || wrong "two of one command at once"
grep -q 'another tools/job' "$work/second" || wrong "two of one command: $(cat "$work/second")"
wait $!
grep -q '^0022$' "$work/out" || wrong "the caller's umask stays"
grep -q 'work: 2/3 two FAIL' "$work/out" || wrong "a failure isn't shown when it happens"
grep -q '^work: 2 of 3, 0:0' "$work/out" || wrong "no progress: $(cat "$work/out")"
grep -q '^ended with 3$' "$work/out" || wrong "its status is lost"
nothing_left 'at the end'

for signal in INT:130 TERM:143 HUP:129; do
	# A shell that ignores none of them: one that starts commands in the background ignores SIGINT, nohup SIGHUP.
	python3 -c 'import os, signal, sys
for number in signal.SIGINT, signal.SIGHUP, signal.SIGTERM:
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$tree/tools/job" stays >"$work/out" 2>&1 &
	job=$!
	read -r _ <"$READY"
	kill -"${signal%:*}" $job
	wait $job
	got=$?
	[ $got -eq "${signal#*:}" ] || wrong "SIG${signal%:*}: ended with $got"
	nothing_left "after SIG${signal%:*}"
done

# A run that was killed leaves a directory; the next takes it away.
"$tree/tools/job" stays >"$work/out" 2>&1 &
job=$!
read -r _ <"$READY"
kill -KILL $job
wait $job 2>"$work/ignored"
mapfile -t left < <(grep -lzx "RECORD=$RECORD" /proc/[0-9]*/environ 2>"$work/ignored" | tr -dc '0-9\n')
for pid in $(grep -v / "$RECORD") "${left[@]}"; do
	[ "$pid" = $$ ] || ! grep -qz sleep "/proc/$pid/cmdline" 2>"$work/ignored" || kill -KILL "$pid"
done
mv "$RECORD" "$work/killed"
"$tree/tools/job" ends >"$work/out" 2>&1 &
read -r _ <"$READY"
wait $!
nothing_left 'after a run that was killed'
grep / "$work/killed" >"$RECORD"
echo 1234567890 >>"$RECORD"
nothing_left 'of a run that was killed'

exit $failed
