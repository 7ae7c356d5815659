#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What Prometheus and Grafana get: the file of ksem-textfile says the same as ksem metrics, in Prometheus' own format,
and is replaced whole or not at all; the dashboard and the alert rules use names that ksem metrics prints, and no
others; docs/metrics.md explains each of them. With promtool and node_exporter (Debian: prometheus,
prometheus-node-exporter), where they are, the rules are tried, and the file is collected. Skipped without
python3-prometheus-client.

    tests/tool/tool_prometheus.py KSEM SOURCE"""
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open_metrics
    from prometheus_client.parser import text_string_to_metric_families as read_text
except ImportError:
    print('skipped: no parser (Debian: python3-prometheus-client)')
    sys.exit(77)

sys.dont_write_bytecode = True
from tool_support import KSEM, WORK, check_all, does, fail, run

SOURCE = os.path.realpath(sys.argv[2])
TEXTFILE = os.path.join(SOURCE, 'tools/prometheus/ksem-textfile')
RULES = os.path.join(SOURCE, 'tools/prometheus/ksem.rules.yml')
DASHBOARD = os.path.join(SOURCE, 'tools/grafana/ksem.json')
PAGE = os.path.join(SOURCE, 'docs/metrics.md')
OUT = os.path.join(WORK, 'out')
FILE = os.path.join(OUT, 'ksem.prom')
GIVEN = {'instance', 'job'}  # labels that Prometheus adds
FUNCTIONS = {'and', 'avg', 'by', 'count', 'histogram_quantile', 'increase', 'max', 'max_over_time', 'min_over_time', 'or', 'rate', 'sum',
             'time', 'vector', 'le'}


def textfile(*arguments, ksem=KSEM):
    return subprocess.run([TEXTFILE, *arguments], timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, 'KSEM': ksem})


def read(name):
    with open(name, encoding='utf-8') as file:
        return file.read()


def samples_of(families):
    return sorted((sample.name, tuple(sorted(sample.labels.items())), sample.value)
                  for family in families for sample in family.samples)


def printed():
    """{name of a sample: its labels} of all that ksem metrics prints."""
    names = {}
    for name, labels, _ in samples_of(read_open_metrics(run('metrics', text=True).stdout)):
        names.setdefault(name, set()).update(label for label, _ in labels)
    return names


def makes_all_kinds():
    os.mkdir(OUT)
    does('create', '--value', '7', '/plain "quoted" \\ one')
    does('create', '--undo', '--limit', '5', '--metrics', '/all')
    if run('wait', '--count', '6', '--timeout', '0.01', '/all').returncode == 0:
        fail('six permits of five')


def text_says_the_same():
    """Types too: counters are counters, and the info is a gauge."""
    answer = textfile(FILE)
    if answer.returncode or answer.stdout or answer.stderr:
        fail('textfile: %r' % answer)
    families = list(read_text(read(FILE)))
    wanted = list(read_open_metrics(run('metrics', text=True).stdout))
    if samples_of(families) != samples_of(wanted) or len(samples_of(wanted)) < 50:
        fail('samples: %r, not %r' % (samples_of(families), samples_of(wanted)))
    types = {family.name: (family.type, family.documentation) for family in families}
    for family in wanted:
        name = 'ksem_semaphore_info' if family.type == 'info' else family.name
        kind = 'gauge' if family.type == 'info' else family.type
        if types.get(name) != (kind, family.documentation):
            fail('%s: %r' % (name, types.get(name)))
    # As node_exporter's parser, which is stricter: it knows five types, and a counter by its whole name.
    for line in read(FILE).splitlines():
        if line.startswith('# ') and not re.fullmatch(r'# (TYPE [a-z_]+ (counter|gauge|histogram)|HELP [a-z_]+ .*)', line):
            fail('line %r' % line)
    if '# TYPE ksem_waits_total counter\n# HELP ksem_waits_total ' not in read(FILE):
        fail('the name of a counter: %r' % read(FILE))
    if os.listdir(OUT) != ['ksem.prom'] or os.stat(FILE).st_mode & 0o777 != 0o644:
        fail('files: %r' % os.listdir(OUT))
    if textfile(FILE, '/all').returncode or 'plain' in read(FILE) or 'ksem_value{name="/all"} 5' not in read(FILE):
        fail('one name: %r' % read(FILE))


def text_is_whole_or_stays():
    before = read(FILE)
    partial = os.path.join(WORK, 'partial')
    with open(partial, 'w', encoding='utf-8') as file:
        file.write('#!/bin/sh\necho "# TYPE ksem_value gauge"\n')
    os.chmod(partial, 0o755)
    for ksem in partial, '/bin/false', '/nonexistent':
        answer = textfile(FILE, ksem=ksem)
        if answer.returncode != 1 or b'stays as it was' not in answer.stderr or read(FILE) != before or os.listdir(OUT) != ['ksem.prom']:
            fail('%s: %r, %r' % (ksem, answer, os.listdir(OUT)))
    answer = textfile('--help')
    if answer.returncode != 0 or b'ksem-textfile FILE [NAME ...]' not in answer.stdout or answer.stderr:
        fail('--help: %r' % (answer,))
    for wrong in (), (os.path.join(OUT, 'ksem.txt'),):
        answer = textfile(*wrong)
        if answer.returncode != 2 or b'ksem-textfile FILE [NAME ...]' not in answer.stderr:
            fail('%r: %r' % (wrong, answer))
    if textfile(os.path.join(OUT, 'none', 'ksem.prom')).returncode != 1:
        fail('a folder that is not there')


def uses_only_what_is_printed(where, expression, names, others):
    for label in re.findall(r'([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)\s*"', expression):
        if not any(label in labels for labels in names.values()) and label not in GIVEN | {'file'}:
            fail('%s: no label %s: %s' % (where, label, expression))
    plain = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without) \([^)]*\)', '', expression)
    used = {word for word in re.findall(r'[A-Za-z_]\w*', plain) if word not in FUNCTIONS}
    for name in used - set(names) - others:
        fail('%s: ksem metrics prints no %s: %s' % (where, name, expression))
    return used


def dashboard():
    """Valid, panels with ids of their own that don't overlap, and each query and variable of the selected data source."""
    names, used = printed(), set()
    board = json.loads(read(DASHBOARD))
    panels = board['panels']
    if len({panel['id'] for panel in panels}) != len(panels) or not all(panel['title'] for panel in panels):
        fail('dashboard: ids %r' % [panel['id'] for panel in panels])
    cells = [(x, y) for panel in panels for place in [panel['gridPos']]
             for x in range(place['x'], place['x'] + place['w']) for y in range(place['y'], place['y'] + place['h'])]
    if len(set(cells)) != len(cells) or max(x for x, _ in cells) > 23:
        fail('dashboard: panels overlap')
    variables = {one['name'] for one in board['templating']['list']} | {'__rate_interval', '__range'}
    for panel in panels:
        if not panel['targets'] or len({target['refId'] for target in panel['targets']}) != len(panel['targets']):
            fail('dashboard: %s: queries %r' % (panel['title'], panel['targets']))
        for target in panel['targets']:
            used |= uses_only_what_is_printed(panel['title'], target['expr'], names, set())
            if 'instance=~"$instance", name=~"$name"' not in target['expr']:
                fail('dashboard: %s ignores what is selected: %s' % (panel['title'], target['expr']))
    for one in board['templating']['list']:
        if one['type'] == 'query':
            used |= uses_only_what_is_printed(one['name'], re.sub(r'label_values\((.*), \w+\)', r'\1', one['definition']), names, set())
    text = json.dumps(board)
    for variable in re.findall(r'\$\{?(\w+)', text):
        if variable not in variables and variable != '__all':
            fail('dashboard: no variable %s' % variable)
    if '"uid": "${datasource}"' not in text or re.search(r'"uid": "(?!\$\{datasource\}"|ksem")', text):
        fail('dashboard: a data source of somebody')
    shown = {name.replace('_bucket', '').replace('_sum', '').replace('_count', '') for name in used}
    for name in names:
        if name not in used and re.sub('_(bucket|sum|count)$', '', name) not in shown:
            fail('dashboard: it does not show %s' % name)


# What two machines publish, as series of promtool, and what the queries of the dashboard's table must answer 60 seconds
# after the start. The semaphore has the same name on both; without metrics, a semaphore has no longest wait.
SERIES = {
    'ksem_semaphore_info{instance="one", job="node", name="/a", id="1"}': '1',
    'ksem_semaphore_info{instance="two", job="node", name="/a", id="2"}': '1',
    'ksem_semaphore_info{instance="two", job="node", name="/b", id="3"}': '1',
    'ksem_wait_max_seconds{instance="one", job="node", name="/a"}': '0.5',
    'ksem_wait_max_seconds{instance="two", job="node", name="/a"}': '3',
    'ksem_made_timestamp_seconds{instance="one", job="node", name="/a"}': '10',
    'ksem_made_timestamp_seconds{instance="two", job="node", name="/a"}': '20',
    'ksem_made_timestamp_seconds{instance="two", job="node", name="/b"}': '30',
}
ANSWERS = {
    'A': [({'instance': 'one', 'name': '/a', 'id': '1'}, 1), ({'instance': 'two', 'name': '/a', 'id': '2'}, 1),
          ({'instance': 'two', 'name': '/b', 'id': '3'}, 1)],
    'B': [({'instance': 'one', 'name': '/a'}, 0.5), ({'instance': 'two', 'name': '/a'}, 3)],
    'C': [({'instance': 'one', 'name': '/a'}, 50), ({'instance': 'two', 'name': '/a'}, 40), ({'instance': 'two', 'name': '/b'}, 30)],
}


def promtool(*command):
    answer = subprocess.run(['promtool', *command], timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if answer.returncode:
        fail('promtool %s: %s' % (' '.join(command[:2]), answer.stdout))


def merge(answers):
    """As Grafana's transformation of that name: rows become one that agree in all fields that all queries answer with."""
    fields = {ref: set().union(*(labels for labels, _ in rows)) for ref, rows in answers.items()}
    merged = {}
    for ref, rows in answers.items():
        for labels, value in rows:
            row = merged.setdefault(tuple(labels[field] for field in sorted(set.intersection(*fields.values()))), {})
            if any(row.get(field, text) != text for field, text in labels.items()):
                fail('the table has two rows for %r' % labels)
            row.update(labels, **{'Value #' + ref: value})
    return sorted(merged.values(), key=lambda row: row['id'])


def table():
    """The dashboard's table has a row for each semaphore of each machine, also where two have the same name."""
    one, = [panel for panel in json.loads(read(DASHBOARD))['panels'] if panel['type'] == 'table']
    organize = one['transformations'][1]['options']
    if [step['id'] for step in one['transformations']] != ['merge', 'organize']:
        fail('table: %r' % one['transformations'])
    if merge(ANSWERS) != [
            {'instance': 'one', 'name': '/a', 'id': '1', 'Value #A': 1, 'Value #B': 0.5, 'Value #C': 50},
            {'instance': 'two', 'name': '/a', 'id': '2', 'Value #A': 1, 'Value #B': 3, 'Value #C': 40},
            {'instance': 'two', 'name': '/b', 'id': '3', 'Value #A': 1, 'Value #C': 30}]:
        fail('table: %r' % merge(ANSWERS))
    renamed = {field['matcher']['options'] for field in one['fieldConfig']['overrides']}
    shown = {'Value #' + ref for ref in ANSWERS} - set(organize['excludeByName'])
    if shown != set(organize['renameByName']) or renamed != set(organize['renameByName'].values()):
        fail('table: %r, %r' % (organize, renamed))
    if not shutil.which('promtool'):
        return print('skipped: the queries of the table: no promtool (Debian: prometheus)')
    queries = [{'expr': target['expr'].replace('$instance', '.*').replace('$name', '.*'), 'eval_time': '1m',
                'exp_samples': [{'labels': '{%s}' % ', '.join('%s="%s"' % pair for pair in labels.items()), 'value': value}
                                for labels, value in ANSWERS[target['refId']]]} for target in one['targets']]
    file = os.path.join(WORK, 'table.yml')
    with open(file, 'w', encoding='utf-8') as text:
        json.dump({'tests': [{'interval': '1m', 'promql_expr_test': queries,
                              'input_series': [{'series': name, 'values': value + 'x1'} for name, value in SERIES.items()]}]}, text)
    promtool('test', 'rules', file)


def rules():
    names = printed()
    expressions = re.findall(r'expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)', read(RULES))
    for folded, plain in expressions:
        uses_only_what_is_printed('rules', folded or plain, names, {'node_textfile_mtime_seconds'})
    tried = read(os.path.join(SOURCE, 'tests/tool/prometheus_rules.yml'))
    alerts = re.findall(r'- alert: (\w+)', read(RULES))
    if len(alerts) != len(expressions) or any(tried.count('alertname: ' + alert) < 2 - (alert == alerts[0]) for alert in alerts):
        fail('rules: %r are not all tried' % alerts)
    for alert in alerts:
        if '| `%s` |' % alert not in read(PAGE):
            fail('docs/metrics.md lacks the alert %s' % alert)
    if not shutil.which('promtool'):
        print('skipped: alert rules: no promtool (Debian: prometheus)')
        return
    promtool('check', 'rules', RULES)
    promtool('test', 'rules', os.path.join(SOURCE, 'tests/tool/prometheus_rules.yml'))


def linted():
    """As docs/metrics.md says: promtool accepts the file, and doesn't know the type info of OpenMetrics."""
    if not shutil.which('promtool'):
        return print('skipped: lint: no promtool (Debian: prometheus)')
    textfile(FILE)
    for text, wanted in (read(FILE), 0), (run('metrics', text=True).stdout, 1):
        answer = subprocess.run(['promtool', 'check', 'metrics'], input=text, timeout=60, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)
        if answer.returncode != wanted or wanted and 'unknown metric type "info"' not in answer.stdout:
            fail('promtool check metrics: %r, not %d' % (answer, wanted))


def page():
    """Its table has each figure, as it is called there, and no other."""
    rows = {name for row in re.findall(r'^\| (`ksem_.*?) \|', read(PAGE), flags=re.M) for name in re.findall(r'`(\w+)`', row)}
    if rows != set(printed()):
        fail('docs/metrics.md: %r' % sorted(rows ^ set(printed())))


def collected():
    """node_exporter reads the file, and has every sample; of what ksem metrics prints itself it has none."""
    exporter = shutil.which('prometheus-node-exporter') or shutil.which('node_exporter')
    if not exporter:
        print('skipped: node_exporter (Debian: prometheus-node-exporter)')
        return
    textfile(FILE)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([exporter, '--collector.disable-defaults', '--collector.textfile', '--collector.textfile.directory', OUT,
                                '--web.listen-address', '127.0.0.1:%d' % port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        limit = time.monotonic() + 60
        while True:
            try:
                text = urllib.request.urlopen('http://127.0.0.1:%d/metrics' % port, timeout=60).read().decode()
                break
            except urllib.error.URLError:  # it doesn't listen yet
                if time.monotonic() > limit or process.poll() is not None:
                    return fail('node_exporter does not listen')
                time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    got = [sample for sample in samples_of(read_text(text)) if sample[0].startswith('ksem_')]
    rounded = [(name, tuple((key, value if key != 'le' else float(value)) for key, value in labels), float(value)) for name, labels, value in got]
    wanted = [(name, tuple((key, value if key != 'le' else float(value)) for key, value in labels), float(value))
              for name, labels, value in samples_of(read_text(read(FILE)))]
    if sorted(rounded, key=str) != sorted(wanted, key=str) or 'node_textfile_scrape_error 0' not in text:
        fail('node_exporter: %r, not %r' % (rounded, wanted))


check_all(makes_all_kinds, text_says_the_same, text_is_whole_or_stays, dashboard, table, rules, linted, page, collected)
