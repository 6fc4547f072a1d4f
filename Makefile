# make          the binaries in bin/
# make test     everything: installs what it needs, checks, tests
# make demo     a node with its own MetaDB, to look at; Ctrl-C stops it
# make cluster-soak   the cluster through everything that is known to happen to clusters (40 minutes)
# make cluster-demo   three regions of two nodes in containers; make cluster-demo-down removes them
# make image    omsinit/reference:latest, without a registry
# make bench    how long an initialisation takes, and PID 1 beside others (10 minutes)
# make fuzz     every reader of foreign bytes, FUZZTIME (20s) each
# make sweep    every fault at every system call of the steps and of an upgrade (hours; CI tries a sample)
# make test-machine   the units of deploy under a systemd and a podman of their own, which moves control groups about
# make soak     PID 1 without processes, threads, memory, disk or descriptors, for SOAK (1h)
# make vuln     known vulnerabilities in what the binary calls, where their database can be reached
# make release VERSION=v1.2.3   everything that is published of a tag, in dist; make release-check tries it on any commit
# make fmt      gofmt
# make clean    removes what these have made, images apart

# The tag, or where the tree is since the last one; the commit and its time.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null)
DATE    ?= $(shell TZ=UTC0 git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)

# ./... leaves folders named testdata out; the stand-in and the test servers are
# code like any other, so their folders are named wherever packages are.
TESTDATA := ./testdata/standin/... ./testdata/testmaria/... ./testdata/testinflux/... ./testdata/testbrowser/... ./testdata/testpicture/... \
	./testdata/testports/... ./testdata/testsecrets/... ./testdata/testtidy/...

MAX_BYTES   := 15728640
# No file in git may be larger.
MAX_TRACKED := 1048576

# Container tests: require, auto (when an engine answers) or off.
OMSINIT_DOCKER ?= $(if $(filter true 1,$(CI)),require,auto)
# The image to build, and what to build it on: an OMS image, or nothing for the
# reference image.
IMAGE     ?= omsinit/reference:latest
OMS_IMAGE ?=

DIST          ?= dist
RELEASE_FLAGS ?=

DEMO_ROOT  ?= .demo
DEMO_FLAGS ?=

# The other servers that the MetaDB may be, and what talks to it.
SERVERS := mysql mariadb-11.8
# Of ./init/upgrade: apply, failures at every stage and the automatic way back, 16 nodes at once, and the relay that
# answers as OceanBase does.
UPGRADE := TestUpgradeAndRollBack|TestErrorAtEveryStage|TestKilledAtEveryStage|TestStepByStepAndDirectly|TestNodesTogether|TestWithoutLocks
METADB  := ./internal/database ./internal/ha ./internal/registry ./init/metadb/...
# Tests of other rooms that name all servers.
EACH     = $(shell awk -F '[^A-Za-z0-9_]' '/^func Test/ { name = $$2 } /testmaria\.Each/ { printf "%s|", name }' init/upgrade/*_test.go init/flow/*_test.go)

.PHONY: roots test-alone build binary deps packages lint size test test-unit test-metadb test-e2e test-fuzz test-container test-machine man pictures completions image demo cluster-demo cluster-demo-down cluster-soak scale release release-check bench fuzz sweep soak vuln fmt clean

# urfave_cli_no_docs leaves out the generators of man pages, nethttpomithttp2 HTTP/2 (0.5 MB), which neither the CM nor
# InfluxDB 1.x speaks.
BIN  ?= bin
TAGS := urfave_cli_no_docs,nethttpomithttp2
# Nothing is inlined where it cannot be felt, which makes 1.5 MB. The last pattern decides: what runs for every byte,
# row or event stays as it is. Functions begin at multiples of 4 bytes, the least on arm64, instead of 32, which makes
# 0.3 MB.
HOT   := runtime/... internal/... bytes strconv unicode/... hash/... \
	crypto/sha256 io math/bits slices maps encoding/binary omsinit/init/metadb/backup \
	omsinit/internal/database github.com/go-sql-driver/mysql github.com/cespare/xxhash/v2
BUILD := -tags $(TAGS) -trimpath -buildvcs=false -gcflags=all=-l $(HOT:%=-gcflags=%=)

SET   := -X omsinit/internal/cli.version=$(VERSION) -X omsinit/internal/cli.commit=$(COMMIT) -X omsinit/internal/cli.date=$(DATE)

build: binary
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o $(BIN)/oms-standin ./testdata/standin

# For another processor: make binary GOARCH=arm64 BIN=...
binary:
	CGO_ENABLED=0 go build $(BUILD) -ldflags '-s -w -funcalign=4 $(SET)' -o $(BIN)/omsinit .

# The manual pages and what completes commands in a shell, made by the binary itself.
man: build
	@mkdir -p bin/man/man1 bin/man/zh_CN/man1
	bin/omsinit help --man --lang en >bin/man/man1/omsinit.1
	bin/omsinit help --man --lang zh >bin/man/zh_CN/man1/omsinit.1

completions: build
	@mkdir -p bin/completions
	bin/omsinit completion bash >bin/completions/omsinit
	bin/omsinit completion zsh >bin/completions/_omsinit

# The pictures of the documentation, from what a test sees.
pictures: packages
	for lang in zh en; do OMS_LANG=$$lang OMSINIT_PICTURES=$(CURDIR)/docs/pictures go test -count=1 -run '^TestPage$$' ./e2e || exit; done

deps: packages roots

# The systems that tests run in, without a registry.
roots: packages
	@for server in $(SERVERS) podman; do scripts/dev/server-root.sh $$server >/dev/null || exit; done
	@if [ "$(OMSINIT_DOCKER)" != off ] && docker version >/dev/null 2>&1; then scripts/dev/reference-base.sh --os; fi

packages:
	@scripts/dev/install-deps.sh

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then \
		echo "not formatted (make fmt):" $$unformatted >&2; exit 1; fi
	@large=$$(git ls-files -z | xargs -0 stat -c '%s %n' 2>/dev/null | awk '$$1 > $(MAX_TRACKED)'); if [ -n "$$large" ]; then \
		echo "tracked files of over $(MAX_TRACKED) bytes (a binary?):" "$$large" >&2; exit 1; fi
	go vet ./... $(TESTDATA)
	go vet -tags soak,machine ./e2e/...
	go tool staticcheck ./... $(TESTDATA)
	go -C scripts/release vet ./...
	go -C deploy/kubernetes/test vet ./...
	go -C scripts/release tool actionlint $(abspath $(wildcard .github/workflows/*.yml))

size: build
	@bytes=$$(wc -c <bin/omsinit); if [ "$$bytes" -gt $(MAX_BYTES) ]; then \
		echo "bin/omsinit has $$bytes bytes; at most $(MAX_BYTES) are allowed" >&2; exit 1; fi

# One after the other, whatever -j says: some tests use the fixed ports of OMS. Only the systems are fetched meanwhile.
# Beside the end-to-end tests, which wait more than they work, go those of the other servers, and what reads foreign bytes
# is fuzzed.
test: packages
	$(MAKE) -j2 roots test-alone
	$(MAKE) -j3 -Oline test-e2e test-metadb test-fuzz
	$(MAKE) test-container

test-alone:
	$(MAKE) -j1 lint
	$(MAKE) -j1 size
	$(MAKE) -j1 release-check
	$(MAKE) -j1 test-unit

# Tests wait more than they work: one package more than there are processors. On the machine's own MariaDB; test-metadb
# has the others.
test-unit:
	@packages=$$(go list ./...) && \
		go -C deploy/kubernetes/test test ./... && \
		OMSINIT_TEST_SERVER=mariadb go test -race -timeout 25m -p $$(($$(nproc) + 1)) $$(echo "$$packages" | grep -v '/e2e\(/\|$$\)') $(TESTDATA)

# Without -race, and not cut at every statement, which test-unit has: here the servers differ, not this program. A server
# that cannot be made is a failure.
test-metadb:
	@for server in $(SERVERS); do \
		echo "the MetaDB is $$server"; OMSINIT_TEST_SERVER=$$server nice go test -short -timeout 10m $(METADB) && \
		OMSINIT_TEST_SERVER=$$server nice go test -short -timeout 10m -run '^($(EACH)$(UPGRADE))$$' ./init/upgrade ./init/flow || exit; done

test-fuzz:
	nice -n 19 scripts/dev/fuzz.sh 20s

# The program as it is shipped: -race would watch the tests only.
test-e2e:
	go test -count=1 -timeout 20m ./e2e

test-container:
	@if [ "$(OMSINIT_DOCKER)" = off ]; then \
		echo "container tests are switched off (OMSINIT_DOCKER=off)"; \
	elif docker version --format '{{.Server.Version}}' >/dev/null 2>&1; then \
		$(MAKE) image && \
		OMSINIT_DOCKER=require OMSINIT_IMAGE=$(IMAGE) go test -count=1 -p 2 -parallel 3 -timeout 40m ./e2e/container ./e2e/cluster; \
	elif [ "$(OMSINIT_DOCKER)" = require ]; then \
		echo "no Docker engine answers, and the container tests are required here (OMSINIT_DOCKER=require)" >&2; exit 1; \
	else \
		echo "no Docker engine answers: the container tests are left out"; \
	fi

# Not among the tests: a systemd of its own wants control groups, and a mistake there disturbs the whole machine.
test-machine: packages image
	OMSINIT_DOCKER=require OMSINIT_IMAGE=$(IMAGE) go test -tags machine -count=1 -timeout 20m -run '^TestMachine$$' ./e2e/container

image: build
ifeq ($(OMS_IMAGE),)
	scripts/dev/reference-base.sh bin/oms-standin
	docker build -q -t $(IMAGE) .
else
	docker build -q --build-arg OMS_IMAGE=$(OMS_IMAGE) -t $(IMAGE) .
endif

# What the release of a tag is made of and signed with: scripts/release.
release:
	go -C scripts/release run . -version '$(VERSION)' -out '$(abspath $(DIST))' $(RELEASE_FLAGS)

# A release of this commit that nobody publishes: one program made twice, no image, a key for this run.
release-check:
	rm -rf bin/release
	go -C scripts/release run . -dry-run -out '$(abspath bin/release)'

demo: packages build
	@bin/oms-standin install $(DEMO_ROOT)
	@exec bin/omsinit trial --root $(DEMO_ROOT) $(DEMO_FLAGS)

cluster-demo: packages image
	@OMSINIT_IMAGE=$(IMAGE) deploy/compose/demo.sh

cluster-demo-down:
	@deploy/compose/demo.sh down

# What takes too long for every run of the tests: docs/cluster.md has the results.
cluster-soak: packages image
	OMSINIT_IMAGE=$(IMAGE) go test -tags soak -count=1 -timeout 90m -v -run TestCluster ./e2e/cluster
	@for nodes in 1 2 16; do OMSINIT_UPGRADE_NODES=$$nodes go test -count=1 -v -run TestUpgradeTogether ./e2e || exit; done

# 128 regions of 8 nodes join one MetaDB, each node a process.
scale: packages
	OMSINIT_SCALE=1 go test -run '^$$' -bench BenchmarkScale -benchtime 1x -timeout 60m ./e2e

bench: deps
	scripts/dev/install-deps.sh --bench
	go test -run '^$$' -bench . -benchmem -timeout 30m $$(go list ./...)

FUZZTIME ?= 20s
SOAK     ?= 1h

fuzz:
	scripts/dev/fuzz.sh $(FUZZTIME)

sweep: packages
	OMSINIT_SWEEP=all go test -count=1 -timeout 24h -v -run TestFaults ./e2e

# Both at the same time, one beside the other.
soak: packages image
	OMSINIT_SOAK=$(SOAK) OMSINIT_IMAGE=$(IMAGE) go test -count=1 -timeout 24h -v -run '^(TestNoProcessLeft|TestScarce)$$' ./supervise ./e2e/container

vuln:
	scripts/dev/vuln.sh

fmt:
	gofmt -w .

clean:
	rm -rf bin $(DIST) $(DEMO_ROOT)
