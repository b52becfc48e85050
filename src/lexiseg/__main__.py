"""``python -m lexiseg`` is the command line."""

from lexiseg.cli import main

if __name__ == "__main__":
    main()
