"""What only a machine with a GPU can check: `make gpu-check`, also `python -m tests.gpu --out FOLDER`.

Steps of many cases each. Every case is a line of FOLDER/results.jsonl as soon as it is done, so a run that was cut off
goes on where it stopped; summary.json is made of these lines. `--rehearse` runs the same code on the emulator, smaller.
"""
