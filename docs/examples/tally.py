"""A process that adds up what it is sent: run me twice, then see docs/folds.md."""

import sys

import seriatim


@seriatim.fold("tally@1.0", init={"sum": 0})
def tally(state: dict[str, int], step: seriatim.Step) -> dict[str, int]:
    """Add the amount of each message; slot 0 is the spawn."""
    if step.slot:
        state["sum"] += int(str(step.fields["amount"]))
    return state


def main(path: str) -> None:
    """Send three amounts to one process in the folder *path*, and say what has become of it."""
    with seriatim.open_blocking(path, folds=[tally]) as node:
        process = node.spawn({"name": "purse", "execution-device": "tally@1.0"})
        for amount in (1, 20, 300):
            node.schedule(process, {"amount": amount})
        now = node.compute(process)
        print(f"slot {now.slot}: sum {now.state['sum']}, state {now.state_hash}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "data")
