"""What each instruction becomes, one small function each, by kind of instruction.

Each module has a table `EMITTERS`, mnemonic -> emitter, in which mnemonics stand in full; `driver` puts them together.
An emitter gets the context and the instruction's immediate.  It may use other emitters' helpers, never the driver.
"""
