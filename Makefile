# What one does with Meshline. Every target is explained by its own comment.
.DEFAULT_GOAL := help
SHELL := /bin/bash

SQLC := CGO_ENABLED=0 go run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1
LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

ERP ?= ledger

.PHONY: help demo test test-live chaos lint bench generate

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Run everything on this machine, with nothing configured; ERP=odoo plays an Odoo 19, ERP=odoo17 an Odoo 17.
	@mkdir -p .build && go build -o .build/meshline ./bot/cmd/meshline
	@exec .build/meshline demo --erp $(ERP)

test: ## Run all tests with the race detector.
	@mkdir -p .build && rm -f .build/chaos.txt
	MESHLINE_FIGURES=$(CURDIR)/.build/chaos.txt go test -race -timeout 14m ./...
	@cat .build/chaos.txt

test-live: ## Run the conformance suites against the servers that MESHLINE_TEST_… name.
	go test -count=1 -v -run TestLive ./sync/odoo ./sync/hubspot

chaos: ## Kill Meshline 100 times at every step of the protocol and at random; takes half an hour and prints its figures last.
	@mkdir -p .build && rm -f .build/chaos.txt
	MESHLINE_CHAOS=1 MESHLINE_FIGURES=$(CURDIR)/.build/chaos.txt go test -count=1 -timeout 60m -parallel 2 -run TestChaos ./bot/app
	@cat .build/chaos.txt

lint: ## Check style, import rules and generated code.
	@test -z "$$(gofmt -l bot jobs sync views storage)" || { gofmt -l bot jobs sync views storage; echo "gofmt would change these files"; exit 1; }
	go vet ./...
	$(LINT) run ./...
	$(SQLC) diff -f .sqlc.yaml

bench: ## Measure Meshline against the floor, three times each.
	go test -run '^$$' -bench Throughput -benchtime 1x -timeout 30m ./bot/app

generate: ## Write the generated code and the golden files anew.
	$(SQLC) generate -f .sqlc.yaml
	go test ./views/gallery -update
