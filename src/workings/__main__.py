"""`python -m workings` is `workings`; torchrun starts it this way."""

from workings.cli.main import main

if __name__ == "__main__":
    main()
