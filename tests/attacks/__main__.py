"""The attacks as a command: a table of what each came to.

    python -m tests.attacks [--prove] [NAME...]

--prove: natively, without a sandbox, where each must succeed.  Ends with status 1 if one in the sandbox does, or one
natively does not.
"""

from __future__ import annotations

import argparse
import sys

from tests.attacks.runner import prove, run_group, targets
from tests.attacks.table import ATTACKS, groups


def _grants(attack_grants: tuple[str, ...]) -> str:
    shown = [each.replace("{top}/", "") for each in attack_grants if not each.startswith("--")]
    return " ".join(shown)


def main() -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prove", action="store_true", help="natively: each must succeed")
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    return _prove(arguments.names) if arguments.prove else _attack(arguments.names)


def _attack(names: list[str]) -> int:
    succeeded = 0
    total = 0
    with targets() as aims:
        for group in groups():
            chosen = [each for each in group if not names or each.name in names]
            for outcome in run_group(aims, chosen) if chosen else ():
                attack = outcome.attack
                total += 1
                succeeded += not outcome.stopped
                verdict = "stopped" if outcome.stopped else "; ".join((*outcome.signs, *outcome.faults))
                print(f"{attack.name:30} {_grants(attack.grants):40} {verdict}", flush=True)
    print(f"{total} attacks, {succeeded} succeeded")
    return 1 if succeeded else 0


def _prove(names: list[str]) -> int:
    failed = 0
    chosen = [each for each in ATTACKS if each.proof and (not names or each.name in names)]
    for attack in chosen:
        signs = prove(attack)
        failed += not signs
        print(f"{attack.name:30} {'; '.join(signs)[:140] or 'FAILS'}", flush=True)
    print(
        f"{len(chosen)} attacks without a sandbox, {failed} failed; {len(ATTACKS) - len(chosen)} others cannot succeed"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
