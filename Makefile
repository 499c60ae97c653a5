# Two commands do everything on a fresh machine: `make demo` and `make test`. What they lack they install first:
# uv by pip into .tools, system packages by apt where that may be done, the Python packages of uv.lock into .venv.

UV := $(shell command -v uv || echo .tools/bin/uv)
# Not `uv run`: it leaves a lock file in /tmp, and stands between us and Ctrl-C.
RUN := PATH="$(CURDIR)/.venv/bin:$$PATH"
TOOLS := git bwrap rg socat setpriv
PACKAGES := git bubblewrap ripgrep socat util-linux libseccomp2
# As Debian's pip: a company's own certificates are known to the system.
export UV_SYSTEM_CERTS ?= 1
# What some machines set for containers costs each of our processes seconds here: it would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check bench soak install
.DEFAULT_GOAL := help

help: ## list these commands
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

demo: install ## watch a labelled issue become a pull request: no account, no key
	@$(RUN) minions demo $(ARGS)

# The folder's name is short: a socket's path has room for 107 bytes, and tests start servers in folders of folders.
test: check ## all checks and all tests
	@place=$$($(RUN) python -m tests.memory) && folder=$$(mktemp -d -p "$$place" t.XXXXXX) && chmod 711 "$$folder" && \
	trap 'rm -rf --one-file-system "$$folder"' EXIT && trap : INT TERM && \
	TMPDIR="$$folder" $(RUN) pytest --basetemp="$$folder/tests" --numprocesses=auto --maxprocesses=4 --max-worker-restart=0 $(ARGS)

check: install ## style, types and floors
	@$(RUN) ruff check .
	@$(RUN) ruff format --check --quiet .
	@$(RUN) mypy
	@$(RUN) lint-imports

bench: install ## figures, each beside something real in the same run; also written to bench.json
	@$(RUN) python -m tests.bench.run

soak: install ## the long ones: storms of 200 runs with workers killed all the time, and the image built and tried
	@$(RUN) pytest -n0 -m soak $(ARGS)

install: $(UV) ## what the other commands need
	@missing=""; for tool in $(TOOLS); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing$$missing"; \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends $(PACKAGES); } >/dev/null; \
	else \
	  echo "These programs are missing:$$missing. Install them, then try again: sudo apt-get install $(PACKAGES)"; exit 1; \
	fi
	@mkdir -p .tools && TMPDIR="$(CURDIR)/.tools" $(UV) sync --locked --quiet

.tools/bin/uv:
	@echo "Installing uv"
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools uv
