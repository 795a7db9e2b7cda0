from __future__ import annotations

import typer

from pointsman.bench.command import bench

if __name__ == "__main__":
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command("python -m pointsman.bench")(bench)
    app()
