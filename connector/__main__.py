"""`python -m connector`, the same as `kam`."""

from connector.cli import main

if __name__ == "__main__":
    main()
