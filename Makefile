# Haversack. `make demo` shows it, `make test` proves it; both need only Rust and git.

CARGO ?= cargo
TARGET_MUSL = x86_64-unknown-linux-musl

FUZZ_SECONDS ?= 120

.PHONY: demo test check ci e2e helm-oracle fuzz bench dist schema help

# Shows the main job end to end on loopback: outside world, lock, build, verify, empty inside, replay.
demo:
	$(CARGO) test --quiet --test demo -- --narrate

# Runs every test that needs nothing but Rust and git (others say "not run").
test:
	$(CARGO) test

# Looks at the code without running it: format, lints, documentation, licences and advisories.
check:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --quiet
	@if ! command -v cargo-deny >/dev/null; then echo "not run: cargo deny (cargo install cargo-deny)"; \
	else cargo deny check bans licenses sources && if cargo deny fetch db >/dev/null 2>&1; \
	then cargo deny check advisories; else echo "not run: advisories (their database is out of reach)"; fi; fi

# What CI runs, and nothing else: look, test, and meet the real peers that install in minutes.
ci: check test
	HAVERSACK=target/debug/haversack tests/e2e/run.sh --tier 1 --no-install

# Meets all real peers: docker-registry, zot, skopeo, crane, oras, helm, soft-serve, git http-backend.
e2e:
	$(CARGO) build --release
	tests/e2e/run.sh

# Holds `haversack render` against `helm template` (v4, v3) on every chart of the corpus, byte by byte.
helm-oracle:
	$(CARGO) build --release
	tests/oracle/run.py

# Throws damaged templates, charts, values and documents at all that reads them, for FUZZ_SECONDS; overflows are caught.
fuzz:
	$(CARGO) test --test fuzz -- --seconds $(FUZZ_SECONDS)

# Counts what the finder finds in the charts of the corpus, and misses, beside `grep image:` and hauler.
recall:
	tests/oracle/recall.py

# Measures against skopeo and hauler in one run; prints a table with ratios and the commands.
bench:
	$(CARGO) build --release
	tests/bench/run.sh

# Builds the static binary for any Linux of this architecture into dist/.
dist:
	rustup target add $(TARGET_MUSL)
	$(CARGO) build --release --target $(TARGET_MUSL)
	mkdir -p dist
	cp target/$(TARGET_MUSL)/release/haversack dist/
	cd dist && sha256sum haversack > haversack.sha256

# Writes the inventory's JSON schema again after its types changed.
schema:
	$(CARGO) run --quiet -- schema > inventory/inventory.schema.json

# Lists the targets.
help:
	@awk '/^# /{text=substr($$0,3)} /^[a-z0-9-]+:/{sub(/:.*/,""); print "make " $$0 "\t" text}' Makefile | column -t -s "$$(printf '\t')"
