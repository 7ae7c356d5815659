#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The program ksem: each command does what ksem(1) says, answers scripts by its exit status, and refuses wrong arguments
# without doing anything.
#   tests/tool/tool.sh PROGRAM COMPLETION
set -u
# What started this test may ignore signals (nohup does), which a shell can't undo.
[ "${1:-}" = --with-default-signals ] || exec env --default-signal "$0" --with-default-signals "$@"
shift
completion=$(realpath "$2")
work=$(mktemp -d -p "${KSEM_TEST_SHM:-/dev/shm}" ksem-tool-XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir "$work/.a place"
ln -s "$(realpath "$1")" "$work/.a place/ksem" # a path with a space
ksem="$work/.a place/ksem"
export KSEM_DIR=$work
failed=0

# check STATUS COMMAND...: its exit status is that
check() {
	local wanted=$1 got
	shift
	"$@" >"$work/.out" 2>"$work/.err"
	got=$?
	[ "$got" = "$wanted" ] && return
	echo "FAILED: $*: status $got, not $wanted"
	cat "$work/.out" "$work/.err"
	failed=1
}

# value NAME: of the semaphore
value() {
	"$ksem" show --json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["value"])'
}

is() {
	[ "$1" = "$2" ] && return
	echo "FAILED: ${3:-}: $1 is not $2"
	failed=1
}

check 2 "$ksem"
check 2 "$ksem" frobnicate
check 2 "$ksem" create
check 2 "$ksem" create --value -1 /a
check 2 "$ksem" create --value 4294967296 /a
check 2 "$ksem" create --mode 9 /a
check 2 "$ksem" wait --timeout never /a
check 2 "$ksem" run --name /a
check 2 "$ksem" run true
check 0 "$ksem" --help
check 0 "$ksem" --version
check 2 "$ksem" ''
check 2 "$ksem" --dir
check 2 "$ksem" --dir= ls
check 2 "$ksem" --frobnicate ls
check 2 "$ksem" -j ls
check 2 "$ksem" ls --json=yes
# says_usage TEXT ARGUMENT...: that is what is wrong
says_usage() {
	local text=$1
	shift
	check 2 "$ksem" "$@"
	is "$(cat "$work/.err")" "ksem: $text" "$*"
}
says_usage 'ls: takes no --value' ls --value 1
says_usage '--json=yes: takes no value' ls --json=yes
says_usage '--count: a value is missing' post --json --count
for word in -x -xy -é --frob --frob=x; do
	says_usage "no such option: $word (--help lists them)" ls --json "$word"
	says_usage "no such option: $word (--help lists them)" --dir="$work" "$word" ls
done
check 2 "$ksem" ls /a
check 2 "$ksem" ls --value 1
check 2 "$ksem" ls --json --names0
check 2 "$ksem" create /a /b
check 2 "$ksem" create --value 1 --value 1 /a
check 2 "$ksem" --dir "$work" create --dir "$work" /a
check 2 "$ksem" unlink
check 2 "$ksem" unlink /a /a
check 2 "$ksem" run --name /a --json -- true
check 2 "$ksem" watch --times 0
for number in '' ' ' x 1x '1 ' ' 1' +1 -1 ' -1' 0x1 1.0 1e3 nan inf \
	4294967296 18446744073709551616 99999999999999999999; do
	check 2 "$ksem" create --value "$number" /a
	check 2 "$ksem" post --count "$number" /a
	check 2 "$ksem" watch --times "$number"
done
for number in '' ' ' x 1x '1 ' ' 1' +1 -1 ' -1' -0 0x1 nan inf infinity 1e10 1e999 1e 1..2 . 1,5; do
	check 2 "$ksem" wait --timeout "$number" /a
	check 2 "$ksem" watch --times 1 --interval "$number"
	check 2 "$ksem" run --name /a --timeout "$number" -- true
done
for number in '' 8 0o7 07x 10000 -1 +7 ' 7' 99999999999999999999; do
	check 2 "$ksem" create --mode "$number" /a
done
is "$("$ksem" ls --json)" '[]' 'nothing was made'

check 1 "$ksem" show /a
check 1 "$ksem" create no-slash
check 0 "$ksem" create --value 2 --mode 0640 /a
check 1 "$ksem" create /a
is "$(value /a)" 2 'made with its value'
check 0 "$ksem" post --count 3 /a
is "$(value /a)" 5 'posted to'
check 1 "$ksem" post --count 4294967295 /a
check 0 "$ksem" wait /a
check 0 "$ksem" wait --timeout 0 /a
is "$(value /a)" 3 'taken from'
check 0 "$ksem" create '/"quoted"'
listed=$("$ksem" ls --json |
	python3 -c 'import json, sys; print([(s["name"], s["mode"]) for s in json.load(sys.stdin)])')
is "$(tr ')' '\n' <<<"$listed" | grep -c "('/\"quoted\"', '0600'\|('/a', '0640'")" 2 'listed'
is "$("$ksem" ls | wc -l)" 3 'a head and a line each'
check 0 "$ksem" unlink '/"quoted"'
check 0 "$ksem" create /u1
check 0 "$ksem" create /u2
check 1 "$ksem" unlink bad /u1 /nothing /u2 "/a/b"
is "$("$ksem" ls --json | grep -c '"/u[12]"')" 0 'all that could be were unlinked'

# says TEXT COMMAND...: it fails, and says that, in one line
says() {
	local text=$1
	shift
	check 1 "$@"
	grep -qxF "ksem: $text" "$work/.err" && [ "$(wc -l <"$work/.err")" = 1 ] && return
	echo "FAILED: $*: did not say: $text"
	cat "$work/.err"
	failed=1
}
echo stray >"$work/stray"
ln -s a "$work/link"
# with_name COMMAND NAME
with_name() {
	case $1 in
	run) "$ksem" run --name "$2" true ;;
	*) "$ksem" "$1" "$2" ;;
	esac
}
for command in show post wait run; do
	says '/nothing: not found' with_name $command /nothing
	says '/stray: not a semaphore: another file has the name' with_name $command /stray
	says '/link: not a semaphore: another file has the name' with_name $command /link
	says "slash: not a name: a name is one '/' and then other bytes" with_name $command slash
done
says '/a: it exists' "$ksem" create /a
says '/link: not a semaphore: another file has the name' "$ksem" create /link
says '/stray: not a semaphore: another file has the name' "$ksem" create /stray
says '/a: the value would exceed 4294967295' "$ksem" post --count 4294967295 /a
is "$("$ksem" show --json /nothing 2>/dev/null)" null 'JSON of none'
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$work" "${ksem%/*}"
	for command in show post wait unlink; do
		says '/a: permission denied' setpriv --reuid 65534 --regid 65534 --clear-groups "$ksem" $command /a
	done
	says '/a: it exists' setpriv --reuid 65534 --regid 65534 --clear-groups "$ksem" create /a
fi

# The directory of KSEM_DIR: create makes it. Until then it counts as empty, and nothing else makes it.
export KSEM_DIR=$work/made
is "$("$ksem" ls --json)" '[]' 'nothing is in a directory that is not there'
is "$("$ksem" metrics | grep -v '^# [HTU]')" '# EOF' 'nor anything to measure'
is "$("$ksem" watch --json --times 2 --interval 0.01 | tr '\n' ' ')" '[] [] ' 'nor anything to watch'
for command in show post wait limit shutdown unlink metrics run; do
	says '/first: not found' with_name $command /first
done
[ ! -e "$work/made" ] || is made '' 'a command that makes no semaphore makes no directory'
"$ksem" watch --json --interval 0.01 >"$work/.views" &
until grep -qF '[]' "$work/.views"; do sleep 0.02; done
check 0 "$ksem" create /first
until grep -q /first "$work/.views"; do sleep 0.02; done
kill -TERM $!
wait $!
is "$("$ksem" ls --names0 | tr '\0' ' ')" '/first ' 'create has made the directory'
says "$work/none/none: No such file or directory" env KSEM_DIR="$work/none/none" "$ksem" create /first
export KSEM_DIR=$work
rm -r "$work/made"
says "$work/none: No such file or directory" "$ksem" --dir "$work/none" ls
rm "$work/stray" "$work/link"

# A file of another version of the library: every command says which version it has, and which the library reads.
check 0 "$ksem" create /other
version=$(od -An -tu4 -j8 -N4 "$work/other" | tr -d ' ')
for others in 1 $((version - 1)) $((version + 1)) 4294967295; do
	python3 -c 'import struct, sys; sys.stdout.buffer.write(struct.pack("=I", int(sys.argv[1])))' "$others" |
		dd of="$work/other" bs=1 seek=8 conv=notrunc status=none
	age='a later'
	[ "$others" -gt "$version" ] || age='an earlier'
	refused="/other: a semaphore of $age version of ksem: its file has version $others, this"
	refused+=" library reads version $version"
	for command in show create post wait unlink run; do
		says "$refused" with_name $command /other
	done
	is "$("$ksem" ls --names0 | tr '\0' '\n' | grep -cx /other)" 0 'a file of another version is not listed'
done
[ -e "$work/other" ] || is none other 'a file of another version stays'
rm "$work/other"
check 1 "$ksem" unlink '/"quoted"'

# A permit is held while the program runs, and comes back however it ends.
check 0 "$ksem" create --value 1 /run
check 0 "$ksem" run --name /run -- bash -c "[ \"\$('$ksem' show --json /run | grep -o '\"value\": 0')\" ]"
check 7 "$ksem" run --name /run -- bash -c 'exit 7'
check 137 "$ksem" run --name /run -- bash -c 'kill -KILL $$'
check 127 "$ksem" run --name /run -- "$work/nothing"
check 126 "$ksem" run --name /run -- "$work"
touch "$work/.plain"
check 126 "$ksem" run --name /run -- "$work/.plain"
for signal in 1 6 9 11 13 14 15; do
	check $((128 + signal)) "$ksem" run --name /run -- bash -c "ulimit -c 0; kill -$signal \$\$"
done
check 7 env --ignore-signal=CHLD "$ksem" run --name /run -- bash -c 'exit 7'
check 0 env --ignore-signal=CHLD "$ksem" run --name /run -- grep -q '^SigIgn:.*[13579bdf]....$' /proc/self/status
check 0 env --default-signal=CHLD "$ksem" run --name /run -- grep -q '^SigIgn:.*[02468ace]....$' /proc/self/status
is "$(value /run)" 1 'the permit is back'
"$ksem" run --name /run -- sleep 100 &
while [ "$(value /run)" = 1 ]; do sleep 0.02; done
check 3 "$ksem" run --name /run --timeout 0.05 -- true
check 3 "$ksem" wait --timeout 0.05 /run
kill -TERM $!
wait $!
is $? 143 'the signal was passed on'
is "$(value /run)" 1 'the permit is back after a signal'

# Waits are woken from elsewhere.
"$ksem" wait --timeout 20 /run && "$ksem" wait --timeout 20 /run &
while ! "$ksem" show --json /run | grep -q '"waiters": 1'; do sleep 0.02; done
"$ksem" post /run
wait $!
is $? 0 'a waiter goes on after a post by another process'

# field FIELD NAME: of a semaphore
field() {
	"$ksem" show --json "$2" | python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"
}

until_value() {
	while [ "$(value "$1")" != "$2" ]; do sleep 0.02; done
}

until_there() {
	until [ -e "$1" ]; do sleep 0.02; done
	rm "$1"
}

# The permit comes back when ksem is killed, but not before its program has ended.
mkfifo "$work/.go"
check 0 "$ksem" post /run
"$ksem" run --name /run -- bash -c "touch '$work/.ready'; read <'$work/.go'" &
until_there "$work/.ready"
is "$(field refs /run)" 2 'ksem and its keeper have it open'
is "$(field pids /run | tr -d '[],' | tr ' ' '\n' | grep -cx $!)" 1 'ksem is among those'
kill -KILL $!
wait $! 2>/dev/null
sleep 0.2
is "$(value /run)" 0 'ksem is dead, the program runs: the permit is held'
echo >"$work/.go"
until_value /run 1

# The same when its keeper is killed, or both the program and ksem.
"$ksem" run --name /run -- bash -c "touch '$work/.ready'; read <'$work/.go'" &
until_there "$work/.ready"
keeper=$(field pids /run | tr -d '[],' | tr ' ' '\n' | grep -vx $!)
kill -KILL "$keeper" || failed=1
sleep 0.2
is "$(value /run)" 0 'the keeper is dead, the program runs: the permit is held'
echo >"$work/.go"
wait $!
is $? 0 'the program ended well'
is "$(value /run)" 1 'the permit is back without a keeper'
"$ksem" run --name /run -- bash -c "echo \$\$ >'$work/.pid'; touch '$work/.ready'; read <'$work/.go'" &
until_there "$work/.ready"
kill -KILL "$(cat "$work/.pid")" $!
wait $! 2>/dev/null
until_value /run 1

# A service manager sends SIGTERM to all processes, the keeper too, and then kills the one it started.
"$ksem" run --name /run -- bash -c "trap '' TERM; touch '$work/.ready'; read <'$work/.go'" &
until_there "$work/.ready"
keeper=$(field pids /run | tr -d '[],' | tr ' ' '\n' | grep -vx $!)
kill -TERM "$keeper" || failed=1
kill -KILL $!
wait $! 2>/dev/null
is "$(value /run)" 0 'the program runs: the permit is held'
echo >"$work/.go"
until_value /run 1

# The terminal sends Ctrl-C to the program, and to ksem, which doesn't pass that on.
python3 - "$ksem" run --name /run -- bash -c '
n=0
trap "n=\$((n + 1))" INT
echo ready
while [ $n = 0 ]; do sleep 0.05; done
sleep 0.3; echo "interrupted: $n"' >"$work/.out" <<'PYTHON'
import os, pty, sys

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen, sent = b"", False
while True:
    try:
        part = os.read(terminal, 1000)
    except OSError:
        break
    seen += part
    if not part:
        break
    if b"ready" in seen and not sent:
        os.write(terminal, b"\x03")
        sent = True
os.waitpid(pid, 0)
sys.stdout.write(seen.decode())
PYTHON
is "$(grep -o 'interrupted: [0-9]*' "$work/.out")" 'interrupted: 1' 'a Ctrl-C comes once'

# .without CALL PROGRAM [ARGUMENT ...]: runs the program where that call of the kernel fails, as in a sandbox.
cat >"$work/.without" <<'PYTHON'
import ctypes, errno, os, struct, sys

RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
numbers = {"pidfd_open": (434, 434, errno.ENOSYS), "sendto": (44, 206, errno.ENOBUFS)}
number = numbers[sys.argv[1]][os.uname().machine == "aarch64"]
program = struct.pack("HBBI" * 4, 0x20, 0, 0, 0, 0x15, 0, 1, number, 6, 0, 0, RET_ERRNO | numbers[sys.argv[1]][2],
                      6, 0, 0, RET_ALLOW)
buffer = ctypes.create_string_buffer(program)
libc = ctypes.CDLL(None, use_errno=True)
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer)))
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter, 0, 0):
    sys.exit("prctl")
os.execvp(sys.argv[2], sys.argv[2:])
PYTHON
python3 "$work/.without" pidfd_open "$ksem" run --name /run -- bash -c "touch '$work/.ready'; read <'$work/.go'" &
until_there "$work/.ready"
kill -KILL $!
wait $! 2>/dev/null
sleep 0.2
is "$(value /run)" 0 'ksem is dead, the program runs, without pidfds: the permit is held'
echo >"$work/.go"
until_value /run 1

# The program isn't begun where its keeper can't be heard, or is dead: that is no success, nor the program's failure.
says "/run: the process that holds the permit can't be read from" \
	python3 "$work/.without" sendto "$ksem" run --name /run -- touch "$work/.begun"
check 0 "$ksem" wait /run
"$ksem" run --name /run -- touch "$work/.begun" 2>"$work/.err" &
until [ "$(field waiters /run)" = 1 ]; do sleep 0.02; done
kill -KILL "$(field pids /run | tr -d '[],' | tr ' ' '\n' | grep -vx $!)"
wait $!
is $? 1 'its keeper was killed'
is "$(cat "$work/.err")" 'ksem: /run: the process that holds the permit was killed' 'its keeper was killed'
[ -e "$work/.begun" ] && is begun '' 'the program without a permit'
check 0 "$ksem" post /run

# The program's process is killed just before ksem tells it to begin, which strace holds up: for longer where the
# machine is too slow to find the process in that time.
if command -v strace >/dev/null; then
	for seconds in 1 10 60; do
		# LeakSanitizer can't look at a program that is traced.
		ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 \
			strace -qq -o "$work/.trace" -e trace=sendto -e inject=sendto:delay_enter=${seconds}s:when=2 \
			"$ksem" run --name /run -- touch "$work/.begun" 2>"$work/.err" &
		begun=()
		while [ ${#begun[@]} != 2 ] && kill -0 $! 2>/dev/null; do
			sleep 0.02
			grep -q '^sendto' "$work/.trace" 2>/dev/null && [ "$(value /run)" = 0 ] || continue
			tool=$(cat "/proc/$!/task/$!/children")
			[ ! "$tool" ] || read -ra begun <"/proc/${tool% }/task/${tool% }/children"
		done 2>/dev/null
		[ ${#begun[@]} != 2 ] || kill -KILL "${begun[1]}" # the other is the keeper
		wait $!
		said="$? $(cat "$work/.err")"
		[ "$said" != '137 ' ] || break
		rm -f "$work/.begun" "$work/.trace"
	done
	is "$said" '137 ' 'the program was killed before it began'
	[ -e "$work/.begun" ] && is begun '' 'the program that was killed'
fi

# ksem that is killed while it waits for a permit leaves nobody who takes it.
check 0 "$ksem" wait /run
"$ksem" run --name /run -- true &
while [ "$(field waiters /run)" = 0 ]; do sleep 0.02; done
kill -KILL $!
wait $! 2>/dev/null
check 0 "$ksem" post /run
until_value /run 1
while [ "$(field refs /run)" != 0 ]; do sleep 0.02; done
is "$(value /run)" 1 'the permit is there still'

# Age and holders.
is "$(field pids /run)" '[]' 'nobody has it open'
python3 -c "exit(not 0 <= $(field age /run) < 600)" || is "$(field age /run)" 'an age'

# Views.
is "$("$ksem" watch --times 3 --interval 0.01 /run | grep -c '^/run ')" 3 'a view each time'
"$ksem" watch --json --times 2 --interval 0.01 | python3 -c '
import json, sys
views = [json.loads(line) for line in sys.stdin]
sys.exit(not (len(views) == 2 and all("/run" in [s["name"] for s in view] for view in views)))'
is $? 0 'JSON, a line a view'
is "$("$ksem" watch --json --times 1 /nothing)" null 'one that is not there'
check 2 "$ksem" watch --interval x
check 2 "$ksem" watch /a /b
"$ksem" watch --interval 100 >"$work/.out" &
until grep -q /run "$work/.out"; do sleep 0.02; done
kill -TERM $!
wait $!
is $? 0 'a signal ends the view'
script -qec "'$ksem' watch --times 2 --interval 0.01" /dev/null >"$work/.out"
is "$(grep -ac $'^\033\\[?1049h' "$work/.out")" 1 'a screen of its own'
is "$(tail -c 8 "$work/.out" | tr -d '\033')" '[?1049l' 'the screen is given back'

# Completion, in a shell. tests/tool/tool_completion.py does it on a terminal.
completed() {
	PATH=$(dirname "$ksem"):$PATH bash -c '
		source "$1"
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_ksem
		echo "${COMPREPLY[*]}"' - "$completion" "$@"
}
is "$(completed ksem w)" 'watch wait' 'commands are completed'
is "$(completed ksem post /r)" '/run' 'names are completed'
is "$(completed ksem run --name /r)" '/run' 'names are completed after --name'
is "$(completed ksem create --va)" '--value' 'options are completed'
is "$(completed ksem wait --timeout 1)" '' 'numbers are not'
is "$(completed ksem create --order '')" 'barging fifo lifo' 'orders are completed'
is "$(completed ksem create --order=l)" '--order\=lifo' 'orders are completed after ='
is "$(completed ksem create --me)" '--metrics' 'options without a value are'
is "$(completed ksem limit /r)" '/run' 'the name of a limit is completed'
is "$(completed ksem limit /run /r)" '' 'the limit is no name'
is "$(completed ksem shut) $(completed ksem shutdown /r)" 'shutdown /run' 'shutdown is completed, and its name'
is "$(completed ksem me)" 'metrics' 'metrics is completed'
is "$(completed ksem metrics /run /r)" '/run' 'metrics takes several'
is "$(completed ksem wait --c)" '--count' 'wait has a count'
is "$(completed ksem post --va)" '' 'options of other commands are not'
is "$(completed ksem create /r)" '/run' 'names that are there are shown to who makes one'
is "$(completed ksem post /run /r)" '' 'one name suffices'
is "$(completed ksem unlink /run /r)" '/run' 'unlink takes several'
mkdir "$work/.other"
check 0 "$ksem" --dir "$work/.other" create /in-other
is "$(completed ksem --dir "$work/.other" post /)" '/in-other' '--dir is heeded'
is "$(completed ksem "--dir=$work/.other" post /)" '/in-other' '--dir= is heeded'
is "$(completed ksem post --dir "$work/.other" /)" '/in-other' '--dir after the command is heeded'
is "$(completed ksem --dir "$work/.none" post /)" '' 'a directory that is not there has no names'
exit $failed
