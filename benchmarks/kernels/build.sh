#!/usr/bin/env bash
# Build every kernel with zig's clang: c/*.c -> wasm/ (clang's default wasm32 features)
# and wasm-mvp/ (Wasm 1.0 only, for engines that know nothing newer).
# Usage: build.sh [PYTHON_WITH_ZIGLANG]
set -euo pipefail
cd "$(dirname "$0")"
python=${1:-python3}
flags=(-target wasm32-freestanding -O2 -fno-vectorize -fno-slp-vectorize
       -Wl,--no-entry -Wl,--strip-debug -Wl,-z,stack-size=16384)
mkdir -p wasm wasm-mvp
for source in c/*.c; do
    name=$(basename "$source" .c)
    "$python" -m ziglang cc "${flags[@]}" "$source" -o "wasm/$name.wasm"
    "$python" -m ziglang cc "${flags[@]}" -mcpu=mvp "$source" -o "wasm-mvp/$name.wasm"
    chmod 644 "wasm/$name.wasm" "wasm-mvp/$name.wasm"
done
