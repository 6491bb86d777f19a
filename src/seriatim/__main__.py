"""``python -m seriatim``: the command line."""

from seriatim.gateway.cli import main

if __name__ == "__main__":
    main()
