"""`python -m monoize` and the `monoize` command."""

from monoize.cli.app import main

if __name__ == "__main__":
    main()
