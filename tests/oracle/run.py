#!/usr/bin/env python3
"""Holds `haversack render` against `helm template`, file by file and byte by byte.

usage: run.py [--only CHART[,CHART]] [--case NAME] [--once] [--no-v3] [--diffs N] [--keep DIR]

  --only    these charts alone             --once   one timed run instead of three
  --case    cases whose name has this      --no-v3  leave helm 3 out
  --diffs   how many diffs are shown (20)  --keep   writes every output below a folder

Every chart below $HAVERSACK_CORPUS (default ../shared/corpus/charts) is rendered with its defaults, with every
ci/*-values.yaml of its own, and with the features in features.txt. $HAVERSACK names the program (default
target/release/haversack). helm4 and helm3 are looked for in $HAVERSACK_PEERS and target/oracle/, and built there with Go
when they are missing. What is not there is "not run". Exit: 0 when everything that helm renders is rendered here and 99 %
of the files are identical to the byte.
"""
import argparse, difflib, os, pathlib, re, shutil, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
CACHE = ROOT / "target" / "oracle"
HELM = {"helm4": "helm.sh/helm/v4/cmd/helm@v4.2.4", "helm3": "helm.sh/helm/v3/cmd/helm@v3.21.4"}
WANTED = 0.99
SECONDS_MAX = 120


def not_run(why):
    print(f"not run: {why}")
    sys.exit(0)


try:
    import yaml
except ImportError:
    not_run("python3-yaml is not installed")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def peer(name):
    """The path of a helm, built when need be; None, with a word, when it cannot be had."""
    for folder in filter(None, [os.environ.get("HAVERSACK_PEERS"), CACHE]):
        path = pathlib.Path(folder) / name
        if path.is_file():
            return str(path)
    if not shutil.which("go"):
        print(f"not run: {name} (needs Go to build {HELM[name]})")
        return None
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "GOBIN": folder, "CGO_ENABLED": "0"}
        done = subprocess.run(["go", "install", HELM[name]], env=env, capture_output=True, text=True)
        if done.returncode:
            print(f"not run: {name} ({done.stderr.strip().splitlines()[-1:]})")
            return None
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.move(os.path.join(folder, "helm"), CACHE / name)
    return str(CACHE / name)


# --- charts and cases


def charts(corpus):
    """Every chart's folder that is not inside another chart, by name."""
    found = {}
    for path in sorted(corpus.rglob("Chart.yaml")):
        if not any((above / "Chart.yaml").is_file() for above in path.parent.parents):
            found[path.parent.name] = path.parent
    return found


def assemble(chart, known, folder, notes):
    """A copy with the dependencies that the corpus has. False when one is missing."""
    copy = folder / chart.name
    shutil.copytree(chart, copy)
    about = yaml.load((copy / "Chart.yaml").read_text(), LOADER)
    whole = True
    for wanted in about.get("dependencies") or []:
        name, version = wanted["name"], str(wanted.get("version", ""))
        if list((copy / "charts").glob(f"{name}*")):
            continue
        if name not in known:
            notes.append(f"{chart.name}: the corpus has no {name} {version}")
            whole = False
            continue
        shutil.copytree(known[name], copy / "charts" / name)
        file = copy / "charts" / name / "Chart.yaml"
        has = str(yaml.load(file.read_text(), LOADER)["version"])
        if re.fullmatch(r"[0-9.]+", version) and version != has:
            text = re.sub(r"(?m)^version:.*$", f"version: {version}", file.read_text())
            file.write_text(text)
            notes.append(f"{chart.name}: {name} {has} stands in for {version}")
    return copy if whole else None


def features():
    table = {}
    for line in (HERE / "features.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            chart, case, flags = line.split(None, 2)
            # Flags have no spaces and no quotes: they mean to a shell what they mean here.
            table.setdefault(chart, {})[case] = flags.split()
    return table


def cases(chart, switched):
    """Name and flags of each case of a chart."""
    always = switched.get("*", [])
    yield "defaults", always
    for file in sorted((chart / "ci").glob("*.yaml")):
        yield f"ci/{file.name}", always + ["--values", str(file)]
    for name, flags in switched.items():
        if name != "*":
            yield name, always + flags


# --- running


def helm_flags(flags):
    """Flags for helm: the name of the release stands first there."""
    flags = list(flags)
    name = []
    if "--name" in flags:
        at = flags.index("--name")
        name, flags[at : at + 2] = [flags[at + 1]], []
    return name, flags


def run(program, chart, flags, more=()):
    """Exit code, standard output, standard error, seconds."""
    if "haversack" in os.path.basename(program):
        command = [program, "render", str(chart), *flags]
    else:
        name, flags = helm_flags(flags)
        command = [program, "template", *name, str(chart), *flags, *more]
    begin = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS_MAX)
        code, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        code, out, err = -1, b"", f"no end after {SECONDS_MAX} s".encode()
    return code, out.decode(errors="replace"), err.decode(errors="replace"), time.perf_counter() - begin


def files(text):
    """The parts of a printed manifest by their `# Source:`."""
    found = {}
    for part in re.split(r"(?m)^---\n(?=# Source: )", text)[1:]:
        source, _, body = part.partition("\n")
        found.setdefault(source.removeprefix("# Source: "), []).append(body)
    return found


def same_yaml(ours, theirs):
    try:
        load = lambda parts: [list(yaml.load_all(part, LOADER)) for part in parts]
        return load(ours) == load(theirs)
    except yaml.YAMLError:
        return False


def masked(lines, again):
    """Lines with those blanked that another run of helm writes differently: random values, times."""
    return [line if line == other else None for line, other in zip(lines, again)]


def compare(ours, theirs, again):
    """Each file's verdict, and the diff of those that differ."""
    ours, theirs, again = files(ours), files(theirs), files(again)
    for source in sorted(set(ours) | set(theirs)):
        mine, other = ours.get(source), theirs.get(source)
        if mine == other:
            yield source, "same", ""
            continue
        left, right = "".join(other or []).splitlines(), "".join(mine or []).splitlines()
        third = "".join(again.get(source, [])).splitlines()
        if third != left and len(third) == len(left) == len(right):
            hidden = masked(left, third)
            if all(a is None or a == b for a, b in zip(hidden, right)):
                yield source, "random", ""
                continue
        diff = "\n".join(list(difflib.unified_diff(left, right, "helm", "haversack", lineterm="", n=1))[:30])
        if mine and other and same_yaml(mine, other):
            yield source, "yaml", diff
        else:
            yield source, "differs", diff or "the same lines, but for white space at the ends"


def trimmed(text):
    """A manifest as Helm 3 would have it: no white space at the end of a document."""
    return {source: [part.strip() for part in parts] for source, parts in files(text).items()}


# --- the table

COLUMNS = ["chart", "cases", "refused", "failed", "files", "same", "random", "yaml", "differs", "v3 same", "helm s", "here s", "ratio"]


class Row:
    def __init__(self, name):
        self.name, self.v3_same, self.v3_files = name, 0, 0
        self.cases = self.refused = self.failed = 0
        self.count = dict.fromkeys(["same", "random", "yaml", "differs"], 0)
        self.helm = self.here = 0.0

    def add(self, other):
        for key in ["cases", "refused", "failed", "helm", "here", "v3_same", "v3_files"]:
            setattr(self, key, getattr(self, key) + getattr(other, key))
        for key in self.count:
            self.count[key] += other.count[key]

    def files(self):
        return sum(self.count.values())

    def identical(self):
        return (self.count["same"] + self.count["random"]) / max(1, self.files())

    def cells(self):
        ratio = f"{self.helm / self.here:.1f}" if self.here else "-"
        v3 = f"{self.v3_same}/{self.v3_files}" if self.v3_files else "-"
        times = [f"{self.helm:.2f}", f"{self.here:.2f}", ratio]
        counts = [self.cases, self.refused, self.failed, self.files(), *self.count.values(), v3]
        return [self.name, *map(str, counts), *times]


def table(rows):
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        print("  ".join(c.ljust(w) if at == 0 else c.rjust(w) for at, (c, w) in enumerate(zip(row, widths))))


class Oracle:
    def __init__(self, options, ours, helm4, helm3):
        self.options, self.ours, self.helm4, self.helm3 = options, ours, helm4, helm3
        self.diffs, self.failures, self.odd, self.old = [], [], [], []
        self.kube = self.default_kube_version() if helm3 else None

    def default_kube_version(self):
        """What Helm 4 takes the cluster for; Helm 3 is told the same."""
        with tempfile.TemporaryDirectory() as folder:
            chart = pathlib.Path(folder)
            (chart / "templates").mkdir()
            (chart / "Chart.yaml").write_text("apiVersion: v2\nname: probe\nversion: 0.1.0\n")
            (chart / "templates" / "a.yaml").write_text("v: {{ .Capabilities.KubeVersion.Version }}\n")
            return run(self.helm4, chart, [])[1].split("v: ")[1].strip()

    def case(self, row, chart, name, flags):
        times = 1 if self.options.once else 3
        helm = [run(self.helm4, chart, flags) for _ in range(max(2, times))]
        here = [run(self.ours, chart, flags) for _ in range(times)]
        self.keep(chart.name, name, helm[0], here[0])
        row.cases += 1
        if helm[0][0] != 0:
            row.refused += 1
            if here[0][0] == 0:
                self.odd.append(f"{chart.name} {name}: helm refuses, rendered here: {last(helm[0][2])}")
            return
        if here[0][0] != 0:
            row.failed += 1
            self.failures.append(f"{chart.name} {name}: {last(here[0][2])}")
            return
        row.helm += statistics.median(r[3] for r in helm)
        row.here += statistics.median(r[3] for r in here)
        random = set()
        for source, verdict, diff in compare(here[0][1], helm[0][1], helm[1][1]):
            row.count[verdict] += 1
            if verdict == "random":
                random.add(source)
            if diff:
                self.diffs.append((f"{chart.name} {name}: {source} ({verdict})", diff))
        parts = lambda text: [(s, len(p)) for s, p in files(text).items()]
        if parts(here[0][1]) != parts(helm[0][1]):
            self.diffs.append((f"{chart.name} {name}: order of files", ""))
        self.old_helm(row, chart, f"{chart.name} {name}", flags, here[0][1], random)

    def old_helm(self, row, chart, what, flags, ours, random):
        """Helm 3 is looked at for what it does otherwise; it decides nothing."""
        if not self.helm3:
            return
        more = [] if "--kube-version" in flags else ["--kube-version", self.kube]
        code, out, _, _ = run(self.helm3, chart, flags, more)
        if code == 0:
            theirs, ours = trimmed(out), trimmed(ours)
            compared = [source for source in theirs if source not in random]
            others = [source for source in compared if ours.get(source) != theirs[source]]
            row.v3_files += len(compared)
            row.v3_same += len(compared) - len(others)
            self.old += [f"{what}: {source}" for source in others]

    def keep(self, chart, name, helm, here):
        if self.options.keep:
            folder = pathlib.Path(self.options.keep) / chart / name.replace("/", "_")
            folder.mkdir(parents=True, exist_ok=True)
            for side, (_, out, err, _) in [("helm", helm), ("here", here)]:
                (folder / f"{side}.yaml").write_text(out)
                (folder / f"{side}.err").write_text(err)


def last(text):
    lines = [line for line in text.strip().splitlines() if line.startswith(("error:", "Error:"))]
    return (lines or text.strip().splitlines() or ["no words"])[0][:300]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag, kind in [("--only", str), ("--case", str), ("--keep", str), ("--diffs", int)]:
        parser.add_argument(flag, type=kind, default=20 if kind is int else None)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--no-v3", action="store_true")
    options = parser.parse_args()
    ours = os.environ.get("HAVERSACK", str(ROOT / "target/release/haversack"))
    corpus = pathlib.Path(os.environ.get("HAVERSACK_CORPUS", ROOT / "../shared/corpus"))
    corpus = (corpus / "charts" if (corpus / "charts").is_dir() else corpus).resolve()
    if not corpus.is_dir():
        not_run(f"no charts at {corpus} ($HAVERSACK_CORPUS)")
    helm4 = peer("helm4") or not_run("helm 4 is not there")
    oracle = Oracle(options, ours, helm4, None if options.no_v3 else peer("helm3"))
    known, switched, notes, rows = charts(corpus), features(), [], []
    only = options.only.split(",") if options.only else known
    with tempfile.TemporaryDirectory(prefix="haversack-oracle.") as folder:
        for name in only:
            row = Row(name)
            chart = assemble(known[name], known, pathlib.Path(folder), notes)
            if chart is None:
                notes.append(f"{name}: not run, its dependencies are missing")
                continue
            for case, flags in cases(chart, switched.get(name, {})):
                if not options.case or options.case in case:
                    oracle.case(row, chart, case, flags)
            rows.append(row)
            print(f"{name}: {row.cases} cases, {row.failed} failed, {row.identical():.1%} identical", file=sys.stderr)
    return report(oracle, rows, notes)


def report(oracle, rows, notes):
    total = Row("all")
    for row in rows:
        total.add(row)
    table([COLUMNS] + [row.cells() for row in rows + [total]])
    for title, lines in [("notes", notes), ("failed here", oracle.failures), ("rendered here alone", oracle.odd), ("otherwise in helm 3", oracle.old)]:
        if lines:
            print(f"\n{title} ({len(lines)}):", *lines, sep="\n  ")
    if oracle.diffs:
        print(f"\ndiffering files ({len(oracle.diffs)}):")
        for at, (what, diff) in enumerate(oracle.diffs):
            print(f"  {what}")
            if at < oracle.options.diffs and diff:
                print("\n".join(f"      {line}" for line in diff.splitlines()))
    slower = [row.name for row in rows if row.here > row.helm]
    print(f"\nidentical to the byte: {total.identical():.2%} of {total.files()} files;", end=" ")
    print(f"slower than helm: {', '.join(slower) or 'none'}")
    return 1 if total.failed or total.identical() < WANTED else 0


if __name__ == "__main__":
    sys.exit(main())
