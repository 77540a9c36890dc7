#!/usr/bin/env bash
# Build the example programs from the C sources of the tests, with clang and wasm-ld of the PyPI package ziglang.
# Usage: build.sh [PYTHON_WITH_ZIGLANG]
set -euo pipefail
cd "$(dirname "$0")"
python=${1:-python3}
sources=../tests/programs
object=$(mktemp)
trap 'rm -f "$object"' EXIT
for name in sha256 wc adventure; do
    "$python" -m ziglang clang --target=wasm32-linux-muslwali -matomics -mbulk-memory -std=c11 -O2 \
        -ffreestanding -fno-builtin -I "$sources" -c "$sources/$name.c" -o "$object"
    "$python" -m ziglang wasm-ld --shared-memory --export-memory --max-memory=2147483648 -z stack-size=1048576 \
        --entry=_start "$object" -o "$name.wasm"
    chmod 644 "$name.wasm"
done
