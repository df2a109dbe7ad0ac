#!/usr/bin/env python3
"""Counts what Haversack finds in the charts of the corpus, beside `grep image:` and hauler.

usage: recall.py [--missed]

  --missed  also prints what each of the three misses and what it takes for an image or a file wrongly

The truth is tests/it/data/images.tsv. What Haversack finds is what the test `recall` prints; grep reads what helm prints; hauler
adds the chart, with its images, to a store, says which images those are, and is stopped before it fetches one. All three get the
same charts and values. An image counts once in each case, whatever the number of templates that name it. helm4 is
looked for as in run.py, hauler in $HAVERSACK_PEERS. What is not there is "not run". Exit: 0 when Haversack finds everything
and nothing else.
"""
import argparse, os, pathlib, re, subprocess, sys, tempfile

sys.dont_write_bytecode = True
from run import CACHE, ROOT, assemble, charts, not_run, peer, run, table

TRUTH = ROOT / "tests/it/data/images.tsv"
VALUES = ROOT / "tests/it/data/images"
CORPUS = ROOT / "../shared/corpus/charts"
# What the list calls `opaque` names nothing that could be found.
KINDS = {"image": "image", "implied": "image", "file": "file"}
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def truth():
    """Images and files of each case: {(chart, case): {(kind, what)}}."""
    cases = {}
    for line in TRUTH.read_text().splitlines():
        if not line.startswith("#"):
            chart, case, verdict, what, _ = line.split("\t")
            things = cases.setdefault((chart, case), set())
            if verdict in KINDS:
                things.add((KINDS[verdict], what))
    return cases


def canonical(text):
    """An image as the list writes it: with a host, and with a tag when it has no digest."""
    host, slash, rest = text.partition("/")
    if not slash or not (re.search("[.:]", host) or host == "localhost"):
        host, rest = "docker.io", text
    if host == "docker.io" and "/" not in rest:
        rest = f"library/{rest}"
    pointed = "@" in rest or ":" in rest.rpartition("/")[2]
    return f"{host}/{rest}" if pointed else f"{host}/{rest}:latest"


# --- the three


def haversack(cases):
    """What the test found, case by case. Candidates are not counted: no bundle has them unasked."""
    command = [os.environ.get("CARGO", "cargo"), "test", "--quiet", "--test", "it", "recall", "--", "--nocapture"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    found = {case: set() for case in cases}
    for line in done.stdout.splitlines():
        if line.startswith("found\t"):
            _, chart, case, verdict, what, _ = line.split("\t")
            if verdict in KINDS:
                found[chart, case].add((KINDS[verdict], what))
    totals = [line for line in done.stderr.splitlines() if line.startswith("recall: ")]
    if not totals:
        sys.exit(f"the test did not run:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    print(*totals)
    return found, done.returncode == 0


def grep(helm, chart, flags):
    """`helm template | grep image:`, and the word after it."""
    code, text, said, _ = run(helm, chart, flags)
    if code:
        sys.exit(f"{chart.name}: {said}")
    words = re.findall(r"""image:[ \t]*['"]?([^\s'"]+)""", text)
    return {("image", canonical(word)) for word in words}


def hauler(program, helm, chart, flags, folder):
    """The images that hauler is about to fetch; None when it does not say."""
    packed = subprocess.run([helm, "package", chart, "-d", folder], check=True, capture_output=True, text=True)
    archive = pathlib.Path(packed.stdout.split()[-1]).name
    # A proxy that is not there: should it be faster than its end, nothing is fetched.
    nowhere = dict.fromkeys(["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"], "http://127.0.0.1:9")
    env = {**os.environ, **nowhere, "HOME": str(folder), "NO_COLOR": "1"}
    command = [program, "store", "add", "chart", archive, "--repo", ".", "--add-images", *flags]
    command += ["--store", "store", "--retries", "1", "--log-level", "debug"]
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        lines = []
        for line in child.stdout:
            lines.append(COLOUR.sub("", line))
            names = re.search(r"successfully parsed image references \[(.*)\]", lines[-1])
            if names:
                child.kill()
                return {("image", canonical(name)) for name in names[1].split()}
    print(f"{chart.name}: hauler says nothing of images: {''.join(lines[-1:]).strip()}", file=sys.stderr)
    return None


def hauler_or_not():
    path = pathlib.Path(os.environ.get("HAVERSACK_PEERS") or CACHE) / "hauler"
    if path.is_file():
        return str(path)
    print("not run: hauler (not in $HAVERSACK_PEERS)")
    return None


def peers(cases, helm, program):
    """What grep and hauler find, case by case."""
    known, notes = charts(CORPUS.resolve()), []
    found = {"grep": {}, **({"hauler": {}} if program else {})}
    with tempfile.TemporaryDirectory(prefix="haversack-recall.") as folder:
        folder, copies = pathlib.Path(folder), {}
        for chart, case in cases:
            copy = copies.get(chart) or assemble(known[chart], known, folder, notes)
            copies[chart] = copy or sys.exit("\n".join(notes))
            own = copy / case if case.startswith("ci/") else VALUES / chart / f"{case}.yaml"
            flags = ["--values", str(own)] if own.is_file() or case != "defaults" else []
            found["grep"][chart, case] = grep(helm, copy, flags)
            if program:
                with tempfile.TemporaryDirectory(dir=folder) as empty:
                    names = hauler(program, helm, copy, flags, empty)
                found["hauler"][chart, case] = names or set()
    return found


# --- the table


def row(name, kind, cases, found):
    """True, found, missed and false things of a kind in all cases."""
    of = lambda things: {thing for thing in things if thing[0] == kind}
    true = sum(len(of(things)) for things in cases.values())
    hits = sum(len(of(cases[case]) & of(found[case])) for case in cases)
    wrong = sum(len(of(found[case]) - of(cases[case])) for case in cases)
    return [f"{name}, {kind}s", *map(str, [true, hits, true - hits, wrong]), f"{hits / max(1, true):.1%}"]


def show_missed(name, cases, found):
    for chart, case in cases:
        for word, things in [
            ("misses", cases[chart, case] - found[chart, case]),
            ("false", found[chart, case] - cases[chart, case]),
        ]:
            for _, what in sorted(things):
                print(f"  {name}: {chart} {case} {word} {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--missed", action="store_true")
    options = parser.parse_args()
    if not CORPUS.is_dir():
        not_run("no charts at ../shared/corpus/charts")
    cases = truth()
    ours, sound = haversack(cases)
    all_found = {"haversack": ours}
    helm = peer("helm4")
    if helm:
        all_found |= peers(cases, helm, hauler_or_not())
    rows = [[f"{len(cases)} cases", "true", "found", "missed", "false", "recall"]]
    rows += [row(name, kind, cases, found) for kind in ["image", "file"] for name, found in all_found.items()]
    table(rows)
    if options.missed:
        for name, found in all_found.items():
            show_missed(name, cases, found)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
