# Two commands for a newcomer: `make run` and `make test`. Each installs what is missing first.
SHELL := /bin/bash
JOBS ?= $(shell nproc)

.PHONY: help docs install uninstall package image release run demo shots test test-all build bootstrap bootstrap-test asan tsan fuzz mutants plan-bench plan-trust coverage bench bench-quick bench-growth bench-cluster budget differential crash torture-cluster stop-asan stop-tsan format lint clean

help:
	@echo "make run       install what is missing, build, start the gateway on this machine only"
	@echo "make demo      in a second shell: a policy, a webhook, a mail, a refusal explained"
	@echo "make shots     pictures of every page with demo data, light, dark and phone, in build/shots"
	@echo "make docs      the handbook, a site with search, in build/docs; links are checked"
	@echo "make test      install, build, run what every change must pass"
	@echo "make install   puts the built program, its pages and its units in place (PREFIX=/usr/local, DESTDIR=)"
	@echo "make uninstall removes what make install put in place, and no configuration or data"
	@echo "make package   the Debian package for this machine, in dist/, tried in a root of its own (root)"
	@echo "make image     a container image without a shell, with its bills of materials, in dist/, started once (root)"
	@echo "make release   packages for Debian 12 and 13, image, provenance, in dist/ (root; see docs/release.md first)"
	@echo "make test-all  the same and more, in longer forms: for the night"
	@echo "make bench     Postern beside other servers; writes docs/benchmarks.md anew (root)"
	@echo "make bench-quick  a minute: ratios to the committed figures, a warning at +10 % (root)"
	@echo "make bench-growth  charts of cost by number of webhooks, rules, keys, mails, accounts (root)"
	@echo "make bench-cluster  a cluster beside the limit of its database; up to an hour (root, packages of tests/cluster/rig)"
	@echo "make budget    what each part of a message costs, and may cost (root, perf)"
	@echo "make differential  random restriction lists beside the real Postfix (root, postfix-pcre)"
	@echo "make crash     100 kills under load: nothing acknowledged is lost (ROUNDS=, SEED=, SHIM=all)"
	@echo "make torture-cluster  gateways over one PostgreSQL while things break; writes docs/cluster.md (ROUNDS=)"
	@echo "make stop-asan | stop-tsan  20 stops with everything under way, with sanitizers"
	@echo "make mutants   faults planted in the compiler of plan: each has to be found by its tests"
	@echo "make plan-trust  a million dialogues beside the diagrams of plan, all small lists, and z3 about some"
	@echo "make plan-bench  what plan proves about single edits of real configurations, and how long it takes; writes docs/benchmarks.md"
	@echo "make coverage  line coverage of the SMTP session core"
	@echo "make asan | tsan | fuzz | lint | format"

bootstrap:
	@tools/bootstrap

bootstrap-test:
	@tools/bootstrap test

run: bootstrap
	@tools/build release postern
	@exec build/release/postern serve

demo:
	@tools/demo

docs: bootstrap-test
	@tools/docs

shots: bootstrap-test
	@tools/build release postern
	@tests/system/web.py --shots

build: bootstrap
	@tools/build release postern

install: build
	@packaging/install "$${DESTDIR:-}" "$${PREFIX:-/usr/local}"

uninstall:
	@packaging/install --remove "$${DESTDIR:-}" "$${PREFIX:-/usr/local}"

package: bootstrap-test
	@tools/build release postern
	@packaging/package

image: bootstrap-test
	@tools/build release postern
	@packaging/image

release: bootstrap-test
	@packaging/release $${KEY:+--key "$$KEY"} $${SUITES:+--suites "$$SUITES"} $${REPROTEST:+--reprotest} $${ARCH:+--arch "$$ARCH"}

test: bootstrap-test
	@tools/test

test-all: bootstrap-test
	@tools/test --all

asan: bootstrap
	@tools/build asan all && ctest --preset asan

tsan: bootstrap
	@tools/build tsan all && ctest --preset tsan

fuzz: bootstrap
	@tools/build asan all && tools/fuzz $${SECONDS_EACH:-20}

differential: bootstrap-test
	@tools/build release postern
	@tests/postfix/differential --seed $${SEED:-1} --cases $${CASES:-500}

crash: bootstrap
	@tools/build release postern
	@tests/crash/run --rounds $${ROUNDS:-100} --seed $${SEED:-1} $${SHIM:+--shim $$SHIM}
	@tests/crash/stop --rounds $${STOPS:-20} --seed $${SEED:-1}

torture-cluster: bootstrap-test
	@tools/build release postern
	@tests/cluster/torture --rounds $${ROUNDS:-10}

stop-asan: bootstrap
	@tools/build asan postern
	@tests/crash/stop --binary build/asan/postern --slow 2 --seed $${SEED:-1}

stop-tsan: bootstrap
	@tools/build tsan postern
	@tests/crash/stop --binary build/tsan/postern --slow 3 --seed $${SEED:-1}

mutants: bootstrap-test
	@cmake --preset release -DPOSTERN_TESTS=ON > /dev/null && tools/build release plan_test
	@tests/tools/plan_mutants.py --verbose

plan-trust: bootstrap-test
	@cmake --preset release -DPOSTERN_TESTS=ON > /dev/null && tools/build release plan_test postern
	@POSTERN_PLAN_LISTS=$${LISTS:-25000} build/release/src/plan_test --gtest_brief=1 --gtest_filter='PlanCompileTest.DiagramsSay*'
	@POSTERN_PLAN_STRIDE=1 build/release/src/plan_test --gtest_brief=1 --gtest_filter='PlanSmallScope.*'
	@tests/tools/plan_second_opinion.py --pairs 2000

plan-bench: bootstrap
	@tools/build release postern
	@bench/plan_bench --play 100 --write
	@bench/plan_bars --write

coverage: bootstrap
	@tools/coverage

bench: bootstrap
	@bench/run --write

bench-quick: bootstrap
	@bench/run --quick

bench-growth: bootstrap
	@bench/growth --write

bench-cluster: bootstrap
	@bench/cluster --write

budget: bootstrap
	@bench/budget

format:
	@git ls-files 'src/*.h' 'src/*.cc' 'fuzz/*.cc' 'bench/*.cc' 'tests/*.cc' | xargs clang-format-19 -i

lint:
	@tools/lint

clean:
	rm -rf build
