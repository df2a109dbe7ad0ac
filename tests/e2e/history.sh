#!/usr/bin/env bash
# Prints a git history for `git fast-import`: COUNT commits, branches, merges and tags, the same every time.
#
# usage: history.sh COUNT | git fast-import --done
set -euo pipefail
awk -v count="${1:?usage: history.sh COUNT}" '
function file(path, text) { printf "M 100644 inline %s\ndata %d\n%s\n", path, length(text), text }
function commit(branch, n, more) {
    printf "commit refs/heads/%s\nmark :%d\n", branch, n
    printf "author Person %d <person%d@example.com> %d +0100\n", n % 9, n % 9, 1500000000 + n * 977
    printf "committer Person %d <person%d@example.com> %d +0100\n", n % 9, n % 9, 1500000000 + n * 977
    message = "Change " n " on " branch "\n\nBecause of " n * 31 % 1009 ".\n"
    printf "data %d\n%s%s", length(message), message, more
}
function body(n,   text, k) {
    text = ""
    for (k = 0; k < 3 + n % 50; k++) text = text "line " k ": " (n * 7919 + k * 104729) % 1000003 "\n"
    return text
}
BEGIN {
    for (n = 1; n <= count; n++) {
        branch = n % 10 == 4 ? "side" : "main"
        more = ""
        if (n > 10 && n % 10 == 4) more = "from :" n - 1 "\n"          # a side branch leaves
        if (n > 10 && n % 10 == 6) more = "from :" n - 1 "\nmerge :" n - 2 "\n"  # and comes back
        commit(branch, n, more)
        file("src/" n % 23 "/" n % 211 ".txt", body(n))
        if (n % 5 == 0) file("docs/" n % 17 ".md", "# " n "\n" body(n + 1))
        if (n % 97 == 0) printf "M 100755 inline bin/run-%d\ndata 10\n#!/bin/sh\n\n", n % 7
        if (n % 400 == 0) {
            printf "tag v1.%d.0\nfrom :%d\ntagger Person 1 <person1@example.com> %d +0100\ndata 8\nrelease\n\n", n / 400, n, 1500000000 + n * 977
            printf "reset refs/heads/release-1.%d\nfrom :%d\n\n", n / 400, n
        }
        if (n % 300 == 0) printf "reset refs/tags/v0.%d\nfrom :%d\n\n", n / 300, n
    }
    printf "reset refs/heads/main\nfrom :%d\n\n", count
    printf "reset refs/heads/scratch\nfrom :%d\n\n", int(count / 2) + 1
    printf "reset refs/pull/1/head\nfrom :%d\n\n", int(count / 3) + 1
    print "done"
}'
