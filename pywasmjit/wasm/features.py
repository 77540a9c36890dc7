"""Which features of WebAssembly a module may use.

A feature that is switched off is as if it had never been standardised: the
module is invalid.  One that is on but not in `opcodes.IMPLEMENTED` raises
`UnsupportedFeature` where a module uses it.  Names are those of
`opcodes.FEATURES`, with "_" for "-" where they are fields.
"""

from __future__ import annotations

from pywasmjit.records import record
from pywasmjit.wasm.opcodes import IMPLEMENTED


@record(frozen=True)
class Features:
    """A set of features; by default those of WebAssembly 3.0, and threads."""

    mutable_global: bool = True
    sign_extension: bool = True
    saturating_conversion: bool = True
    bulk_memory: bool = True
    reference_types: bool = True
    multi_value: bool = True
    extended_const: bool = True
    threads: bool = True
    multi_memory: bool = True
    simd: bool = True
    relaxed_simd: bool = True
    tail_call: bool = True
    function_references: bool = True
    gc: bool = True
    exceptions: bool = True
    memory64: bool = True
    legacy_exceptions: bool = False
    wide_arithmetic: bool = False
    custom_page_sizes: bool = False

    @staticmethod
    def default() -> Features:
        """Return the features of WebAssembly 3.0, and threads."""
        return DEFAULT

    @staticmethod
    def all() -> Features:
        """Return every feature that the table of instructions knows, proposals included."""
        return Features(legacy_exceptions=True, wide_arithmetic=True, custom_page_sizes=True)

    def enabled(self) -> frozenset[str]:
        """Return the names of the features that are on, spelt as in `opcodes.FEATURES`."""
        on = (name.replace("_", "-") for name in self.__match_args__ if getattr(self, name))
        return frozenset(("mvp", *on))

    def usable(self) -> frozenset[str]:
        """Return the names of the features that are on and that this version runs."""
        return self.enabled() & IMPLEMENTED


DEFAULT = Features()
