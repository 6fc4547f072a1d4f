# make          the binaries in bin/
# make test     everything: installs what it needs, checks, tests
# make demo     a node with its own MetaDB, to look at; Ctrl-C stops it
# make image    omsinit/reference:latest, without a registry
# make bench    how long an initialisation takes, and PID 1 beside others (10 minutes)
# make fmt      gofmt
# make clean    removes what these have made, images apart

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# ./... leaves folders named testdata out; the stand-in and the test servers are
# code like any other, so their folders are named wherever packages are.
TESTDATA := ./testdata/standin/... ./testdata/testmaria/... ./testdata/testinflux/...

MAX_BYTES   := 16777216
# No file in git may be larger.
MAX_TRACKED := 1048576

# Container tests: require, auto (when an engine answers) or off.
OMSINIT_DOCKER ?= $(if $(filter true 1,$(CI)),require,auto)
# The image to build, and what to build it on: an OMS image, or nothing for the
# reference image.
IMAGE     ?= omsinit/reference:latest
OMS_IMAGE ?=

DEMO_ROOT  ?= .demo
DEMO_FLAGS ?=

.PHONY: build deps lint size test test-unit test-e2e test-container image demo bench fmt clean

build:
	CGO_ENABLED=0 go build -tags urfave_cli_no_docs -trimpath -buildvcs=false -ldflags '-s -w -X omsinit/internal/cli.version=$(VERSION)' -o bin/omsinit .
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o bin/oms-standin ./testdata/standin

deps:
	@scripts/dev/install-deps.sh

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then \
		echo "not formatted (make fmt):" $$unformatted >&2; exit 1; fi
	@large=$$(git ls-files -z | xargs -0 stat -c '%s %n' 2>/dev/null | awk '$$1 > $(MAX_TRACKED)'); if [ -n "$$large" ]; then \
		echo "tracked files of over $(MAX_TRACKED) bytes (a binary?):" "$$large" >&2; exit 1; fi
	go vet ./... $(TESTDATA)
	go tool staticcheck ./... $(TESTDATA)

size: build
	@bytes=$$(wc -c <bin/omsinit); if [ "$$bytes" -gt $(MAX_BYTES) ]; then \
		echo "bin/omsinit has $$bytes bytes; at most $(MAX_BYTES) are allowed" >&2; exit 1; fi

# One after the other, whatever -j says: some tests use the fixed ports of OMS.
test: deps
	$(MAKE) lint
	$(MAKE) size
	$(MAKE) test-unit
	$(MAKE) test-e2e
	$(MAKE) test-container

test-unit:
	@packages=$$(go list ./...) && \
		go test -race $$(echo "$$packages" | grep -v '/e2e\(/\|$$\)') $(TESTDATA)

test-e2e:
	go test -race -count=1 -timeout 20m ./e2e

test-container:
	@if [ "$(OMSINIT_DOCKER)" = off ]; then \
		echo "container tests are switched off (OMSINIT_DOCKER=off)"; \
	elif docker version --format '{{.Server.Version}}' >/dev/null 2>&1; then \
		$(MAKE) image && \
		OMSINIT_DOCKER=require OMSINIT_IMAGE=$(IMAGE) go test -race -count=1 -timeout 20m ./e2e/container; \
	elif [ "$(OMSINIT_DOCKER)" = require ]; then \
		echo "no Docker engine answers, and the container tests are required here (OMSINIT_DOCKER=require)" >&2; exit 1; \
	else \
		echo "no Docker engine answers: the container tests are left out"; \
	fi

image: build
ifeq ($(OMS_IMAGE),)
	scripts/dev/reference-base.sh bin/oms-standin
	docker build -q -t $(IMAGE) .
else
	docker build -q --build-arg OMS_IMAGE=$(OMS_IMAGE) -t $(IMAGE) .
endif

demo: deps build
	@bin/oms-standin install $(DEMO_ROOT)
	@exec bin/omsinit trial --root $(DEMO_ROOT) $(DEMO_FLAGS)

bench: deps
	go test -run '^$$' -bench . -benchmem -timeout 30m $$(go list ./...)

fmt:
	gofmt -w .

clean:
	rm -rf bin $(DEMO_ROOT)
