# Everything a developer types. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/target/tools/bin:$(PATH):$(HOME)/.cargo/bin

SUDO := $(if $(filter 0,$(shell id -u)),,sudo -E)
BIN := target/release
# How long `make sim` storms in all, and `make hunt` per size of pool, in seconds; from which seed.
SIM_SECONDS ?= 120
HUNT_SECONDS ?= 3600
SEED ?= 1
SIM_THREADS ?= 2
# How many faults `make soak` injects, and by which seed.
N ?= 20

.PHONY: help deps web build install demo demo-down test web-dev lint fix test-fencing bench-lab bench-api fuzz bench-planner soak soak-long sim hunt bless reference

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install what is missing (Debian 12; root or sudo)
	@scripts/install-deps

web: ## build the web console into web/dist; havend embeds it when it is built next
	@scripts/install-deps --web
	@scripts/web build

build: deps web ## build all programs (release), with the web console in havend
	cargo build --release --locked --bins

install: ## copy programs and units to this host (after `make build`; root); DESTDIR= is honoured
	install -D -m 755 -t $(DESTDIR)/usr/sbin $(BIN)/havend $(BIN)/haven-guard
	install -D -m 755 -t $(DESTDIR)/usr/bin $(BIN)/haven
	@test -e $(DESTDIR)/usr/bin/xe || ln -s haven $(DESTDIR)/usr/bin/xe
	@mkdir -p $(DESTDIR)/etc/systemd/system
	cp -r packaging/systemd/. $(DESTDIR)/etc/systemd/system/
	@test -e $(DESTDIR)/etc/haven/guard.toml || install -D -m 644 packaging/etc/guard.toml $(DESTDIR)/etc/haven/guard.toml
	@test -e $(DESTDIR)/etc/modprobe.d/haven.conf || install -D -m 644 packaging/modprobe.d/haven.conf $(DESTDIR)/etc/modprobe.d/haven.conf
	@test -e $(DESTDIR)/etc/pam.d/haven || install -D -m 644 packaging/pam.d/haven $(DESTDIR)/etc/pam.d/haven
	@mkdir -p $(DESTDIR)/usr/share/bash-completion/completions
	$(BIN)/haven completion bash > $(DESTDIR)/usr/share/bash-completion/completions/haven
	install -m 644 packaging/bash-completion/xe $(DESTDIR)/usr/share/bash-completion/completions/xe

demo: deps ## a pool of three hosts on this machine, and what happens when hosts die
	cargo build --locked --bins
	$(SUDO) target/debug/haven-lab demo

demo-down: ## stop the demo's pool and remove all of it
	@if [ -x target/debug/haven-lab ]; then $(SUDO) target/debug/haven-lab down; else echo "nothing to stop: the demo was never built here"; fi

test: ## all checks and tests, with real libvirt hosts in namespaces (root or sudo)
	@scripts/test

.PHONY: web-story

WEB_LANGUAGE ?= en

web-story: web ## the console's story on real hosts in namespaces, in Chromium: WEB_LANGUAGE=zh-CN HAVEN_KEYBOARD=1
	cargo build --locked --bins
	$(SUDO) scripts/web-story $(WEB_LANGUAGE)

test-fencing: ## power fencing with one of Debian's agents and an IPMI simulator, which it installs
	@scripts/install-deps --fencing
	CI=true cargo nextest run --locked -p haven-drivers --test ipmi

.PHONY: bench-web

MEMORY_SECONDS ?= 600

bench-web: deps web ## measure the web console with 64 simulated hosts and 3,000 VMs, one `figure` line each: MEMORY_SECONDS=0 without its memory after minutes
	cargo build --release --locked -p haven-daemon -p haven-lab --bins
	@scripts/install-deps --checks
	@HAVEN_BENCH_MEMORY_S=$(MEMORY_SECONDS) scripts/web-bench

web-dev: ## the web console on port 5173 with a mock pool; HAVEN_SERVER=https://HOST for a real one
	@scripts/install-deps --web
	@scripts/web run dev

lint: ## formatting, clippy, licences, layers, tidy: read-only
	@scripts/install-deps --checks
	@scripts/lint

fix: ## let the tools mend what they can
	cargo fmt --all
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

bench-lab: build ## measure the lab's figures, one `figure <name> <value> <unit>` line each
	$(SUDO) $(BIN)/haven-lab --id bench bench --profile fast
	$(SUDO) $(BIN)/haven-lab --id bench bench --profile default

soak: ## random faults on a pool of real daemons and guests: N=20 SEED=1
	cargo build --locked --bins
	$(SUDO) target/debug/haven-lab --id soak soak --faults $(N) --seed $(SEED) --profile fast
	$(SUDO) target/debug/haven-lab --id soak soak --faults $(N) --seed $(SEED) --profile default --fencing

.PHONY: bench-needless
bench-needless: ## every fault that must stop no host, once each, and storage stalls of 45 s: `needless_fences` 0
	cargo build --locked --bins
	$(SUDO) target/debug/haven-lab --id needl soak --tolerated --seed $(SEED) --profile fast --three-statefiles
	$(SUDO) target/debug/haven-lab --id needl soak --tolerated --seed $(SEED) --profile default --two-networks
	$(SUDO) target/debug/haven-lab --id needl soak --faults 1 --seed $(SEED) --only stalls_45_s_for_all
	$(SUDO) target/debug/haven-lab --id needl soak --faults 1 --seed $(SEED) --only stalls_45_s_with
	$(SUDO) target/debug/haven-lab --id needl soak --faults 1 --seed $(SEED) --only full_load_1_min

soak-long: ## what must be tolerated for long: storage stalls of 45 s, 10 minutes of full CPU and disk
	cargo build --locked --bins
	$(SUDO) target/debug/haven-lab --id soak soak --faults 4 --seed $(SEED) --only 45_s
	$(SUDO) target/debug/haven-lab --id soak soak --faults 1 --seed $(SEED) --only full_load

fuzz: ## damaged input for the codecs and expressions: FUZZ_ITERATIONS=1000000 FUZZ_SEED=1
	FUZZ_ITERATIONS=$${FUZZ_ITERATIONS:-1000000} cargo test --release --locked --quiet -p haven-api --test fuzz

.PHONY: bench-guard
bench-guard: ## what one guard costs in pools of 2, 8 and 64 hosts: processor time, statefile and network
	cargo bench --locked --quiet -p haven-guard --bench guard
	BENCH_PROFILE=fast cargo bench --locked --quiet -p haven-guard --bench guard
	cargo test --locked --quiet -p haven-guard --test three_guards -- --nocapture heap allocations

bench-api: ## measure the API on two cores, 64 simulated hosts and 3,000 VMs, one `figure` line each
	cargo bench --locked --quiet -p haven-daemon --bench api

bench-planner: ## measure the planner beside the known approach, one `figure <name> <value> <unit>` line each
	cargo bench --locked -p haven-planner --bench planner
	cargo bench --locked --quiet -p haven-daemon --bench view

sim: ## storms, scenarios and removed rules in the simulator, as figures (ten minutes on two cores)
	cargo build --release --locked -p haven-sim --features mutations
	@for hosts in 1 2 3 5 8; do target/release/haven-sim run --hosts $$hosts --first $(SEED) --seeds 1000000 --seconds $$(( $(SIM_SECONDS) / 5 )) --threads $(SIM_THREADS) || exit 1; done
	@target/release/haven-sim stories
	@target/release/haven-sim mutations --threads $(SIM_THREADS)

.PHONY: bench-sim
bench-sim: ## the simulator's speed, of the build for hunts: three hosts, storms of one and of ten minutes
	@sim=$$(scripts/build-hunt) || exit 1; \
	  $$sim run --hosts 3 --first $(SEED) --seeds 1000000 --seconds 20 || exit 1; \
	  $$sim run --hosts 3 --first $(SEED) --seeds 1000000 --seconds 20 --profile default --storm-ms 600000

hunt: ## storms for as long as one likes: HUNT_SECONDS=3600 SEED=1 SIM_THREADS=2
	@sim=$$(scripts/build-hunt) || exit 1; \
	for hosts in 2 3 4 5 8 16 32; do $$sim run --profile mixed --hosts $$hosts --first $(SEED) --seeds 1000000000 --seconds $(HUNT_SECONDS) --threads $(SIM_THREADS) || exit 1; done

bless: ## write the expected logs of all scenarios anew, for review
	HAVEN_BLESS=1 cargo nextest run --locked -p haven-sim --test stories

.PHONY: test-kill-points
test-kill-points: ## power lost after every write to the metadata volume, and 20,000 flipped bytes
	VOLUME_FAULTS=all cargo test --release --locked --quiet -p haven-daemon --test volume_faults -- --nocapture --test-threads 1

.PHONY: bench-kills
KILL_POINTS ?= 200

bench-kills: ## the coordinator killed 200 times while it acknowledges writes, in the lab: KILL_POINTS=200 SEED=1
	cargo build --locked --bins
	$(SUDO) target/debug/haven-lab --id kills kills --points $(KILL_POINTS) --seed $(SEED)

.PHONY: model
model: ## explore the independent models of the protocol, whole or to a bound that is said (minutes, GiB)
	cargo run --release --locked -p haven-model-check

reference: ## write reference pages and client types of the API into target/reference
	cargo run --quiet --locked -p xtask -- reference target/reference

.PHONY: bench-xe fuzz-xe

# The pool of the bench of xe: directory and port.
XE_POOL := target/bench-xe
XE_PORT ?= 18743

bench-xe: ## wall time of `xe` with 64 simulated hosts and 3,000 VMs
	cargo build --release --locked -p haven-lab -p haven-daemon -p haven-cli --bins
	@rm -rf $(XE_POOL); mkdir -p $(XE_POOL)
	@$(BIN)/haven-lab sim-pool --hosts 64 --vms 3000 --port $(XE_PORT) --dir $(XE_POOL) > $(XE_POOL)/out & \
	  pool=$$!; trap 'kill $$(sed -n "s/^pid *//p" $(XE_POOL)/out) $$pool 2>/dev/null' EXIT; \
	  until grep -q ^ready $(XE_POOL)/out; do sleep 0.5; kill -0 $$pool || exit 1; done; \
	  echo "# over the local socket"; HAVEN_SOCKET=$(XE_POOL)/run/haven/havend.sock scripts/bench-xe $(BIN)/haven; \
	  echo "# over TLS"; HAVEN_CA=$(XE_POOL)/var/lib/haven/tls/ca.pem HAVEN_SOCKET=/nowhere \
	    XE_EXTRA_ARGS="server=127.0.0.1,port=$(XE_PORT),username=root,password=haven-sim" \
	    scripts/bench-xe $(BIN)/haven | sed 's/^figure xe_/figure xe_tls_/'

FUZZ_CASES ?= 20000

fuzz-xe: ## frames and command lines of xe by chance: FUZZ_CASES=20000 of each
	PROPTEST_CASES=$(FUZZ_CASES) cargo test --release --locked -p haven-xe --test xe fuzz
