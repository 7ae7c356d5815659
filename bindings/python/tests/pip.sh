#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# `pip install` makes of the source tree a package that needs no other installation of ksem, without a network.
#   bindings/python/tests/pip.sh SOURCE
# Skipped (77) without pip, meson-python or Python's headers, and without KSEM_TEST_WIDE, since it takes a minute.
set -u
[ -n "${KSEM_TEST_WIDE-}" ] || { echo 'skipped: KSEM_TEST_WIDE is not set'; exit 77; }
source=$(realpath "$1")
python=/usr/bin/python3
for module in pip mesonpy; do
	$python -c "import $module" 2>/dev/null || { echo "skipped: no $module for $python"; exit 77; }
done
[ -f "$($python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ] || {
	echo 'skipped: no Python.h'
	exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$source/tests/checks.bash"
unset PYTHONPATH KSEM_DIR DESTDIR

# pip writes beside what it builds.
mkdir "$work/a tree" && tar -C "$source" --exclude ./.git --exclude './build*' -cf - . | tar -C "$work/a tree" -xf - ||
	exit 1

installs() {
	(cd "$work/a tree" && $python -m pip --disable-pip-version-check --no-cache-dir install --no-build-isolation \
		--no-index --no-deps --target "$work/installed" .)
}

has_just_the_package() {
	(cd "$work/installed" &&
		find . -path ./ksem-\*.dist-info -prune -o -name __pycache__ -prune -o ! -type d -print) |
		sort >"$work/files"
	printf './ksem/%s\n' __init__.py _errors.py _ksem.abi3.so _ksem.pyi aio.py mp.py py.typed | diff - "$work/files"
}

needs_no_libksem() {
	readelf -d "$work/installed/ksem/_ksem.abi3.so" >"$work/dynamic" &&
		! grep -E 'libksem|R(UN)?PATH' "$work/dynamic"
}

exports_its_init_alone() {
	[ "$(nm -D --defined-only "$work/installed/ksem/_ksem.abi3.so" | sed 's/.* //')" = PyInit__ksem ]
}

works() {
	(cd / && PYTHONPATH=$work/installed timeout 200 $python "$source/bindings/python/tests/$1.py")
}

check 'pip installs it' installs
check 'the package has its files, and nothing else of ours' has_just_the_package
check 'the extension needs no libksem.so' needs_no_libksem
check 'the extension exports PyInit__ksem alone' exports_its_init_alone
for name in semaphores tasks processes; do
	check "$name.py, on what pip installed" works $name
done
exit $failed
