"""`python -m api.cli`: the same command, for processes that start others."""

from api.cli import app

if __name__ == "__main__":
    app()
