"""Benchmarks; each is run by `python -m benchmarks.NAME`, takes `--quick` and `--json FILE`.

`--quick` ends within 45 seconds. The JSON file is one flat object of figure names to numbers.
"""

from dynamicrypt.demo.built import require_core

require_core()
